//! Registers, right and wrong: what CAP, CRTO and CC may read as, and the death of the device.

use log::{Body, ResetKind};
use model::{DivergenceKind, FindingKind};
use spec::register::{self, Cap, Cc, Crto};
use spec::requirement as req;

use super::script::*;

fn cap() -> Cap {
    Cap::new().with_mqes_z(63).with_to(20).with_css(1).with_crms(1)
}

fn both_modes() -> Cap {
    cap().with_crms(3)
}

/// Reads of VS, CAP and CRTO by a host that has not enabled the controller.
fn told(cap: Cap, crto: u32) -> Script {
    let mut s = Script::bare();
    s.read(register::VS, 4, 0x2_0300);
    s.read(register::CAP, 8, cap.into());
    s.read(register::CRTO, 4, u64::from(crto));
    s
}

fn timeouts(crwmt: u16, crimt: u16) -> u32 {
    Crto::new().with_crwmt(crwmt).with_crimt(crimt).into()
}

#[test]
fn capabilities_do_not_contradict_each_other() {
    told(cap(), timeouts(20, 0)).passes();
    told(cap().with_css(0), timeouts(20, 0)).diverges(req::register::CSS);
    let shutdown = cap().with_nssrs(true).with_nsss(true);
    told(shutdown.with_nsses(true).with_cps(1), timeouts(20, 0)).passes();
    told(shutdown.with_nsses(true), timeouts(20, 0)).diverges(req::register::CPS);
    told(shutdown.with_cps(1), timeouts(20, 0)).diverges(req::register::NSSES);
    told(cap().with_nsses(true), timeouts(20, 0)).diverges(req::register::NSSES);
    told(Cap::from(0), 0).diverges(req::register::MANDATORY);
}

#[test]
fn times_to_become_ready_do_not_contradict_each_other() {
    told(cap(), timeouts(21, 0)).diverges(req::register::TO_COVERS_CRTO);
    told(cap().with_to(0xff), timeouts(0x200, 0)).passes();
    told(cap(), timeouts(20, 1)).diverges(req::register::CRIMT_ZERO);
    told(cap(), u32::MAX).diverges(req::register::CRIMT_ZERO);
    told(both_modes(), timeouts(20, 20)).passes();
    let long = told(both_modes().with_to(0xff), timeouts(0x100, 0x100)).judge();
    let found: Vec<_> = long.findings().iter().map(|f| (f.kind, f.req)).collect();
    assert_eq!(found, [(FindingKind::Warning, Some(req::register::CRIMT_BOUND))]);
}

#[test]
fn the_timeout_moves_only_with_the_ready_mode() {
    let mut s = told(cap(), timeouts(20, 0));
    s.read(register::CAP, 8, cap().with_to(21).into());
    s.diverges(req::register::READ_ONLY);
    let mut s = told(cap(), timeouts(20, 0));
    s.read(register::CAP, 4, u64::from(cap().with_to(21)) & 0xffff_ffff);
    s.diverges(req::register::ACCESS_HALVES);
    let with_modes = |crime: bool| {
        let mut s = Script::bare();
        s.add(Body::Reset { kind: ResetKind::PowerCycle, all: true });
        s.read(register::VS, 4, 0x2_0300);
        s.read(register::CAP, 8, both_modes().into());
        s.write(register::CC, 4, u64::from(u32::from(Cc::new().with_crime(crime))));
        s.read(register::CAP, 8, both_modes().with_to(21).into());
        s
    };
    with_modes(true).passes();
    with_modes(false).diverges(req::register::READ_ONLY);
}

#[test]
fn all_ones_are_the_death_of_the_device() {
    for (offset, width) in
        [(register::CAP, 8), (register::VS, 4), (register::CC, 4), (register::CSTS, 4)]
    {
        let mut s = Script::bare();
        s.read(offset, width, u64::MAX >> (64 - 8 * u32::from(width)));
        let first = s.judge().findings()[0].kind;
        assert_eq!(first, FindingKind::Divergence(DivergenceKind::Death), "{offset:X}h");
    }
}

#[test]
fn what_is_not_there_reads_as_zero() {
    let absent = |offset: u32, cap: Cap, value: u64| {
        let mut s = told(cap, timeouts(20, 0));
        s.read(offset, 4, value);
        s
    };
    for (offset, by) in [
        (0x18, req::register::RESERVED_ZERO),
        (register::NSSR, req::register::NSSR_RESERVED),
        (0x44, req::register::BP_RESERVED),
        (0xe04, req::register::PMR_RESERVED),
    ] {
        absent(offset, cap(), 0).passes();
        absent(offset, cap(), 1).diverges(by);
    }
    absent(0x44, cap().with_bps(true), 1).passes();
    absent(0xe04, cap().with_pmrs(true), 1).passes();
    absent(0x3c, cap(), 1).passes();
    absent(0x3c, cap().with_cmbs(true), 1).diverges(req::register::CMB_HIDDEN);
    absent(register::NSSR, cap().with_nssrs(true), 1).diverges(req::register::NSSR_ZERO);
}

#[test]
fn cc_reads_back_what_was_written_or_what_a_reset_left() {
    let after_disable = |cc: u64| {
        let mut s = Script::new();
        s.write(register::CC, 4, CC_OFF);
        s.csts(0);
        s.read(register::CC, 4, cc);
        s
    };
    after_disable(CC_OFF).passes();
    // The text does not say whether the fields of that write or their reset values are left.
    after_disable(0).passes();
    after_disable(CC_OFF & 0xf_0000).passes();
    after_disable(CC_OFF | 1 << 7).diverges(req::register::CC_READS_BACK);
    after_disable(CC_OFF | 1).diverges(req::register::CC_READS_BACK);
    let after_reset = |kind: ResetKind, cc: u64| {
        let mut s = Script::new();
        s.add(Body::Reset { kind, all: true });
        s.read(register::CC, 4, cc);
        s
    };
    for (kind, by) in [
        (ResetKind::FunctionLevel, req::register::CC_READS_BACK),
        (ResetKind::Conventional, req::reset::CONVENTIONAL),
        (ResetKind::PowerCycle, req::power::RDY_CLEAR),
    ] {
        after_reset(kind, 0).passes();
        after_reset(kind, CC_OFF).diverges(by);
    }
}

#[test]
fn a_controller_is_disabled_when_it_is_first_looked_at_after_a_reset() {
    let look = |reset: bool, csts: u64| {
        let mut s = Script::bare();
        if reset {
            s.add(Body::Reset { kind: ResetKind::Conventional, all: true });
        }
        s.csts(csts);
        s
    };
    look(true, 0).passes();
    look(true, 1).diverges(req::reset::RDY_CLEAR);
    // Without a reset in the log another host may have left it enabled.
    look(false, 1).passes();
}
