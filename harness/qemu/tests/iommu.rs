//! DMA that leaves what was mapped is refused and seen.

mod common;

use common::{Host, open, ready};
use dut::{Ctrl, DmaVisibility, Dut, Event};
use lockstep_qemu::{Options, Qemu};
use log::{Perm, ResetKind};
use spec::{Addr, Nsid, Sqe};

/// The refused accesses since the last call: address, bytes, whether a write.
fn faults(qemu: &mut Qemu) -> Vec<(u64, u32, bool)> {
    let mut seen = Vec::new();
    qemu.drain(&mut |event| {
        if let Event::Dma { at, len, write, fault: true, .. } = event {
            seen.push((at.0, len, write));
        }
    });
    seen
}

fn identify(host: &mut Host, at: u64) {
    let mut sqe = Sqe::new(6).with_prps(Addr(at), Addr(0));
    sqe.dw[10] = 1;
    host.command(0, sqe);
}

#[test]
fn sees_what_was_not_mapped_or_not_so_and_sends_messages() {
    let Some(mut qemu) = open(Options { iommu: true, ..Options::default() }) else { return };
    assert_eq!(qemu.capabilities().dma, DmaVisibility::Faulting);
    let base = qemu.memory().base();
    assert_eq!(base.0, Qemu::ARENA_BASE.0 + (4 << 30));
    qemu.map(base, 0x2_0000, Perm::Both).unwrap();
    qemu.irq_setup(Ctrl(0), 2).unwrap();
    let mut host = Host::new(qemu, Ctrl(0));
    host.enable();
    host.create_io();
    let data = host.data;
    identify(&mut host, data);
    assert_eq!(&host.bytes(data + 4, 8), b"lockstep");
    assert!(host.await_vector(0));
    assert_eq!(faults(&mut host.qemu), []);

    // Taken away: refused at once, and memory stays as it was.
    host.qemu.unmap(Addr(data), 4096).unwrap();
    assert!(host.qemu.memory().set(Addr(data), 4096, 0xee));
    identify(&mut host, data);
    assert_eq!(faults(&mut host.qemu), [(data, 4096, true)]);
    assert_eq!(host.bytes(data, 4096), vec![0xee; 4096]);

    // To the controller only: a write is refused, a read is not.
    host.qemu.map(Addr(data), 4096, Perm::ToController).unwrap();
    identify(&mut host, data);
    assert_eq!(faults(&mut host.qemu), [(data, 4096, true)]);
    host.command(1, common::transfer(1, 0, 8, data));
    assert_eq!(faults(&mut host.qemu), []);
    host.qemu.map(Addr(data), 4096, Perm::FromController).unwrap();
    host.command(1, common::transfer(1, 0, 1, data));
    assert_eq!(faults(&mut host.qemu), [(data, 512, false)]);

    // Beyond the arena nothing can be mapped.
    let end = base.0 + host.qemu.memory().bytes();
    assert!(host.qemu.map(Addr(end - 4096), 8192, Perm::Both).is_err());
    host.qemu.map(Addr(end - 4096), 4096, Perm::FromController).unwrap();
    identify(&mut host, end - 4096);
    assert_eq!(faults(&mut host.qemu), []);
    host.qemu.unmap(Addr(0), 0).unwrap();
    host.qemu.map(base, 0x1_0000, Perm::Both).unwrap();
    identify(&mut host, end - 4096);
    assert_eq!(faults(&mut host.qemu).len(), 1);
}

#[test]
fn translation_comes_back_after_resets() {
    let options = Options { iommu: true, controllers: 2, memory: 64 << 20, ..Options::default() };
    let Some(mut qemu) = open(options) else { return };
    let base = qemu.memory().base();
    qemu.map(base, 0x20_0000, Perm::Both).unwrap();
    let mut host = Host::new(qemu, Ctrl(1));
    for kind in [ResetKind::Conventional, ResetKind::PowerCycle, ResetKind::FunctionLevel] {
        host.qemu.reset(Ctrl(1), kind).unwrap();
        host.qemu.irq_setup(Ctrl(1), 2).unwrap();
        host.enable();
        host.create_io();
        host.command(1, Sqe::new(0).with_nsid(Nsid(1)));
        assert!(host.await_vector(1));
        assert_eq!(faults(&mut host.qemu), []);
        identify(&mut host, base.0 + 0x30_0000);
        assert_eq!(faults(&mut host.qemu), [(base.0 + 0x30_0000, 4096, true)], "{kind:?}");
    }
}

#[test]
fn without_iommu_mapping_changes_nothing() {
    let Some(mut host) = ready(Options::default()) else { return };
    host.qemu.unmap(Addr(0), 0).unwrap();
    host.identify();
}
