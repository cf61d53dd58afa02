//! Commands held in flight by the NBD backend.

mod common;

use std::time::Duration;

use common::{Host, SOON, ready, transfer, unanswered};
use dut::{Ctrl, Dut, Fault, Width};
use lockstep_qemu::{Answer, Backend, Errno, Hold, Options, RequestKind};
use log::ResetKind;
use spec::register;
use spec::{Addr, Nsid, Sqe};

const TIME: Duration = Duration::from_secs(5);

fn held() -> Option<(Host, Hold)> {
    let host = ready(Options { backend: Backend::Nbd, ..Options::default() })?;
    let hold = host.qemu.namespace_hold(1).expect("namespace 1");
    Some((host, hold))
}

#[test]
fn keeps_data_over_a_power_cycle_and_loses_what_was_held() {
    let Some((mut host, hold)) = held() else { return };
    assert!(host.qemu.memory().write(Addr(host.data), b"first"));
    assert_eq!(host.command(1, transfer(1, 0, 1, host.data)).status().sc(), 0);
    assert!(host.qemu.memory().write(Addr(host.data), b"later"));
    hold.hold(&[RequestKind::Write]);
    host.submit(1, &[transfer(1, 0, 1, host.data)]);
    assert!(hold.await_held(1, TIME));
    hold.hold(&[]);
    host.qemu.reset(Ctrl(0), ResetKind::PowerCycle).unwrap();
    assert!(hold.held().is_empty());
    host.restart();
    host.command(1, transfer(2, 0, 1, host.data));
    assert_eq!(host.bytes(host.data, 5), b"first");
}

#[test]
fn holds_reads_and_releases_them_in_any_order() {
    let Some((mut host, hold)) = held() else { return };
    hold.hold(&[RequestKind::Read]);
    let mut cids = Vec::new();
    for n in 0..3 {
        cids.extend(host.submit(1, &[transfer(2, 8 * n, 8, host.data)]));
        assert!(hold.await_held(n as usize + 1, TIME));
    }
    assert!(host.poll(1, 20_000_000).is_none());
    let waiting = hold.held();
    assert_eq!(waiting[1].offset, 4096);
    assert!(hold.release(waiting[2].id, Answer::Done));
    let first = host.poll(1, SOON).unwrap();
    assert_eq!((first.cid(), first.status().sc()), (cids[2], 0));
    assert!(hold.release(waiting[0].id, Answer::Fails(Errno::Io)));
    let second = host.poll(1, SOON).unwrap();
    assert_eq!((second.cid(), second.status().sct(), second.status().sc()), (cids[0], 2, 0x81));
    assert_eq!(hold.release_all(), 1);
    assert_eq!(host.poll(1, SOON).unwrap().cid(), cids[1]);
}

#[test]
fn holds_writes_and_flushes() {
    let Some((mut host, hold)) = held() else { return };
    hold.hold(&[RequestKind::Write, RequestKind::Flush]);
    host.submit(1, &[transfer(1, 0, 8, host.data), Sqe::new(0).with_nsid(Nsid(1))]);
    assert!(hold.await_held(2, TIME));
    assert!(host.poll(1, 20_000_000).is_none());
    // Another namespace user is served meanwhile: admin commands need no backend.
    host.identify();
    hold.release_all();
    assert!(host.poll(1, SOON).is_some() && host.poll(1, SOON).is_some());
    host.release(1);
    hold.fail_next(RequestKind::Write, Errno::NoSpace);
    let cqe = host.command(1, transfer(1, 0, 8, host.data));
    assert_eq!((cqe.status().sct(), cqe.status().sc()), (2, 0x80));
}

/// A controller reset waits inside QEMU for what is held: no answer, and that is not death. The
/// late answers are consumed when they come.
#[test]
fn a_blocked_controller_reset_is_no_answer_and_recovers() {
    let Some((mut host, hold)) = held() else { return };
    hold.hold(&[RequestKind::Read]);
    host.submit(1, &[transfer(2, 0, 8, host.data)]);
    assert!(hold.await_held(1, TIME));
    host.write(register::CC, 0);
    unanswered(&mut host, |qemu| qemu.read(Ctrl(0), register::CSTS, Width::U32).map(|_| ()));
    unanswered(&mut host, |qemu| qemu.monitor("info status").map(|_| ()));
    hold.release_all();
    assert_eq!(host.read(register::CSTS) & 1, 0);
    assert_eq!(host.read(register::VS) >> 16, 1);
    assert!(host.qemu.monitor("info status").unwrap().contains("VM status"));
    host.restart();
    host.command(1, transfer(2, 0, 8, host.data));
}

#[test]
fn blocked_resets_by_the_transport_are_no_answer_and_can_be_repeated() {
    for kind in [ResetKind::FunctionLevel, ResetKind::Conventional] {
        let Some((mut host, hold)) = held() else { return };
        hold.hold(&[RequestKind::Read]);
        host.submit(1, &[transfer(2, 0, 8, host.data)]);
        assert!(hold.await_held(1, TIME));
        unanswered(&mut host, |qemu| qemu.reset(Ctrl(0), kind).map(|_| ()));
        hold.release_all();
        host.qemu.reset(Ctrl(0), kind).unwrap();
        assert_eq!(host.read(register::CSTS), 0, "{kind:?}");
        host.restart();
        host.command(1, transfer(2, 0, 8, host.data));

        // Released by a timer, the same reset just takes longer.
        hold.hold(&[RequestKind::Read]);
        host.submit(1, &[transfer(2, 0, 8, host.data)]);
        assert!(hold.await_held(1, TIME));
        hold.release_all_after(Duration::from_millis(100));
        host.qemu.reset(Ctrl(0), kind).unwrap();
        host.enable();
        host.identify();
    }
}

/// As the suites hold: everything, until it is let go or a reset ends it.
#[test]
fn the_dut_holds_all_media_until_let_go_or_reset() {
    let Some((mut host, _)) = held() else { return };
    assert!(host.qemu.capabilities().holds);
    host.qemu.hold().unwrap();
    host.submit(1, &[transfer(2, 0, 8, host.data), transfer(1, 8, 8, host.data)]);
    await_held(&mut host, 2);
    assert!(host.poll(1, 20_000_000).is_none());
    host.qemu.let_go().unwrap();
    assert_eq!(host.qemu.held(), 0);
    assert!(host.poll(1, SOON).is_some() && host.poll(1, SOON).is_some());
    host.release(1);

    for kind in [ResetKind::FunctionLevel, ResetKind::Conventional, ResetKind::PowerCycle] {
        host.qemu.hold().unwrap();
        host.submit(1, &[transfer(2, 0, 8, host.data)]);
        await_held(&mut host, 1);
        host.qemu.reset(Ctrl(0), kind).unwrap();
        assert_eq!(host.qemu.held(), 0, "{kind:?}");
        host.restart();
        host.command(1, transfer(2, 0, 8, host.data));
    }
}

#[test]
fn a_backend_that_cannot_hold_says_so() {
    let Some(mut host) = ready(Options::default()) else { return };
    assert!(!host.qemu.capabilities().holds);
    assert!(matches!(host.qemu.hold(), Err(Fault::Harness(why)) if why.contains("NBD")));
}

/// QEMU that waits for what is held and is killed there: death, and not an answer that is late.
#[test]
fn death_while_commands_are_held_is_seen() {
    let Some((mut host, _)) = held() else { return };
    host.qemu.hold().unwrap();
    host.submit(1, &[transfer(1, 0, 8, host.data)]);
    await_held(&mut host, 1);
    host.write(register::CC, 0);
    let process = rustix::process::Pid::from_raw(host.qemu.process_id() as i32).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    let answer = host.qemu.read(Ctrl(0), register::CSTS, Width::U32);
    assert!(matches!(&answer, Err(Fault::Gone(why)) if why.contains("signal 9")), "{answer:?}");
    // A power cycle brings it back, with nothing held.
    host.qemu.reset(Ctrl(0), ResetKind::PowerCycle).unwrap();
    assert_eq!(host.qemu.held(), 0);
    host.restart();
    host.command(1, transfer(2, 0, 8, host.data));
}

fn await_held(host: &mut Host, count: usize) {
    let end = host.qemu.now() + SOON;
    while host.qemu.held() < count {
        assert!(host.qemu.now() < end, "{count} requests held");
        host.qemu.wait(end).unwrap();
    }
}
