//! Controller Level Resets: by CC.EN, and by what the transport has. Base-2.3 §3.7.2.

use lab::{Capability, Lab, Outcome, conformance};
use log::ResetKind;
use spec::command::{GetFeatures, SetFeatures};
use spec::register::{self, DoorbellKind};
use spec::requirement::{delete_io_cq, delete_io_sq};
use spec::{Entries, Fid, Lba, Nsid, Qid, Version};

use super::given::{self, A_WHILE, AdminQueues};

const CACHE: Fid = Fid::VOLATILE_WRITE_CACHE;

/// Every reset ends with the controller disabled, and it can be enabled again.
#[conformance(reqs = [reset::RDY_CLEAR, reset::STOPS_EVERYTHING, ready::ENABLE])]
fn ends_with_the_controller_disabled(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    for kind in given::resets(lab) {
        lab.note(&format!("When: a reset of kind {kind:?}"))?;
        ctrl.io_pair(Qid(1), Entries(16))?;
        ctrl.reset(kind)?;
        ctrl.csts()?;
        ctrl.cc()?;
        given::bring_back(&mut ctrl)?;
    }
    Ok(())
}

/// After every reset no I/O queue is left: none can be deleted, and each identifier is free.
#[conformance(reqs = [reset::QUEUES_DELETED, reset::ONLY_ADMIN_QUEUE, delete_io_sq::QID,
    delete_io_cq::QID, number_of_queues::AGAIN_AFTER_RESET])]
fn deletes_every_io_queue(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    for kind in given::resets(lab) {
        lab.note(&format!("When: a reset of kind {kind:?}"))?;
        ctrl.io_pair(Qid(1), Entries(16))?;
        ctrl.reset(kind)?;
        given::bring_back(&mut ctrl)?;
        ctrl.delete_io_sq(Qid(1))?.refused_by(delete_io_sq::QID)?;
        ctrl.delete_io_cq(Qid(1))?.refused_by(delete_io_cq::QID)?;
        ctrl.io_pair(Qid(1), Entries(16))?;
        ctrl.reset(ResetKind::Controller)?;
        given::bring_back(&mut ctrl)?;
    }
    Ok(())
}

/// A Controller Reset leaves AQA, ASQ and ACQ as they are: CC.EN alone brings the same queues back.
#[conformance(reqs = [reset::ADMIN_QUEUE_REGISTERS, reset::ADMIN_QUEUE_KEPT, register::ASQ,
    register::ACQ])]
fn keeps_the_admin_queue_registers_at_a_controller_reset(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    lab.needs_transport(
        Capability::WideAccess,
        lab.capabilities().wide_access,
        "8-byte register accesses",
    )?;
    let mps = ctrl.cap()?.mpsmin();
    ctrl.vs()?;
    ctrl.csts()?;
    let queues = AdminQueues::new(&mut ctrl, 4096 << mps)?;
    queues.program(&mut ctrl)?;
    given::switch_on(&mut ctrl, mps)?;
    ctrl.identify()?;
    ctrl.disable()?;
    ctrl.read(register::AQA, 4)?;
    ctrl.read(register::ASQ, 8)?;
    ctrl.read(register::ACQ, 8)?;
    queues.clear(&mut ctrl)?;
    given::switch_on(&mut ctrl, mps)?;
    ctrl.identify()
}

/// Every reset but a Controller Reset clears AQA.
#[conformance(req = reset::ADMIN_QUEUE_REGISTERS)]
fn clears_the_admin_queue_attributes_otherwise(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let kinds = lab.capabilities().resets.clone();
    lab.needs_transport(Capability::Resets, !kinds.is_empty(), "a reset beside CC.EN")?;
    for kind in kinds {
        lab.note(&format!("When: a reset of kind {kind:?}"))?;
        ctrl.reset(kind)?;
        ctrl.read(register::AQA, 4)?;
        ctrl.enable()?;
    }
    Ok(())
}

/// Phase tags begin at 1 again, in the middle of the second pass through the old queue.
#[conformance(reqs = [reset::PHASE_RESTARTS, cqe::PHASE])]
fn restarts_the_phase_tags(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    for kind in given::resets(lab) {
        lab.note(&format!("When: a reset of kind {kind:?}"))?;
        ctrl.io_pair(Qid(1), Entries(8))?;
        for _ in 0..3 {
            given::flushes(&mut ctrl, Qid(1), Qid(1), 4)?;
        }
        ctrl.reset(kind)?;
        given::bring_back(&mut ctrl)?;
        ctrl.io_pair(Qid(1), Entries(8))?;
        for _ in 0..3 {
            given::flushes(&mut ctrl, Qid(1), Qid(1), 4)?;
        }
        ctrl.reset(ResetKind::Controller)?;
        given::bring_back(&mut ctrl)?;
    }
    Ok(())
}

/// Commands in flight at a reset end with it: nothing of them is posted afterwards, and every block
/// holds what it held before or what was written to it.
#[conformance(reqs = [reset::STOPS_EVERYTHING, reset::NOTHING_POSTED_AFTER, data::LAST_WRITTEN,
    dma::WRITE_WITHIN_PRPS], hazard = erasing)]
fn stops_commands_in_flight(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    for kind in given::resets(lab) {
        lab.note(&format!("When: a reset of kind {kind:?}"))?;
        // Given: Writes in flight.
        ctrl.io_pair(Qid(1), Entries(32))?;
        let mut last = None;
        for lba in 0..24 {
            let (write, _) = given::good_write(&mut ctrl, ns, lba, 1)?;
            last = Some(ctrl.submit(Qid(1), write)?);
        }
        ctrl.ring(Qid(1))?;
        if let Some(last) = last {
            ctrl.claim_in_flight(last)?;
        }
        // When: the controller is reset. Then: new queues see nothing of the old commands.
        ctrl.reset(kind)?;
        given::bring_back(&mut ctrl)?;
        ctrl.io_pair(Qid(1), Entries(32))?;
        given::flushes(&mut ctrl, Qid(1), Qid(1), 4)?;
        ctrl.wait_idle(A_WHILE)?;
        ctrl.read_blocks(Nsid(ns.nsid), Lba(23), 1)?.accepted()?;
        ctrl.sweep()?;
        ctrl.reset(ResetKind::Controller)?;
        given::bring_back(&mut ctrl)?;
    }
    Ok(())
}

/// Data that was written before a reset that keeps power is there after it.
#[conformance(reqs = [reset::COMPLETED_RESULTS_KEPT, data::LAST_WRITTEN], hazard = erasing)]
fn keeps_completed_writes(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let kinds = given::resets(lab);
    for kind in kinds.into_iter().filter(|kind| *kind != ResetKind::PowerCycle) {
        lab.note(&format!("When: a reset of kind {kind:?}"))?;
        ctrl.write_blocks(Nsid(ns.nsid), Lba(16), 4)?.accepted()?;
        ctrl.reset(kind)?;
        given::bring_back(&mut ctrl)?;
        ctrl.read_blocks(Nsid(ns.nsid), Lba(16), 4)?.accepted()?;
    }
    Ok(())
}

/// An Asynchronous Event Request from before a reset never completes, not even with an event.
#[conformance(reqs = [reset::AER_DROPPED, reset::NOTHING_POSTED_AFTER,
    async_event::INVALID_SQ_TAIL])]
fn drops_event_requests(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    for kind in given::resets(lab) {
        lab.note(&format!("When: a reset of kind {kind:?}"))?;
        given::waiting_request(&mut ctrl)?;
        ctrl.reset(kind)?;
        given::bring_back(&mut ctrl)?;
        ctrl.io_pair(Qid(1), Entries(16))?;
        let event = given::waiting_request(&mut ctrl)?;
        ctrl.doorbell(DoorbellKind::SqTail, Qid(1), 16)?;
        ctrl.answer(event)?.accepted()?;
        ctrl.wait_idle(A_WHILE)?;
        ctrl.reset(ResetKind::Controller)?;
        given::bring_back(&mut ctrl)?;
    }
    Ok(())
}

/// An event that waits for a request when the controller is reset is not reported afterwards.
#[conformance(reqs = [reset::STOPS_EVERYTHING, async_event_request::ONLY_FOR_EVENTS])]
fn drops_pending_events(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.vs()? >= Version::new(2, 3), "VS of at least 2.3")?;
    for kind in given::resets(lab) {
        lab.note(&format!("When: a reset of kind {kind:?}"))?;
        ctrl.io_pair(Qid(1), Entries(16))?;
        ctrl.doorbell(DoorbellKind::SqTail, Qid(1), 16)?;
        ctrl.wait_idle(A_WHILE)?;
        ctrl.reset(kind)?;
        given::bring_back(&mut ctrl)?;
        let event = ctrl.request_event()?;
        ctrl.wait(event, A_WHILE)?;
        // A command that completes meanwhile shows that the request waits, on any clock.
        ctrl.identify()?;
        ctrl.claim_in_flight(event)?;
        ctrl.reset(ResetKind::Controller)?;
        given::bring_back(&mut ctrl)?;
    }
    Ok(())
}

/// A feature returns to its saved value if it has one, else to its default.
#[conformance(reqs = [reset::FEATURES, volatile_write_cache::WCE])]
fn returns_features_to_their_saved_or_default_value(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let facts = ctrl.facts();
    let cache = facts.is_some_and(|facts| facts.volatile_write_cache);
    lab.needs(cache, "a volatile write cache (VWC bit 0)")?;
    let select = facts.is_some_and(|facts| facts.oncs >> 4 & 1 != 0);
    lab.needs(select, "Save and Select (ONCS bit 4)")?;
    // Given: what the controller can do with the feature, its default, and its saved value.
    for sel in [3, 1, 2] {
        ctrl.admin(GetFeatures { fid: CACHE, sel, ..GetFeatures::default() })?.accepted()?;
    }
    for kind in given::resets(lab) {
        lab.note(&format!("When: a reset of kind {kind:?}"))?;
        for wce in [0, 1] {
            let set = SetFeatures { fid: CACHE, cdw11: wce, ..SetFeatures::default() };
            ctrl.admin(set)?.accepted()?;
            ctrl.reset(kind)?;
            given::bring_back(&mut ctrl)?;
            ctrl.get_feature(CACHE)?.accepted()?;
        }
    }
    Ok(())
}
