//! What a server cannot do to the client: hang it, crash it, or make an error of its own into one of
//! the harness. Each misdeed is an observation, in words.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dut::{Ctrl, Doorbell, Dut, Event, Fault, Width};
use lockstep_vfio_user::message::{
    Command, DmaAccess, Flags, Header, Layout, RegionAccess, SparseArea,
};
use lockstep_vfio_user::{Ring, VfioUser};
use log::{Perm, ResetKind};
use rustix::fs::{MemfdFlags, SealFlags};
use spec::Addr;

use crate::fake::{Fake, Lie, Shape};

/// Everything that a server can do instead of answering, and what is said of it.
fn lies() -> Vec<(Lie, &'static str)> {
    vec![
        (Lie::Silence, "no reply"),
        (Lie::Close, "closed the connection"),
        (Lie::Refuse(22), "Invalid argument"),
        (Lie::Refuse(0), "without a reason"),
        (Lie::Refuse(u32::MAX), "errno 4294967295"),
        (Lie::Another, "makes no sense"),
        (Lie::Neither, "makes no sense"),
        (Lie::Bytes(vec![0; 16]), "message of 0 bytes"),
        (Lie::Bytes(vec![0xff; 16]), "message of 4294967295 bytes"),
        (Lie::Bytes(vec![1, 0, 9]), "no reply"),
        (Lie::Flood, "no reply"),
    ]
}

/// Tries every lie, all at the same time: most of them are waited for.
fn with_each_lie(act: impl Fn(Lie, &'static str) + Sync) {
    std::thread::scope(|scope| {
        for (lie, words) in lies() {
            let act = &act;
            scope.spawn(move || act(lie, words));
        }
    });
}

/// Does something, and fails if it takes absurdly long.
fn timely<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let done = act();
    assert!(begin.elapsed() < Duration::from_secs(20), "{what} took {:?}", begin.elapsed());
    done
}

#[test]
fn whatever_happens_while_connecting_is_said_in_words() {
    let commands = [
        Command::VERSION,
        Command::DEVICE_GET_INFO,
        Command::DEVICE_GET_REGION_INFO,
        Command::DMA_MAP,
        Command::REGION_WRITE,
    ];
    for command in commands {
        for (lie, words) in lies() {
            let fake = Fake::lying(command, lie.clone());
            let error = timely("opening", || fake.open()).err();
            let error =
                error.unwrap_or_else(|| panic!("{command} {lie:?} was taken for an answer"));
            assert!(error.contains(words), "{command} {lie:?}: {error}");
        }
        if command != Command::DMA_MAP {
            // Too short, or something else.
            for payload in [vec![], vec![0; 3], vec![0xff; 40]] {
                let fake = Fake::lying(command, Lie::Payload(payload.clone()));
                let opened = timely("opening", || fake.open());
                let harmless = command == Command::REGION_WRITE;
                assert!(opened.is_err() || harmless, "{command} {payload:?}");
            }
        }
    }
}

fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::Gone(_) => "gone",
        Fault::Refused(_) => "refused",
        Fault::NoAnswer(_) => "no answer",
        Fault::Harness(_) => "harness",
    }
}

/// Which fault each lie is.
fn expected(lie: &Lie) -> &'static str {
    match lie {
        Lie::Silence | Lie::Flood => "no answer",
        Lie::Close => "gone",
        Lie::Bytes(bytes) if bytes.len() < 16 => "no answer",
        Lie::Bytes(_) => "gone",
        _ => "refused",
    }
}

const CC: u32 = 0x14;

#[test]
fn whatever_happens_to_an_access_is_an_observation() {
    with_each_lie(|lie, words| {
        let fake = Fake::lying_at(CC.into(), lie.clone());
        let mut dut = fake.open().unwrap();
        let fault = timely("a read", || dut.read(Ctrl(0), CC, Width::U32)).unwrap_err();
        assert_eq!(kind(&fault), expected(&lie), "{lie:?}: {fault}");
        assert!(fault.to_string().contains(words), "{lie:?}: {fault}");
        if kind(&fault) == "gone" {
            // And it stays so.
            let again = dut.write(Ctrl(0), CC, Width::U32, 0).unwrap_err();
            assert_eq!(kind(&again), "gone");
        }
    });
    with_each_lie(|lie, _| {
        let fake = Fake::lying_at(CC.into(), lie.clone());
        let mut dut = fake.open().unwrap();
        let fault = timely("a write", || dut.write(Ctrl(0), CC, Width::U32, 1)).unwrap_err();
        assert_eq!(kind(&fault), expected(&lie), "{lie:?}: {fault}");
    });
}

#[test]
fn a_read_of_other_bytes_than_were_asked_for_is_no_answer_to_it() {
    // Too few bytes, another place, more bytes than were asked for.
    let echo = |offset: u64, count: u32, data: &[u8]| {
        let mut bytes = Vec::new();
        let access = RegionAccess { offset, region: 0, count };
        access.encode(&mut bytes);
        bytes.extend_from_slice(data);
        bytes
    };
    let at = u64::from(CC);
    for payload in [echo(at, 4, &[1, 2]), echo(at, 8, &[0; 8]), echo(at + 4, 4, &[0; 4])] {
        let fake = Fake::lying_at(at, Lie::Payload(payload.clone()));
        let mut dut = fake.open().unwrap();
        let fault = dut.read(Ctrl(0), CC, Width::U32).unwrap_err();
        assert_eq!(kind(&fault), "refused", "{payload:?}: {fault}");
    }
}

#[test]
fn resets_interrupts_and_doorbells_fail_as_accesses_do() {
    type Act = fn(&mut VfioUser) -> Result<(), Fault>;
    let acts: [(Command, Act); 3] = [
        (Command::DEVICE_RESET, |dut| dut.reset(Ctrl(0), ResetKind::FunctionLevel).map(drop)),
        (Command::DEVICE_SET_IRQS, |dut| {
            dut.irq_setup(Ctrl(0), 3)?;
            dut.irq_setup(Ctrl(0), 0)
        }),
        (Command::REGION_WRITE, |dut| dut.ring(Ctrl(0), &[Doorbell { offset: 0x1000, value: 1 }])),
    ];
    for (command, act) in acts {
        with_each_lie(|lie, _| {
            let fake = match command {
                Command::REGION_WRITE => Fake::lying_at(0x1000, lie.clone()),
                command => Fake::lying(command, lie.clone()),
            };
            let mut dut = fake.open().unwrap();
            let fault = timely("an act", || act(&mut dut)).unwrap_err();
            assert_eq!(kind(&fault), expected(&lie), "{command} {lie:?}: {fault}");
        });
    }
}

/// What was written to configuration space so far (offset, value of 2 bytes), and where eventfds came.
fn configured(fake: &Fake) -> Vec<(u64, u16)> {
    let mut written = Vec::new();
    while let Ok((header, payload)) = fake.heard.try_recv() {
        match Command(header.command) {
            Command::REGION_WRITE => {
                let (access, data) = RegionAccess::with_data(&payload).unwrap();
                if access.region == 7 {
                    written.push((access.offset, u16::from_le_bytes(data.try_into().unwrap())));
                }
            }
            Command::DEVICE_SET_IRQS => written.push((SET_IRQS, 0)),
            _ => {}
        }
    }
    written
}

/// Stands for a message DEVICE_SET_IRQS in what [`configured`] returns.
const SET_IRQS: u64 = u64::MAX;

#[test]
fn intx_is_disabled_and_msix_enabled_in_configuration_space_while_it_has_eventfds() {
    let fake = Fake::new(Shape { script: Arc::new(|_, _| None), doorbells: None });
    let mut dut = fake.open().unwrap();
    assert_eq!(configured(&fake), [(4, 0x0406), (0x42, 0x0007)]);
    dut.irq_setup(Ctrl(0), 3).unwrap();
    let on = [(0x42, 0x0007), (SET_IRQS, 0), (SET_IRQS, 0), (0x42, 0x8007)];
    assert_eq!(configured(&fake), on);
    dut.irq_setup(Ctrl(0), 0).unwrap();
    assert_eq!(configured(&fake), [(0x42, 0x0007), (SET_IRQS, 0)]);
    dut.reset(Ctrl(0), ResetKind::FunctionLevel).unwrap();
    assert_eq!(configured(&fake), [(4, 0x0406), (0x42, 0x0007), (SET_IRQS, 0)]);
}

#[test]
fn servers_that_take_four_bytes_at_a_time_get_four() {
    let script = |command, payload: &[u8]| {
        let access = RegionAccess::decode(payload).ok();
        let wide = access.is_some_and(|access| access.region == 0 && access.count == 8);
        (matches!(command, Command::REGION_READ | Command::REGION_WRITE) && wide)
            .then_some(Lie::Refuse(22))
    };
    let fake = Fake::new(Shape { script: Arc::new(script), doorbells: None });
    let mut dut = fake.open().unwrap();
    assert!(!dut.capabilities().wide_access);
    assert_eq!(dut.read(Ctrl(0), 0, Width::U64), Ok(0x2001_00ff));
    assert_eq!(dut.write(Ctrl(0), 0x28, Width::U64, 1 << 40), Ok(()));
}

/// A server that sends a command of its own before it answers a read of CC.
fn sends(command: Command, payload: Vec<u8>) -> Fake {
    Fake::lying_at(CC.into(), Lie::First(command, payload))
}

fn access(address: u64, count: u64, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    DmaAccess { address, count }.encode(&mut bytes);
    bytes.extend_from_slice(data);
    bytes
}

/// The reply to the server's own command.
fn reply(fake: &Fake) -> (Header, Vec<u8>) {
    let own = |(header, _): &(Header, Vec<u8>)| header.id == 99 && header.is_reply();
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if let Some(found) = fake.heard.try_iter().find(own) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the client does not answer");
}

#[test]
fn a_server_reaches_what_is_mapped_with_the_right_and_nothing_else() {
    let base = 0x10_0000;
    let end = base + (1 << 20);
    // Address, count, bytes sent, whether it is a write; whether it is let through.
    let table: [(u64, u64, usize, bool, bool); 12] = [
        (base, 8, 0, false, true),
        (end - 8, 8, 8, true, true),
        (base + 0x1000, 8, 0, false, true),
        (base + 0x1000, 8, 8, true, false),
        (base + 0x2000, 8, 8, true, true),
        (base + 0x2000, 8, 0, false, false),
        (base + 0x1ffc, 8, 0, false, false),
        (end - 4, 8, 0, false, false),
        (base - 8, 8, 8, true, false),
        (u64::MAX - 3, 8, 0, false, false),
        (base, u64::MAX, 0, false, false),
        (base, 1 << 19, 0, false, false),
    ];
    for (address, count, sent, write, allowed) in table {
        let command = if write { Command::DMA_WRITE } else { Command::DMA_READ };
        let fake = sends(command, access(address, count, &vec![7; sent]));
        let mut dut = fake.open().unwrap();
        dut.map(Addr(base + 0x1000), 4096, Perm::ToController).unwrap();
        dut.map(Addr(base + 0x2000), 4096, Perm::FromController).unwrap();
        assert!(dut.memory().write(Addr(base), &[5; 8]));
        assert_eq!(dut.read(Ctrl(0), CC, Width::U32), Ok(0));
        let (header, payload) = reply(&fake);
        let what = format!("{command} of {count:#x} bytes at {address:#x}");
        assert_eq!(!header.is_error(), allowed, "{what}");
        if allowed && !write {
            assert_eq!(payload.len(), 24, "{what}");
        }
        if address == base && allowed {
            assert_eq!(payload[16..], [5; 8]);
        }
        if allowed && write {
            let mut bytes = [0; 8];
            assert!(dut.memory().read(Addr(address), &mut bytes));
            assert_eq!(bytes, [7; 8], "{what}");
        }
        let mut events = Vec::new();
        dut.drain(&mut |event| events.push(event));
        let dma = events.iter().find_map(|event| match event {
            Event::Dma { at, write, fault, .. } => Some((at.0, *write, *fault)),
            _ => None,
        });
        assert_eq!(dma, Some((address, write, !allowed)), "{what}");
    }
}

#[test]
fn commands_that_servers_do_not_have_are_refused() {
    for command in [Command::DMA_MAP, Command::DEVICE_RESET, Command(77)] {
        let fake = sends(command, vec![1; 40]);
        let mut dut = fake.open().unwrap();
        assert_eq!(dut.read(Ctrl(0), CC, Width::U32), Ok(0));
        assert!(reply(&fake).0.is_error(), "{command}");
    }
    for payload in [vec![], vec![0; 15], access(0x10_0000, 64, &[0; 8])] {
        let fake = sends(Command::DMA_WRITE, payload);
        let mut dut = fake.open().unwrap();
        assert_eq!(dut.read(Ctrl(0), CC, Width::U32), Ok(0));
        let (header, _) = reply(&fake);
        assert_eq!(header.flags, Flags::REPLY | Flags::ERROR);
    }
}

#[test]
fn file_descriptors_that_nobody_asked_for_are_closed() {
    let fake = Fake::lying(Command::REGION_READ, Lie::Descriptors);
    let mut dut = fake.open().unwrap();
    for _ in 0..50 {
        dut.read(Ctrl(0), 8, Width::U32).unwrap();
    }
    drop(fake);
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    let unwanted = |entry: std::io::Result<std::fs::DirEntry>| {
        let target = std::fs::read_link(entry.unwrap().path());
        target.is_ok_and(|target| target.to_string_lossy().contains("memfd:unwanted"))
    };
    assert_eq!(links.map(unwanted).filter(|found| *found).count(), 0);
}

/// A server that lets doorbells be mapped.
fn with_doorbells(
    bytes: u64,
    sealable: bool,
    areas: &[(u64, u64)],
) -> (Fake, Arc<rustix::fd::OwnedFd>) {
    let flags = if sealable { MemfdFlags::ALLOW_SEALING } else { MemfdFlags::empty() };
    let file = Arc::new(rustix::fs::memfd_create("doorbells", flags).unwrap());
    rustix::fs::ftruncate(&*file, bytes).unwrap();
    let areas = areas.iter().map(|(offset, size)| SparseArea { offset: *offset, size: *size });
    let doorbells = Some((Arc::clone(&file), areas.collect()));
    (Fake::new(Shape { script: Arc::new(|_, _| None), doorbells }), file)
}

fn word(file: &rustix::fd::OwnedFd, at: u64) -> u32 {
    let mut word = [0; 4];
    rustix::io::pread(file, &mut word, at).unwrap();
    u32::from_le_bytes(word)
}

#[test]
fn doorbells_are_mapped_where_the_file_cannot_be_cut_off() {
    let (fake, file) = with_doorbells(0x2000, true, &[(0x1000, 0x1000)]);
    let mut dut = fake.open().unwrap();
    dut.ring(Ctrl(0), &[Doorbell { offset: 0x1008, value: 3 }]).unwrap();
    assert_eq!(word(&file, 0x1008), 3);
    // It was not sealed before; now it is.
    assert!(rustix::fs::fcntl_get_seals(&*file).unwrap().contains(SealFlags::SHRINK));
    // What lies beside the area goes by message.
    dut.ring(Ctrl(0), &[Doorbell { offset: 0x2000, value: 4 }]).unwrap();
    let outside = dut.ring(Ctrl(0), &[Doorbell { offset: 0x4000, value: 4 }]);
    assert!(matches!(outside, Err(Fault::Refused(_))));
}

#[test]
fn doorbells_that_could_be_cut_off_are_mapped_only_on_trust() {
    let (fake, file) = with_doorbells(0x2000, false, &[(0x1000, 0x1000)]);
    let mut dut = fake.open().unwrap();
    assert!(dut.identity().description.contains("doorbells not mapped: the file could be cut off"));
    dut.ring(Ctrl(0), &[Doorbell { offset: 0x1008, value: 3 }]).unwrap();
    assert_eq!(word(&file, 0x1008), 0);
    drop((dut, fake));
    let (fake, file) = with_doorbells(0x2000, false, &[(0x1000, 0x1000)]);
    let options = lockstep_vfio_user::Options { ring: Ring::Trusting, ..fake.options() };
    let mut dut = VfioUser::open(options).unwrap();
    dut.ring(Ctrl(0), &[Doorbell { offset: 0x1008, value: 3 }]).unwrap();
    assert_eq!(word(&file, 0x1008), 3);
}

#[test]
fn areas_that_make_no_sense_are_not_mapped() {
    let wrong: [(u64, &[(u64, u64)]); 6] = [
        (0x1000, &[(0x1000, 0x1000)]),
        (0x8000, &[(0x4000, 0x1000)]),
        (0x8000, &[(u64::MAX, 0x1000)]),
        (0x8000, &[(0x1000, u64::MAX)]),
        (0x8000, &[(0x1000, 0)]),
        (0x8000, &[(0x1001, 0x100)]),
    ];
    for (bytes, areas) in wrong {
        let (fake, _) = with_doorbells(bytes, true, areas);
        let mut dut = fake.open().unwrap();
        let description = dut.identity().description;
        assert!(description.contains("doorbells not mapped"), "{areas:x?}: {description}");
        dut.ring(Ctrl(0), &[Doorbell { offset: 0x1008, value: 3 }]).unwrap();
    }
}
