//! Registers, enable, reset and shutdown.

mod common;

use common::{DATA, TestHost};
use dut::{Ctrl, Dut, Width};
use lockstep_emulator::Config;
use log::ResetKind;
use spec::command::{CreateIoCq, DeleteIoCq, Read, Write};
use spec::register::{self, Cap, Cc, Crto};
use spec::{Addr, Lba, Nsid, Qid, Status, Version};

fn of_version(major: u16, minor: u8) -> Config {
    Config { version: Version::new(major, minor), ..Config::default() }
}

#[test]
fn cap_says_what_the_configuration_says() {
    let config = Config {
        max_queue_entries: 100,
        cqr: true,
        dstrd: 3,
        mpsmin: 1,
        mpsmax: 2,
        to: 9,
        ..Config::default()
    };
    let mut host = TestHost::new(config);
    let cap = Cap::from_bits(host.read64(register::CAP));
    assert_eq!((cap.mqes_z(), cap.cqr(), cap.dstrd(), cap.to()), (99, true, 3, 9));
    assert_eq!((cap.mpsmin(), cap.mpsmax(), cap.css(), cap.crms()), (1, 2, 1, 1));
    let halves = [host.read32(register::CAP), host.read32(register::CAP + 4)];
    assert_eq!(u64::from(halves[0]) | u64::from(halves[1]) << 32, cap.into_bits());
}

#[test]
fn crto_exists_from_2_0_on() {
    let mut new = TestHost::new(of_version(2, 0));
    assert_eq!(Crto::from_bits(new.read32(register::CRTO)).crwmt(), 20);
    let mut old = TestHost::new(of_version(1, 4));
    assert_eq!(old.read32(register::CRTO), 0);
    assert_eq!(Cap::from_bits(old.read64(register::CAP)).crms(), 0);
    assert_eq!(old.read32(register::VS), 0x0001_0400);
}

#[test]
fn reserved_bits_read_zero_and_read_only_registers_stay() {
    let mut host = TestHost::new(Config::default());
    let cap = host.read64(register::CAP);
    for offset in [register::CAP, register::VS, register::CSTS, register::CRTO, 0xf00] {
        host.write32(offset, u32::MAX);
    }
    assert_eq!(host.read64(register::CAP), cap);
    assert_eq!(host.read32(0xf00), 0);
    host.write32(register::AQA, u32::MAX);
    assert_eq!(host.read32(register::AQA), 0x0fff_0fff);
    host.write64(register::ASQ, u64::MAX);
    assert_eq!(host.read64(register::ASQ), !0xfff);
    host.write32(register::ACQ + 4, 5);
    assert_eq!(host.read64(register::ACQ), 5 << 32);
    host.write32(register::CC, !1);
    assert_eq!(host.read32(register::CC), 0x00ff_fff0);
}

#[test]
fn narrow_reads_are_parts_and_narrow_writes_are_ignored() {
    let mut host = TestHost::new(Config::default());
    assert_eq!(host.dut.read(Ctrl(0), register::VS + 1, Width::U8).unwrap(), 3);
    assert_eq!(host.dut.read(Ctrl(0), register::VS + 2, Width::U16).unwrap(), 2);
    host.dut.write(Ctrl(0), register::AQA, Width::U16, 7).unwrap();
    assert_eq!(host.read32(register::AQA), 0);
    assert!(host.dut.read(Ctrl(1), 0, Width::U32).is_err());
}

#[test]
fn the_interrupt_mask_sets_clears_and_is_reset() {
    let mut host = TestHost::enabled(Config::default());
    host.write32(register::INTMS, 0b1010);
    host.write32(register::INTMS, 0b0001);
    assert_eq!(host.read32(register::INTMS), 0b1011);
    host.write32(register::INTMC, 0b0011);
    assert_eq!(host.read32(register::INTMC), 0b1000);
    host.disable();
    assert_eq!(host.read32(register::INTMS), 0);
}

#[test]
fn enabling_and_disabling_take_their_time() {
    let mut host = TestHost::new(Config::default());
    let before = host.dut.now();
    host.start();
    assert!(!host.csts().rdy());
    assert!(host.wait_csts(|csts| csts.rdy()));
    assert!(host.dut.now() - before >= 1_000_000);
    let before = host.dut.now();
    host.disable();
    assert!(host.dut.now() - before >= 100_000);
    host.enable();
}

#[test]
fn impossible_settings_are_fatal_until_the_next_reset() {
    for cc in [Cc::new().with_css(3), Cc::new().with_mps(9), Cc::new().with_ams(1)] {
        let mut host = TestHost::new(Config::default());
        host.write32(register::AQA, 0x0007_0007);
        host.write32(register::CC, cc.with_en(true).into_bits());
        assert!(host.wait_csts(|csts| csts.cfs()));
        assert!(!host.csts().rdy());
        host.write32(register::CC, 0);
        assert!(!host.csts().cfs());
        host.enable();
    }
}

#[test]
fn a_controller_reset_keeps_the_admin_registers_and_nothing_else() {
    let mut host = TestHost::ready(Config::default());
    let aqa = host.read32(register::AQA);
    let asq = host.read64(register::ASQ);
    host.disable();
    assert_eq!((host.read32(register::AQA), host.read64(register::ASQ)), (aqa, asq));
    host.enable();
    let cqe = host.admin(DeleteIoCq { qid: Qid(1) });
    assert_eq!(cqe.status(), Status::INVALID_QUEUE_IDENTIFIER);
    assert_eq!((cqe.sqhd(), cqe.phase()), (1, true));
}

#[test]
fn the_other_resets_clear_the_admin_registers_and_msi_x_too() {
    for kind in [ResetKind::FunctionLevel, ResetKind::Conventional, ResetKind::PowerCycle] {
        let mut host = TestHost::ready(Config::default());
        host.dut.irq_setup(Ctrl(0), 4).unwrap();
        let outcome = host.dut.reset(Ctrl(0), kind).unwrap();
        assert_eq!((outcome.all, outcome.msix_off), (kind != ResetKind::FunctionLevel, true));
        assert_eq!(host.read32(register::AQA), 0);
        assert_eq!(host.read64(register::ASQ), 0);
        assert_eq!(host.read32(register::CC), 0);
        assert_eq!(host.csts().into_bits(), 0);
        assert!(!host.dut.subsystem().controller(0).unwrap().msix.enabled);
        host.enable();
        host.create_pair(1);
    }
    let mut host = TestHost::new(Config::default());
    assert!(host.dut.reset(Ctrl(0), ResetKind::Subsystem).is_err());
}

#[test]
fn commands_in_flight_at_a_reset_leave_no_trace() {
    let config = Config { io_latency_ns: 1_000_000, ..Config::default() };
    let mut host = TestHost::ready(config);
    host.fill(DATA, &[0xaa; 512]);
    let write = Write { nsid: Nsid(1), slba: Lba(7), prp1: Addr(DATA), ..Write::default() };
    host.submit(1, write);
    host.run_for(10_000);
    host.drain();
    host.events.clear();
    host.disable();
    host.settle();
    assert!(host.events.is_empty(), "{:?}", host.events);
    host.enable();
    host.create_pair(1);
    let read = Read { nsid: Nsid(1), slba: Lba(7), prp1: Addr(DATA + 512), ..Read::default() };
    assert_eq!(host.io(read).status(), Status::SUCCESSFUL_COMPLETION);
    assert_eq!(host.data(DATA + 512, 512), [0; 512]);
}

#[test]
fn shutdowns_complete_and_every_way_back_works() {
    for shn in [1, 2] {
        let mut host = TestHost::ready(Config::default());
        let cc = host.enable_value();
        host.write32(register::CC, cc.with_shn(shn).into_bits());
        assert_eq!((host.csts().shst(), host.csts().rdy()), (1, true));
        assert!(host.wait_csts(|csts| csts.shst() == 2));
        assert!(host.csts().rdy());
        // No way back without a reset.
        host.write32(register::CC, cc.into_bits());
        assert_eq!(host.csts().shst(), 2);
        host.disable();
        assert_eq!(host.csts().shst(), 0);
        host.enable();
        // A shutdown while disabled, and one write that ends it and enables.
        host.disable();
        host.write32(register::CC, Cc::new().with_shn(shn).into_bits());
        assert!(host.wait_csts(|csts| csts.shst() == 2));
        host.enable();
        assert_eq!(host.csts().shst(), 0);
        // One write that disables and shuts down.
        host.write32(register::CC, cc.with_en(false).with_shn(shn).into_bits());
        assert!(host.wait_csts(|csts| csts.shst() == 2 && !csts.rdy()));
    }
}

#[test]
fn a_page_size_is_used_from_the_enable_on() {
    let config = Config { mpsmin: 1, mpsmax: 1, ..Config::default() };
    let mut host = TestHost::enabled(config);
    let good = host.create_cq_command(1);
    let unaligned = CreateIoCq { prp1: Addr(good.prp1.0 + 0x1000), ..good };
    assert_eq!(host.admin(unaligned).status(), Status::PRP_OFFSET_INVALID);
    assert_eq!(host.admin(good).status(), Status::SUCCESSFUL_COMPLETION);
}
