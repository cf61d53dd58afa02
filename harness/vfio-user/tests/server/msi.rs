//! A function with MSI: enabled by SET_IRQS, as many messages as were given eventfds.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use lockstep_vfio_user::message::{
    Command, IrqInfo, IrqSet, Layout, RegionInfo, RegionInfoReply, SetIrqs,
};
use lockstep_vfio_user::server::Doorbells;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use vfio_user::Client;

use crate::common::{ADDRESS, DONE, MESSAGE, OPERATION, RESULT, Raw, Serving, errno};

const MSI: u32 = 1;
const MSIX: u32 = 2;
const ASSIGN: u32 = IrqSet::DATA_EVENTFD | IrqSet::ACTION_TRIGGER;
const TRIGGER: u32 = IrqSet::DATA_NONE | IrqSet::ACTION_TRIGGER;
/// Message Control of the capability.
const CONTROL: u64 = 0x52;
/// No vector.
const NONE: [usize; 0] = [];

fn events(count: usize) -> Vec<OwnedFd> {
    (0..count).map(|_| eventfd(0, EventfdFlags::NONBLOCK).unwrap()).collect()
}

fn set(
    raw: &mut Raw,
    (index, flags): (u32, u32),
    (start, count): (u32, u32),
    fds: &[OwnedFd],
) -> Result<(), u32> {
    let set = IrqSet { argsz: 20, flags, index, start, count };
    let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
    let set = |to: &mut Vec<u8>| SetIrqs { set, bools: &[] }.encode(to);
    raw.ask(Command::DEVICE_SET_IRQS, set, &fds).map(drop)
}

fn info(raw: &mut Raw, index: u32) -> (u32, u32) {
    let ask = IrqInfo { argsz: 16, index, ..IrqInfo::default() };
    let reply = raw.ask(Command::DEVICE_GET_IRQ_INFO, |to| ask.encode(to), &[]).unwrap();
    let info = IrqInfo::decode(&reply).unwrap();
    (info.count, info.flags)
}

fn signals(event: &OwnedFd) -> u64 {
    let mut count = [0; 8];
    let read = rustix::io::read(event, &mut count);
    if read.is_ok() { u64::from_ne_bytes(count) } else { 0 }
}

/// The vectors whose messages come when the toy sends one of each of the first `of`.
fn that_come(raw: &mut Raw, events: &[OwnedFd], of: u32) -> Vec<usize> {
    (0..of).for_each(|vector| assert_eq!(raw.perform(0, MESSAGE | vector << 8), DONE));
    let heard = events.iter().enumerate().filter(|(_, event)| signals(event) == 1);
    heard.map(|(vector, _)| vector).collect()
}

fn control(raw: &mut Raw) -> u16 {
    u16::from_le_bytes(raw.read(7, CONTROL, 2).unwrap().try_into().unwrap())
}

#[test]
fn a_function_has_msi_in_place_of_msix() {
    let (with, without) = (Serving::with_msi(16), Serving::new(Doorbells::Mapped));
    let (mut msi, mut msix) = (Raw::mastering(&with), Raw::mastering(&without));
    assert_eq!(info(&mut msi, MSI), (16, IrqInfo::EVENTFD));
    assert_eq!((info(&mut msi, MSIX), info(&mut msix, MSI)), ((0, 0), (0, 0)));
    assert_eq!(control(&mut msi), 0x0088);
    // There is no table, and no BAR that would hold it.
    let ask = RegionInfo { argsz: 32, index: 4, ..RegionInfo::default() };
    let reply = msi.ask(Command::DEVICE_GET_REGION_INFO, |to| ask.encode(to), &[]).unwrap();
    let region = RegionInfoReply::decode(&reply).unwrap().info;
    assert_eq!((region.size, region.flags), (0, 0));
    assert_eq!(msi.read(4, 0, 4), Err(errno(Errno::INVAL)));
    // What one of them has the other one does not take, not even to turn it off.
    for (raw, index) in [(&mut msi, MSIX), (&mut msix, MSI)] {
        let refused = Err(errno(Errno::INVAL));
        assert_eq!(set(raw, (index, ASSIGN), (0, 1), &events(1)), refused);
        assert_eq!(set(raw, (index, TRIGGER), (0, 0), &[]), refused);
    }
}

#[test]
fn as_many_messages_are_granted_as_have_eventfds() {
    let serving = Serving::with_msi(16);
    let mut raw = Raw::mastering(&serving);
    let events = events(16);
    assert_eq!(that_come(&mut raw, &events, 16), NONE);
    set(&mut raw, (MSI, ASSIGN), (0, 1), &events[..1]).unwrap();
    assert_eq!(control(&mut raw), 0x0089);
    assert_eq!(that_come(&mut raw, &events, 16), [0]);
    // Three are four of a function that can only be told powers of two; the fourth has no eventfd.
    set(&mut raw, (MSI, ASSIGN), (0, 3), &events[..3]).unwrap();
    assert_eq!(control(&mut raw), 0x00a9);
    assert_eq!(that_come(&mut raw, &events, 16), [0, 1, 2]);
    // A client that sends few eventfds at a time enables it piece by piece.
    set(&mut raw, (MSI, ASSIGN), (3, 8), &events[3..11]).unwrap();
    set(&mut raw, (MSI, ASSIGN), (11, 5), &events[11..]).unwrap();
    assert_eq!(control(&mut raw), 0x00c9);
    assert_eq!(that_come(&mut raw, &events, 16), (0..16).collect::<Vec<_>>());
    // An eventfd that is taken away takes no message from the function.
    set(&mut raw, (MSI, ASSIGN), (15, 1), &[]).unwrap();
    assert_eq!(control(&mut raw), 0x00c9);
    assert_eq!(that_come(&mut raw, &events, 16), (0..15).collect::<Vec<_>>());
    set(&mut raw, (MSI, TRIGGER), (0, 0), &[]).unwrap();
    assert_eq!(control(&mut raw), 0x0088);
    assert_eq!(that_come(&mut raw, &events, 16), NONE);
}

#[test]
fn messages_are_triggered_by_hand_and_never_masked_one_by_one() {
    let serving = Serving::with_msi(4);
    let mut raw = Raw::mastering(&serving);
    let events = events(4);
    set(&mut raw, (MSI, ASSIGN), (0, 4), &events).unwrap();
    set(&mut raw, (MSI, TRIGGER), (2, 2), &[]).unwrap();
    assert_eq!(events.iter().map(signals).collect::<Vec<_>>(), [0, 0, 1, 1]);
    for action in [IrqSet::ACTION_MASK, IrqSet::ACTION_UNMASK] {
        let refused = Err(errno(Errno::OPNOTSUPP));
        assert_eq!(set(&mut raw, (MSI, IrqSet::DATA_NONE | action), (0, 1), &[]), refused);
    }
    assert_eq!(set(&mut raw, (MSI, ASSIGN), (3, 2), &events[..2]), Err(errno(Errno::INVAL)));
    assert_eq!(that_come(&mut raw, &events, 4), [0, 1, 2, 3]);
}

#[test]
fn msi_stays_over_a_reset_and_not_over_a_client() {
    let serving = Serving::with_msi(4);
    let (mut raw, events) = (Raw::mastering(&serving), events(4));
    set(&mut raw, (MSI, ASSIGN), (0, 2), &events[..2]).unwrap();
    raw.ask(Command::DEVICE_RESET, |_| {}, &[]).unwrap();
    raw.write(7, 4, &6u16.to_le_bytes()).unwrap();
    assert_eq!(that_come(&mut raw, &events, 4), [0, 1]);
    drop(raw);
    let mut raw = Raw::mastering(&serving);
    assert_eq!(control(&mut raw), 0x0084);
    assert_eq!(that_come(&mut raw, &events, 4), NONE);
}

#[test]
fn the_pin_is_silent_while_msi_is_on() {
    let serving = Serving::with_msi(4);
    let (mut raw, events) = (Raw::mastering(&serving), events(2));
    let status = |raw: &mut Raw| raw.read(7, 6, 1).unwrap()[0] & 8;
    // The toy asserts its pin as long as it has a result.
    assert_eq!(raw.perform(0, MESSAGE), DONE);
    assert_eq!(status(&mut raw), 8);
    set(&mut raw, (MSI, ASSIGN), (0, 1), &events[..1]).unwrap();
    assert_eq!(status(&mut raw), 0);
    set(&mut raw, (MSI, TRIGGER), (0, 0), &[]).unwrap();
    assert_eq!(status(&mut raw), 8);
}

/// The client of the crate `vfio_user`, which nobody here wrote.
#[test]
fn an_independent_client_gets_messages_of_msi() {
    let serving = Serving::with_msi(8);
    let mut client = Client::new(&serving.socket).unwrap();
    client.region_write(7, 4, &6u16.to_le_bytes()).unwrap();
    assert_eq!(client.get_irq_info(MSI).unwrap().count, 8);
    assert_eq!(client.get_irq_info(MSIX).unwrap().count, 0);
    let events = events(8);
    let fds: Vec<_> = events.iter().map(AsRawFd::as_raw_fd).collect();
    client.set_irqs(MSI, ASSIGN, 0, 8, &fds).unwrap();
    let mut word = [0; 4];
    for vector in [0u32, 7] {
        client.region_write(0, ADDRESS.into(), &[0; 8]).unwrap();
        let operation = MESSAGE | vector << 8;
        client.region_write(0, OPERATION.into(), &operation.to_le_bytes()).unwrap();
        word = [0; 4];
        while word == [0; 4] {
            client.region_read(0, RESULT.into(), &mut word).unwrap();
        }
        let heard: Vec<_> = events.iter().map(signals).collect();
        assert_eq!(heard.iter().sum::<u64>(), 1);
        assert_eq!(heard[vector as usize], 1);
    }
    assert_eq!(word, DONE.to_le_bytes());
    client.region_read(7, CONTROL, &mut word[..2]).unwrap();
    assert_eq!(word[..2], 0x00b7u16.to_le_bytes());
    client.shutdown().unwrap();
}
