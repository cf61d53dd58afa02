//! Memory of a client: what its maps, their files and their rights allow, and no more.

use std::os::fd::{AsFd, AsRawFd, RawFd};

use crate::common::{
    ALLOWS_READ, ALLOWS_WRITE, BOTH, CAP, DONE, FAULT, READ, Raw, Serving, WORD, WRITE, errno, map,
    memfd, serves_well, serves_well_beside, word_at,
};
use lockstep_vfio_user::message::{Command, DmaAccess, DmaMap, DmaUnmap, Layout, RegionAccess};
use lockstep_vfio_user::server::Doorbells;
use rustix::io::Errno;

#[test]
fn maps_are_what_their_file_and_their_rights_allow() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let fd = memfd(8192, true);
    let mut add = |map: DmaMap, fds: &[_]| raw.ask(Command::DMA_MAP, |to| map.encode(to), fds);
    let fds = &[fd.as_fd()][..];
    let invalid = [
        map(0x1000, 0, 0, BOTH),
        map(0x1000, 8193, 0, BOTH),
        map(0x1000, 4096, 4097, BOTH),
        map(0x1000, 4096, u64::MAX, BOTH),
        map(u64::MAX, 4096, 0, BOTH),
        map(0x1000, 4096, 0, 4),
    ];
    for map in invalid {
        assert_eq!(add(map, fds).unwrap_err(), errno(Errno::INVAL), "{map:?}");
    }
    let two = &[fd.as_fd(), fd.as_fd()];
    assert_eq!(add(map(0x1000, 4096, 0, BOTH), two).unwrap_err(), errno(Errno::INVAL));
    let pipe = std::io::pipe().unwrap();
    // Nothing that is no shared memory is touched: it counts as a region without a file.
    assert!(add(map(0x9000_0000, 4096, 0, BOTH), &[pipe.0.as_fd()]).is_ok());
    let read_only = reopened(fd.as_raw_fd());
    let refused = add(map(0x1000, 4096, 0, BOTH), &[read_only.as_fd()]);
    assert_eq!(refused.unwrap_err(), errno(Errno::ACCESS));

    add(map(0x1000, 4096, 0, DmaMap::READABLE), fds).unwrap();
    add(map(0x2000, 4096, 4096, DmaMap::WRITEABLE), fds).unwrap();
    for (at, size) in [(0x1000, 4096), (0x1fff, 1), (0xfff, 2), (0, 0x10000), (0x2800, 0x800)] {
        let overlap = add(map(at, size, 0, BOTH), fds);
        assert_eq!(overlap.unwrap_err(), errno(Errno::EXIST), "{at:#x} {size:#x}");
    }
    let allowed = [
        (0x1000, READ, DONE),
        (0x1ff8, READ, DONE),
        (0x1ff9, READ, FAULT),
        (0x2000, READ, FAULT),
        (0x1000, WRITE, FAULT),
        (0x2000, WRITE, DONE),
        (0x2ff8, WRITE, DONE),
        (0x2ffc, WRITE, FAULT),
        (0xff8, READ, FAULT),
        (u64::MAX - 3, READ, FAULT),
        (0x1000, ALLOWS_READ | 4096 << 8, DONE),
        (0x1000, ALLOWS_READ | 4097 << 8, FAULT),
        (0x1800, ALLOWS_WRITE | 8 << 8, FAULT),
        (u64::MAX, ALLOWS_READ | 8 << 8, FAULT),
    ];
    for (at, operation, result) in allowed {
        assert_eq!(raw.perform(at, operation), result, "{at:#x} {operation:#x}");
    }
    let take = |address, size| DmaUnmap { argsz: 24, flags: 0, address, size };
    for (unmap, error) in [
        (take(0x1000, 4095), Errno::INVAL),
        (take(0x1001, 4095), Errno::NOENT),
        (DmaUnmap { flags: 2, ..take(0x1000, 0) }, Errno::INVAL),
        (DmaUnmap { flags: 1, ..take(0x1000, 4096) }, Errno::INVAL),
    ] {
        let refused = raw.ask(Command::DMA_UNMAP, |to| unmap.encode(to), &[]);
        assert_eq!(refused.unwrap_err(), errno(error), "{unmap:?}");
    }
    raw.ask(Command::DMA_UNMAP, |to| take(0x1000, 4096).encode(to), &[]).unwrap();
    assert_eq!(raw.perform(0x1000, READ), FAULT);
}

fn reopened(fd: RawFd) -> std::fs::File {
    std::fs::File::open(format!("/proc/self/fd/{fd}")).unwrap()
}

#[test]
fn accesses_cross_regions_page_by_page() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let (sealed, open) = (memfd(4096, true), memfd(4096, false));
    for (address, fd) in [(0x1000, &sealed), (0x2000, &open)] {
        let map = map(address, 4096, 0, BOTH);
        raw.ask(Command::DMA_MAP, |to| map.encode(to), &[fd.as_fd()]).unwrap();
    }
    raw.write(0, WORD.into(), &0x1122_3344_5566_7788u64.to_le_bytes()).unwrap();
    assert_eq!(raw.perform(0x1ffc, WRITE), DONE);
    assert_eq!(word_at(&open, 0) as u32, 0x1122_3344);
    raw.write(0, WORD.into(), &[0; 8]).unwrap();
    assert_eq!(raw.perform(0x1ffc, READ), DONE);
    assert_eq!(raw.read(0, WORD.into(), 8).unwrap(), 0x1122_3344_5566_7788u64.to_le_bytes());
}

#[test]
fn memory_that_is_taken_away_is_a_fault_and_kills_nobody() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let fd = memfd(8192, false);
    let map = map(0x1000, 8192, 0, BOTH);
    raw.ask(Command::DMA_MAP, |to| map.encode(to), &[fd.as_fd()]).unwrap();
    assert_eq!(raw.perform(0x1000, READ), DONE);
    rustix::fs::ftruncate(&fd, 0).unwrap();
    assert_eq!(raw.perform(0x1000, READ), FAULT);
    assert_eq!(raw.perform(0x2000, READ), FAULT);
    serves_well_beside(&serving, raw);
}

#[test]
fn without_bus_mastering_nothing_is_accessed() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let fd = memfd(4096, true);
    let map = map(0, 4096, 0, BOTH);
    raw.ask(Command::DMA_MAP, |to| map.encode(to), &[fd.as_fd()]).unwrap();
    assert_eq!(raw.perform(0, READ), DONE);
    raw.write(7, 4, &2u16.to_le_bytes()).unwrap();
    assert_eq!(raw.perform(0, READ), FAULT);
    // Without memory space nobody answers.
    raw.write(7, 4, &4u16.to_le_bytes()).unwrap();
    assert_eq!(raw.read(0, 0, 8).unwrap(), [0xff; 8]);
}

#[test]
fn memory_without_a_file_is_accessed_by_messages() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let map = map(0x1000, 4096, 0, BOTH);
    raw.ask(Command::DMA_MAP, |to| map.encode(to), &[]).unwrap();
    for (good, result) in [(true, DONE), (false, FAULT)] {
        raw.begin(0x1800, READ);
        let (header, payload, _) = raw.hear().unwrap();
        assert_eq!(Command(header.command), Command::DMA_READ);
        let access = DmaAccess::decode(&payload).unwrap();
        assert_eq!(access, DmaAccess { address: 0x1800, count: 8 });
        let mut reply = Vec::new();
        match good {
            true => {
                header.reply(24).encode(&mut reply);
                reply.extend_from_slice(&payload);
                reply.extend_from_slice(&0x5eedu64.to_le_bytes());
            }
            false => header.refusal(14).encode(&mut reply),
        }
        raw.channel.send(&reply, &[]).unwrap();
        assert_eq!(raw.result(), result);
        assert_eq!(raw.read(0, WORD.into(), 8).unwrap(), 0x5eedu64.to_le_bytes());
    }
    // Lies: another address, too few bytes.
    for lie in [&[0u8; 24][..], &[0u8; 10]] {
        raw.begin(0x1800, READ);
        let (header, ..) = raw.hear().unwrap();
        let mut reply = Vec::new();
        header.reply(lie.len()).encode(&mut reply);
        reply.extend_from_slice(lie);
        raw.channel.send(&reply, &[]).unwrap();
        assert_eq!(raw.result(), FAULT);
    }
    // Commands that come before the answer are done after it.
    raw.begin(0x1800, READ);
    let (header, payload, _) = raw.hear().unwrap();
    let access = RegionAccess { offset: 0, region: 0, count: 8 };
    let mut ask = Vec::new();
    access.encode(&mut ask);
    raw.tell(Command::REGION_READ, 0, &ask, &[]);
    let mut reply = Vec::new();
    header.reply(24).encode(&mut reply);
    reply.extend_from_slice(&payload);
    reply.extend_from_slice(&7u64.to_le_bytes());
    raw.channel.send(&reply, &[]).unwrap();
    let (header, payload, _) = raw.hear().unwrap();
    assert_eq!(Command(header.command), Command::REGION_READ);
    assert_eq!(payload[16..], CAP.to_le_bytes());
    assert_eq!(raw.result(), DONE);
}

#[test]
fn a_client_that_does_not_answer_for_its_memory_is_let_go() {
    let serving = Serving::new(Doorbells::Mapped);
    let mut raw = Raw::mastering(&serving);
    let map = map(0x1000, 4096, 0, BOTH);
    raw.ask(Command::DMA_MAP, |to| map.encode(to), &[]).unwrap();
    raw.begin(0x1800, READ);
    let (header, ..) = raw.hear().unwrap();
    assert_eq!(Command(header.command), Command::DMA_READ);
    assert!(raw.is_closed());
    serves_well(&serving);
}
