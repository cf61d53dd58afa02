//! Shutdown: CC.SHN and CSTS.SHST. Base-2.3 §3.6.1, §3.1.4.6.

use lab::{Capability, Ctl, Lab, Outcome, Shutdown, Stop, conformance};
use spec::register::{self, Cc};
use spec::{Entries, Lba, Nsid, Qid, Version};

use super::given::{self, A_WHILE, AdminQueues};

/// CSTS.SHST is 10b.
fn wait_until_complete(ctrl: &mut Ctl<'_>) -> Outcome {
    if ctrl.wait_for(register::CSTS, 4, 0b1100, 0b1000)? {
        return Ok(());
    }
    Err(Stop::PatienceOver("CSTS.SHST = 10b".into()))
}

/// A normal shutdown, with all I/O stopped and the queues deleted, completes, and RDY stays.
#[conformance(reqs = [shutdown::NORMAL, shutdown::RDY_UNCHANGED])]
fn completes_a_normal_shutdown(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    given::flushes(&mut ctrl, Qid(1), Qid(1), 4)?;
    ctrl.delete_io_sq(Qid(1))?.accepted()?;
    ctrl.delete_io_cq(Qid(1))?.accepted()?;
    ctrl.shutdown(Shutdown::Normal)?;
    ctrl.csts()?;
    Ok(())
}

/// An abrupt shutdown, with queues and an event request left as they are, completes.
#[conformance(reqs = [shutdown::ABRUPT, shutdown::RDY_UNCHANGED])]
fn completes_an_abrupt_shutdown(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.request_event()?;
    ctrl.shutdown(Shutdown::Abrupt)?;
    ctrl.csts()?;
    Ok(())
}

/// A reset ends a shutdown: SHST returns to 00b, and the controller can be used again.
#[conformance(reqs = [shutdown::RESTART, shutdown::RESET_CLEARS_SHST, shutdown::NORMAL,
    shutdown::ABRUPT])]
fn restarts_after_a_shutdown(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    for kind in [Shutdown::Normal, Shutdown::Abrupt, Shutdown::Normal] {
        ctrl.shutdown(kind)?;
        ctrl.disable()?;
        ctrl.csts()?;
        given::bring_back(&mut ctrl)?;
        ctrl.io_pair(Qid(1), Entries(16))?;
        given::flushes(&mut ctrl, Qid(1), Qid(1), 4)?;
    }
    Ok(())
}

/// Every other reset of the transport ends a shutdown as well.
#[conformance(reqs = [shutdown::NORMAL, shutdown::SHST_NORMAL, ready::ENABLE])]
fn restarts_after_other_resets_too(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let kinds = lab.capabilities().resets.clone();
    lab.needs_transport(Capability::Resets, !kinds.is_empty(), "a reset beside CC.EN")?;
    for kind in kinds {
        lab.note(&format!("When: a reset of kind {kind:?}"))?;
        ctrl.shutdown(Shutdown::Normal)?;
        ctrl.reset(kind)?;
        ctrl.csts()?;
        given::bring_back(&mut ctrl)?;
    }
    Ok(())
}

/// CC.SHN = 00b means nothing: after a completed shutdown SHST and RDY stay as they are.
#[conformance(reqs = [shutdown::NORMAL, shutdown::RDY_UNCHANGED])]
fn takes_no_notice_of_a_shutdown_taken_back(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.shutdown(Shutdown::Normal)?;
    let cc = ctrl.cc()?;
    ctrl.write(register::CC, 4, u64::from(cc.with_shn(0).into_bits()))?;
    ctrl.csts()?;
    ctrl.wait_idle(A_WHILE)?;
    ctrl.csts()?;
    Ok(())
}

/// A disabled controller can be shut down too, and one write of EN = 1 and SHN = 00b restarts it.
#[conformance(reqs = [shutdown::NORMAL, ready::ENABLE])]
fn shuts_down_while_disabled(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    lab.needs(ctrl.vs()? >= Version::new(2, 0), "VS of at least 2.0")?;
    let mps = ctrl.cap()?.mpsmin();
    ctrl.csts()?;
    ctrl.write(register::CC, 4, u64::from(Cc::new().with_shn(1).into_bits()))?;
    wait_until_complete(&mut ctrl)?;
    AdminQueues::new(&mut ctrl, 4096 << mps)?.program(&mut ctrl)?;
    given::switch_on(&mut ctrl, mps)?;
    ctrl.csts()?;
    ctrl.identify()
}

/// One write that clears EN and asks for a shutdown does both.
#[conformance(reqs = [shutdown::NORMAL, ready::DISABLE])]
fn resets_and_shuts_down_by_one_write(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.vs()? >= Version::new(2, 0), "VS of at least 2.0")?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let cc = ctrl.cc()?;
    ctrl.write(register::CC, 4, u64::from(cc.with_en(false).with_shn(1).into_bits()))?;
    ctrl.wait_for(register::CSTS, 4, 1, 0)?;
    wait_until_complete(&mut ctrl)
}

/// What was written before a normal shutdown is there after the next start.
#[conformance(reqs = [shutdown::KEEPS_DATA, shutdown::NORMAL, data::LAST_WRITTEN], hazard = erasing)]
fn keeps_what_was_written(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.write_blocks(Nsid(ns.nsid), Lba(5), 6)?.accepted()?;
    ctrl.delete_io_sq(Qid(1))?.accepted()?;
    ctrl.delete_io_cq(Qid(1))?.accepted()?;
    ctrl.shutdown(Shutdown::Normal)?;
    ctrl.disable()?;
    given::bring_back(&mut ctrl)?;
    ctrl.read_blocks(Nsid(ns.nsid), Lba(5), 6)?.accepted()
}
