//! What the transport does for a living controller.

mod common;

use common::{Host, SOON, open, ready, transfer};
use dut::{Ctrl, Dut, Event, Fault, IrqPrecision, Width};
use lockstep_qemu::{Backend, Namespace, Options, Qemu};
use log::ResetKind;
use spec::register;
use spec::{Addr, Nsid, Sqe};

/// 4 KiB that differ at every byte and by seed.
fn pattern(seed: u8) -> Vec<u8> {
    (0..4096u32).map(|n| (n.wrapping_mul(31) >> 3) as u8 ^ seed).collect()
}

fn write_pattern(host: &mut Host, lba: u32, seed: u8) {
    assert!(host.qemu.memory().write(Addr(host.data), &pattern(seed)));
    assert_eq!(host.command(1, transfer(1, lba, 8, host.data)).status().sc(), 0);
}

fn read_back(host: &mut Host, lba: u32) -> Vec<u8> {
    let at = host.data + 0x1000;
    assert!(host.qemu.memory().set(Addr(at), 4096, 0xee));
    assert_eq!(host.command(1, transfer(2, lba, 8, at)).status().sc(), 0);
    host.bytes(at, 4096)
}

#[test]
fn brings_up_and_says_what_it_can_do() {
    let Some(mut qemu) = open(Options::default()) else { return };
    let can = qemu.capabilities().clone();
    assert_eq!((can.controllers, can.irq), (1, IrqPrecision::AtLeastOnce));
    assert!(can.msix_vectors > 1 && can.resets.contains(&ResetKind::FunctionLevel));
    let ctrl = Ctrl(0);
    let cap = qemu.read(ctrl, register::CAP, Width::U64).unwrap();
    let halves = [0, 4].map(|n| qemu.read(ctrl, register::CAP + n, Width::U32).unwrap());
    assert_eq!(cap, halves[0] | halves[1] << 32);
    assert_eq!(qemu.read(ctrl, register::CAP, Width::U16).unwrap(), cap & 0xffff);
    assert_eq!(qemu.read(ctrl, register::CSTS, Width::U32).unwrap(), 0);
    assert!(qemu.version().starts_with(|c: char| c.is_ascii_digit()));
    assert!(qemu.identity().description.contains("131072 blocks of 512 bytes"));
    assert!(qemu.monitor("info qtree").unwrap().contains("nvme"));
    assert_eq!(qemu.memory().base(), Qemu::ARENA_BASE);
    assert!(matches!(qemu.read(ctrl, 0x4000, Width::U32), Err(Fault::Refused(_))));
    assert!(matches!(qemu.read(ctrl, 0x3ffe, Width::U32), Err(Fault::Refused(_))));
    assert!(matches!(qemu.read(Ctrl(1), 0, Width::U32), Err(Fault::Harness(_))));
    let beyond = dut::Doorbell { offset: 0x4000, value: 0 };
    assert!(matches!(qemu.ring(ctrl, &[beyond]), Err(Fault::Refused(_))));
}

#[test]
fn identifies_writes_and_reads_data() {
    let Some(mut host) = ready(Options::default()) else { return };
    let identify = host.identify();
    assert_eq!(&identify[4..12], b"lockstep");
    write_pattern(&mut host, 100, 0x5a);
    assert_eq!(read_back(&mut host, 100), pattern(0x5a));
    assert_eq!(read_back(&mut host, 108), vec![0; 4096]);
}

#[test]
fn serves_a_batch_of_32_and_the_wrap_of_the_queue() {
    let Some(mut host) = ready(Options::default()) else { return };
    for _ in 0..5 {
        let cids = host.submit(1, &[Sqe::new(0).with_nsid(Nsid(1)); 32]);
        let mut seen = Vec::new();
        for _ in 0..32 {
            let cqe = host.poll(1, SOON).expect("a completion");
            assert_eq!(cqe.status().sc(), 0);
            seen.push(cqe.cid());
        }
        host.release(1);
        seen.sort();
        assert_eq!(seen, cids);
    }
}

#[test]
fn sees_messages_masks_vectors_and_reads_pending_bits() {
    let Some(mut host) = ready(Options::default()) else { return };
    assert!(host.await_vector(0));
    assert!(host.vectors().is_empty());
    host.command(1, Sqe::new(0).with_nsid(Nsid(1)));
    assert!(host.await_vector(1));

    let ctrl = host.ctrl;
    host.qemu.irq_mask(ctrl, 1, true).unwrap();
    host.submit(1, &[Sqe::new(0).with_nsid(Nsid(1))]);
    assert!(host.poll(1, SOON).is_some());
    assert!(host.qemu.irq_pending(ctrl, 1).unwrap());
    assert!(host.vectors().is_empty());
    host.qemu.irq_mask(ctrl, 1, false).unwrap();
    assert!(host.await_vector(1));
    assert!(!host.qemu.irq_pending(ctrl, 1).unwrap());
    host.release(1);

    host.qemu.irq_setup(ctrl, 0).unwrap();
    host.command(1, Sqe::new(0).with_nsid(Nsid(1)));
    assert!(host.vectors().is_empty());
    assert!(matches!(host.qemu.irq_setup(ctrl, 3000), Err(Fault::Harness(_))));
}

/// After each kind of reset the controller is disabled, is reachable, and MSI-X is off; data and
/// guest memory are kept.
#[test]
fn resets_and_programs_again_bars_and_bus_mastering() {
    let Some(mut host) = ready(Options::default()) else { return };
    let ctrl = host.ctrl;
    write_pattern(&mut host, 0, 1);
    let first = host.qemu.process_id();
    for (kind, all) in [
        (ResetKind::Conventional, true),
        (ResetKind::FunctionLevel, false),
        (ResetKind::PowerCycle, true),
    ] {
        host.vectors();
        let mark = host.data + 0x8000;
        assert!(host.qemu.memory().write(Addr(mark), b"kept"));
        let outcome = host.qemu.reset(ctrl, kind).unwrap();
        assert_eq!((outcome.all, outcome.msix_off), (all, true), "{kind:?}");
        assert_eq!(host.read(register::CC), 0, "{kind:?}");
        assert_eq!(host.read(register::CSTS), 0, "{kind:?}");
        assert_eq!(host.bytes(mark, 4), b"kept");
        host.enable();
        host.identify();
        assert!(host.vectors().is_empty(), "{kind:?}: a message with MSI-X off");
        host.restart();
        assert!(host.await_vector(0), "{kind:?}: no message");
        assert_eq!(read_back(&mut host, 0), pattern(1), "{kind:?}");
        assert!(host.await_vector(1), "{kind:?}: no message");
    }
    assert_ne!(host.qemu.process_id(), first);
    let refused = host.qemu.reset(ctrl, ResetKind::Controller);
    assert!(matches!(refused, Err(Fault::Harness(_))));
}

#[test]
fn a_power_cycle_keeps_data_in_files_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let image_dir = Some(folder.path().to_owned());
    let Some(mut host) = ready(Options { image_dir, ..Options::default() }) else { return };
    write_pattern(&mut host, 9, 7);
    host.qemu.reset(Ctrl(0), ResetKind::PowerCycle).unwrap();
    host.restart();
    assert_eq!(read_back(&mut host, 9), pattern(7));
    // The image has no name, so nothing can be left behind.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn two_controllers_share_a_namespace_and_keep_their_own_registers() {
    let Some(qemu) = open(Options { controllers: 2, ..Options::default() }) else { return };
    assert_eq!(qemu.capabilities().controllers, 2);
    let mut one = Host::new(qemu, Ctrl(0));
    for ctrl in [Ctrl(0), Ctrl(1)] {
        one.qemu.irq_setup(ctrl, 2).unwrap();
    }
    one.enable();
    one.create_io();
    write_pattern(&mut one, 5, 3);
    assert!(one.await_vector(1));

    let Host { qemu, queues, .. } = one;
    let mut two = Host::new(qemu, Ctrl(1));
    assert_eq!(two.read(register::CC), 0);
    two.enable();
    two.create_io();
    assert_eq!(read_back(&mut two, 5), pattern(3));
    let seen = two.vectors();
    assert!(seen.contains(&(Ctrl(1), 1)) && seen.iter().all(|(c, _)| *c == Ctrl(1)), "{seen:?}");
    assert_eq!(two.identify()[78], 1, "CNTLID");

    // A Function Level Reset of the second leaves the first alone.
    two.qemu.reset(Ctrl(1), ResetKind::FunctionLevel).unwrap();
    assert_eq!(two.read(register::CC), 0);
    let mut one = Host::new(two.qemu, Ctrl(0));
    one.queues = queues;
    assert_eq!(one.read(register::CSTS), 1);
    assert_eq!(read_back(&mut one, 5), pattern(3));
}

#[test]
fn namespaces_have_the_sizes_asked_for() {
    let small = Namespace { bytes: 1 << 20, block_bytes: 4096, device: vec![] };
    let namespaces = vec![Namespace::default(), small];
    let options = Options { namespaces, backend: Backend::Null, ..Options::default() };
    let Some(mut host) = ready(options) else { return };
    let mut sqe = Sqe::new(6).with_nsid(Nsid(2)).with_prps(Addr(host.data), Addr(0));
    sqe.dw[10] = 0;
    assert_eq!(host.command(0, sqe).status().sc(), 0);
    let size = u64::from_le_bytes(host.bytes(host.data, 8).try_into().unwrap());
    assert_eq!(size, 256);
}

#[test]
fn hands_over_qemus_own_trace_lines() {
    let Some(mut host) = ready(Options { trace: true, ..Options::default() }) else { return };
    host.identify();
    let mut lines = Vec::new();
    host.qemu.drain(&mut |event| {
        if let Event::Line(line) = event {
            lines.push(line);
        }
    });
    assert!(lines.iter().any(|l| l.contains("pci_nvme_identify")), "{lines:?}");
    host.qemu.reset(Ctrl(0), ResetKind::PowerCycle).unwrap();
    host.enable();
    let mut after = 0;
    host.qemu.drain(&mut |event| after += usize::from(matches!(event, Event::Line(_))));
    assert!(after > 0);
}
