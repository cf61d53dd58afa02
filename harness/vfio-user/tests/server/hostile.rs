//! What a client cannot do to the server: crash it, hang it, read what it should not, or leave
//! something behind. After each attempt the next client is served as if nothing had happened.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::common::{
    CAP, DONE, MESSAGE, RESULT, RUNG, Raw, Serving, WORD, errno, map, memfd, named_memfd,
    serves_well, serves_well_beside,
};
use lockstep_vfio_user::message::{
    Command, Flags, Header, IrqSet, Layout, RegionAccess, RegionInfo, RegionInfoReply, SetIrqs,
    SingleWrite, WriteMulti,
};
use lockstep_vfio_user::server::{Doorbells, TURN};
use proptest::prelude::*;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

#[test]
fn nonsense_ends_the_connection_and_nothing_else() {
    let serving = Serving::new(Doorbells::Mapped);
    let sizes = [0u32, 1, 15, 1 << 20, u32::MAX];
    for size in sizes {
        let mut stream = UnixStream::connect(&serving.socket).unwrap();
        let mut bytes = Vec::new();
        Header { id: 1, command: 1, size, flags: 0, error: 0 }.encode(&mut bytes);
        stream.write_all(&bytes).unwrap();
        let mut raw = Raw::over(stream);
        assert!(raw.is_closed(), "a message of {size} bytes");
    }
    // Anything before VERSION, and VERSION twice.
    let mut raw = Raw::connect(&serving);
    raw.tell(Command::DEVICE_RESET, 0, &[], &[]);
    assert!(raw.is_closed());
    let mut raw = Raw::greeted(&serving);
    raw.tell(Command::VERSION, 0, &[0, 0, 1, 0], &[]);
    assert!(raw.is_closed());
    serves_well(&serving);
}

#[test]
fn a_client_that_stops_in_the_middle_of_a_message_holds_nobody_up_after_it_left() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut stream = UnixStream::connect(&serving.socket).unwrap();
    stream.write_all(&[1, 0, 1, 0, 40, 0]).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    drop(stream);
    serves_well(&serving);
}

#[test]
fn commands_that_are_not_known_or_too_short_are_refused_and_the_stream_stays_in_step() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let unknown = [0, 6, 11, 12, 14, 16, 17, 18, 19, 0xffff].map(Command);
    for command in unknown {
        let refused = raw.ask(command, |to| to.extend_from_slice(&[7; 64]), &[]);
        assert_eq!(refused.unwrap_err(), errno(Errno::OPNOTSUPP), "{command}");
    }
    for command in (2..=15).map(Command).filter(|c| !unknown.contains(c)) {
        if command != Command::DEVICE_RESET {
            let refused = raw.ask(command, |to| to.extend_from_slice(&[0; 3]), &[]);
            assert_eq!(refused.unwrap_err(), errno(Errno::INVAL), "{command}");
        }
    }
    // A reply that nobody waits for, and a command that wants no reply.
    raw.tell(Command::DMA_READ, Flags::REPLY, &[0; 16], &[]);
    raw.tell(Command::REGION_READ, Flags::NO_REPLY, &[0xff; 16], &[]);
    assert_eq!(raw.read(0, 0, 8).unwrap(), CAP.to_le_bytes());
}

#[test]
fn accesses_outside_of_a_region_are_refused() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let wrong = [
        (0, 0, 3),
        (0, 0, 16),
        (0, 0x4000, 4),
        (0, 0x3ffe, 4),
        (0, u64::MAX - 1, 4),
        (1, 0, 4),
        (4, 0x2000, 4),
        (7, 4096, 1),
        (7, 4093, 4),
        (9, 0, 4),
        (u32::MAX, 0, 4),
        (7, 0, u32::MAX),
        (0, 0, 0),
    ];
    for (region, offset, count) in wrong {
        let refused = raw.read(region, offset, count);
        assert_eq!(refused.unwrap_err(), errno(Errno::INVAL), "{region} {offset:#x} {count}");
    }
    let access = RegionAccess { offset: 0, region: 0, count: u32::MAX };
    let refused = raw.ask(Command::REGION_WRITE, |to| access.encode(to), &[]);
    assert_eq!(refused.unwrap_err(), errno(Errno::INVAL));
    let write = SingleWrite { offset: 0, region: 0, count: 9, data: [0; 8] };
    let multi = |to: &mut Vec<u8>| WriteMulti::encode(&[write], to);
    let refused = raw.ask(Command::REGION_WRITE_MULTI, multi, &[]);
    assert_eq!(refused.unwrap_err(), errno(Errno::INVAL));
    assert_eq!(raw.read(7, 0, 4096).unwrap().len(), 4096);
}

fn set_irqs(index: u32, flags: u32, start: u32, count: u32) -> IrqSet {
    IrqSet { argsz: 20, flags, index, start, count }
}

const ASSIGN: u32 = IrqSet::DATA_EVENTFD | IrqSet::ACTION_TRIGGER;

#[test]
fn interrupts_are_eventfds_in_range_and_nothing_else() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let event = || eventfd(0, EventfdFlags::NONBLOCK).unwrap();
    let (one, other) = (event(), event());
    let mut set = |set: IrqSet, fds: &[_]| {
        raw.ask(Command::DEVICE_SET_IRQS, |to| SetIrqs { set, bools: &[] }.encode(to), fds)
    };
    let memory = memfd(4096, true);
    let invalid = errno(Errno::INVAL);
    for (asked, fds) in [
        (set_irqs(2, ASSIGN, 3, 2), &[one.as_fd(), other.as_fd()][..]),
        (set_irqs(2, ASSIGN, u32::MAX, 2), &[one.as_fd(), other.as_fd()]),
        (set_irqs(2, ASSIGN, 0, 2), &[one.as_fd()]),
        (set_irqs(2, ASSIGN, 0, 1), &[memory.as_fd()]),
        (set_irqs(1, ASSIGN, 0, 1), &[one.as_fd()]),
        (set_irqs(5, ASSIGN, 0, 1), &[one.as_fd()]),
        (set_irqs(2, ASSIGN | IrqSet::DATA_NONE, 0, 1), &[one.as_fd()]),
        (set_irqs(2, IrqSet::DATA_EVENTFD, 0, 1), &[one.as_fd()]),
        (set_irqs(2, ASSIGN | 1 << 9, 0, 1), &[one.as_fd()]),
        (set_irqs(2, IrqSet::DATA_NONE | IrqSet::ACTION_TRIGGER, 1, 0), &[]),
    ] {
        assert_eq!(set(asked, fds).unwrap_err(), invalid, "{asked:?}");
    }
    set(set_irqs(2, ASSIGN, 0, 2), &[one.as_fd(), other.as_fd()]).unwrap();
    assert_eq!(raw.perform(0, MESSAGE | 1 << 8), DONE);
    let mut count = [0; 8];
    assert_eq!(rustix::io::read(&other, &mut count), Ok(8));
    assert_eq!(u64::from_ne_bytes(count), 1);
    assert_eq!(rustix::io::read(&one, &mut count), Err(Errno::AGAIN));
    // A full counter holds nobody up.
    rustix::io::write(&one, &(u64::MAX - 1).to_ne_bytes()).unwrap();
    assert_eq!(raw.perform(0, MESSAGE), DONE);
    // Masked in the table it is pending, and comes when it is unmasked.
    raw.write(4, 16 + 12, &1u32.to_le_bytes()).unwrap();
    assert_eq!(raw.perform(0, MESSAGE | 1 << 8), DONE);
    assert_eq!(raw.read(4, 0x1000, 8).unwrap()[0], 2);
    assert_eq!(rustix::io::read(&other, &mut count), Err(Errno::AGAIN));
    raw.write(4, 16 + 12, &0u32.to_le_bytes()).unwrap();
    assert_eq!(rustix::io::read(&other, &mut count), Ok(8));
    assert_eq!(raw.read(4, 0x1000, 8).unwrap()[0], 0);
}

#[test]
fn intx_is_signalled_once_and_again_when_it_is_unmasked() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let event = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
    let set = |raw: &mut Raw, flags: u32, count: u32, fds: &[std::os::fd::BorrowedFd<'_>]| {
        let set = set_irqs(0, flags, 0, count);
        raw.ask(Command::DEVICE_SET_IRQS, |to| SetIrqs { set, bools: &[] }.encode(to), fds).unwrap()
    };
    set(&mut raw, ASSIGN, 1, &[event.as_fd()]);
    let signals = || {
        let mut count = [0; 8];
        let read = rustix::io::read(&event, &mut count);
        if read.is_ok() { u64::from_ne_bytes(count) } else { 0 }
    };
    // So many replies span the end of a turn, where the pin follows the device.
    let settle = |raw: &mut Raw| {
        (0..=TURN).for_each(|_| {
            let _ = raw.register(RESULT);
        })
    };
    // The toy asserts it as long as there is a result.
    assert_eq!(raw.perform(0, MESSAGE), DONE);
    settle(&mut raw);
    assert_eq!(signals(), 1);
    assert_eq!(raw.read(7, 6, 1).unwrap()[0] & 8, 8, "Interrupt Status");
    set(&mut raw, IrqSet::DATA_NONE | IrqSet::ACTION_UNMASK, 1, &[]);
    settle(&mut raw);
    assert_eq!(signals(), 1);
    set(&mut raw, IrqSet::DATA_NONE | IrqSet::ACTION_MASK, 1, &[]);
    settle(&mut raw);
    assert_eq!(signals(), 0);
    // Interrupt Disable holds it down; without an eventfd nobody is told.
    raw.write(7, 4, &0x406u16.to_le_bytes()).unwrap();
    set(&mut raw, IrqSet::DATA_NONE | IrqSet::ACTION_UNMASK, 1, &[]);
    settle(&mut raw);
    assert_eq!(signals(), 0);
    raw.write(7, 4, &6u16.to_le_bytes()).unwrap();
    settle(&mut raw);
    assert_eq!(signals(), 1);
    set(&mut raw, IrqSet::DATA_NONE | IrqSet::ACTION_TRIGGER, 0, &[]);
    assert_eq!(raw.perform(0, MESSAGE), DONE);
    settle(&mut raw);
    assert_eq!(signals(), 0);
}

#[test]
fn more_file_descriptors_than_anybody_sends_end_the_connection_and_none_is_kept() {
    let serving = Serving::new(Doorbells::Mapped);
    for _ in 0..20 {
        let raw = Raw::greeted(&serving);
        let fd = named_memfd("leak", 4096, true);
        let fds = [fd.as_fd(); 40];
        send_many(&raw, &fds);
        let mut raw = raw;
        assert!(raw.is_closed());
    }
    // Some with commands that want none, or that are refused.
    for _ in 0..20 {
        let mut raw = Raw::greeted(&serving);
        let fd = named_memfd("leak", 4096, true);
        let fds = [fd.as_fd(); 8];
        let _ = raw.ask(Command::DEVICE_RESET, |_| {}, &fds);
        let _ = raw.ask(Command::DMA_MAP, |to| map(0, 0, 0, 0).encode(to), &fds);
        let _ = raw.ask(Command(99), |_| {}, &fds);
    }
    // It has let the last one go when it has served the next.
    serves_well(&serving);
    assert_eq!(open_files(), 0);
}

/// Memfds of that test that this process has open: the server is a thread of it.
fn open_files() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    let memory = |entry: std::io::Result<std::fs::DirEntry>| {
        let target = std::fs::read_link(entry.unwrap().path());
        target.is_ok_and(|target| target.to_string_lossy().contains("memfd:leak"))
    };
    links.map(memory).filter(|found| *found).count()
}

fn send_many(raw: &Raw, fds: &[std::os::fd::BorrowedFd<'_>]) {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(40))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
    let mut bytes = Vec::new();
    Header::command(7, Command::DEVICE_GET_INFO, 16).encode(&mut bytes);
    bytes.resize(32, 0);
    let parts = [std::io::IoSlice::new(&bytes)];
    sendmsg(&raw.channel, &parts, &mut control, SendFlags::empty()).unwrap();
}

#[test]
fn a_client_that_reads_no_replies_is_not_read_from_either() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let access = RegionAccess { offset: 0, region: 7, count: 4096 };
    let mut ask = Vec::new();
    access.encode(&mut ask);
    // Far more replies than the socket holds; the commands are held back on our side.
    let mut sent = 0;
    while sent < 20_000 && !raw.channel.has_unsent() {
        raw.tell(Command::REGION_READ, 0, &ask, &[]);
        sent += 1;
    }
    assert!(raw.channel.has_unsent(), "the server would have taken {sent} commands");
    for _ in 0..sent {
        let (_, payload, _) = raw.hear().expect("a reply");
        assert_eq!(payload.len(), 16 + 4096);
    }
    serves_well_beside(&serving, raw);
}

#[test]
fn doorbells_ring_once_by_whatever_way() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let ask = RegionInfo { argsz: 4096, ..RegionInfo::default() };
    let mut payload = Vec::new();
    ask.encode(&mut payload);
    raw.tell(Command::DEVICE_GET_REGION_INFO, 0, &payload, &[]);
    let (_, payload, fds) = raw.hear().unwrap();
    let reply = RegionInfoReply::decode(&payload).unwrap();
    let area = reply.sparse.unwrap()[0];
    assert_eq!((area.offset, area.size, fds.len()), (0x1000, 4096, 1));
    // Through the file, as a mapping would: the server finds it before it answers.
    rustix::io::pwrite(&fds[0], &5u32.to_le_bytes(), 0x1008).unwrap();
    assert_eq!(raw.register(RUNG), 1);
    rustix::io::pwrite(&fds[0], &5u32.to_le_bytes(), 0x1008).unwrap();
    assert_eq!(raw.register(RUNG), 2);
    raw.write(0, 0x1008, &5u32.to_le_bytes()).unwrap();
    assert_eq!(raw.register(RUNG), 3);
    // The file cannot be cut off under the server.
    assert!(rustix::fs::ftruncate(&fds[0], 0).is_err());
    // The next client's doorbells are not this one's.
    drop(raw);
    let mut next = Raw::mastering(&serving);
    rustix::io::pwrite(&fds[0], &6u32.to_le_bytes(), 0x1008).unwrap();
    assert_eq!(next.register(RUNG), 0);
}

#[test]
fn a_second_client_waits_until_the_first_has_left() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut first = Raw::mastering(&serving);
    first.write(0, WORD.into(), &[9; 8]).unwrap();
    let socket = serving.socket.clone();
    let waiting = std::thread::spawn(move || {
        let stream = UnixStream::connect(socket).unwrap();
        let mut raw = Raw::over(stream);
        raw.tell(Command::VERSION, 0, &[0, 0, 1, 0], &[]);
        raw.hear().unwrap();
        raw.write(7, 4, &6u16.to_le_bytes()).unwrap();
        raw.read(0, WORD.into(), 8).unwrap()
    });
    std::thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    assert_eq!(first.read(0, WORD.into(), 8).unwrap(), [9; 8]);
    drop(first);
    // Its function was reset in between.
    assert_eq!(waiting.join().unwrap(), [0; 8]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_commands_in_any_order_are_answered_or_end_the_connection(
        commands in proptest::collection::vec(
            (0u16..20, proptest::collection::vec(any::<u8>(), 0..80), 0usize..3),
            1..24,
        )
    ) {
        let serving = Serving::new(Doorbells::Mapped);
        let mut raw = Raw::mastering(&serving);
        let fd = memfd(4096, true);
        for (command, payload, count) in commands {
            let fds = [fd.as_fd(); 2];
            raw.tell(Command(command), 0, &payload, &fds[..count]);
            match raw.hear() {
                Some((header, ..)) => prop_assert!(header.is_reply() || header.is_command()),
                None => break,
            }
        }
        drop(raw);
        serves_well(&serving);
    }
}
