//! Interrupts by MSI-X, and their absence. PCIe Transport §3.5.2; Base-2.3 §5.3.1.

use lab::{Capability, Ctl, Lab, Outcome, Patience, conformance};
use spec::command::CreateIoCq;
use spec::{Entries, Qid};

use super::given::{self, FLUSH, at_most, flushes, with_vectors};

/// How long a message may take before a test goes on without it: 200 ms.
const SOON: Patience = Patience::Nanos(200_000_000);

/// A queue pair whose completions are signalled on vector `iv`.
fn signalled_pair(ctrl: &mut Ctl<'_>, qid: Qid, iv: u16) -> Outcome {
    let good = ctrl.io_cq(qid, at_most(ctrl, 16))?;
    ctrl.admin(CreateIoCq { ien: true, iv, ..good })?.accepted()?;
    ctrl.create_io_sq(qid, qid, Entries(16))
}

/// A completion is signalled on the vector that its queue names.
#[conformance(req = interrupt::UNUSED_VECTOR)]
fn signals_a_completion_on_the_vector_of_its_queue(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_vectors(lab, 2)?;
    signalled_pair(&mut ctrl, Qid(1), 1)?;
    for _ in 0..8 {
        ctrl.io(Qid(1), FLUSH)?.ruled()?;
        ctrl.wait_interrupt(1, SOON)?;
    }
    ctrl.wait_idle(given::A_WHILE)
}

/// Each queue may have a vector of its own.
#[conformance(req = interrupt::UNUSED_VECTOR)]
fn signals_each_queue_on_its_own_vector(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_vectors(lab, 4)?;
    let two = ctrl.granted_io_cqs() >= 2 && ctrl.granted_io_sqs() >= 2;
    lab.needs(two, "two I/O queue pairs")?;
    signalled_pair(&mut ctrl, Qid(1), 3)?;
    signalled_pair(&mut ctrl, Qid(2), 2)?;
    for (qid, iv) in [(1, 3), (2, 2), (1, 3), (2, 2)] {
        ctrl.io(Qid(qid), FLUSH)?.ruled()?;
        ctrl.wait_interrupt(iv, SOON)?;
    }
    ctrl.wait_idle(given::A_WHILE)
}

/// Several queues, the admin queue among them, may share a vector.
#[conformance(reqs = [interrupt::SHARED_VECTOR, interrupt::UNUSED_VECTOR])]
fn lets_queues_share_a_vector(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_vectors(lab, 1)?;
    let two = ctrl.granted_io_cqs() >= 2 && ctrl.granted_io_sqs() >= 2;
    lab.needs(two, "two I/O queue pairs")?;
    signalled_pair(&mut ctrl, Qid(1), 0)?;
    signalled_pair(&mut ctrl, Qid(2), 0)?;
    for qid in [1, 2, 1, 2] {
        ctrl.io(Qid(qid), FLUSH)?.ruled()?;
        ctrl.wait_interrupt(0, SOON)?;
    }
    ctrl.wait_idle(given::A_WHILE)
}

/// A masked vector sends nothing and is pending; unmasked, its message goes out.
#[conformance(req = interrupt::MASKED_PENDING)]
fn holds_a_masked_vector_back(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_vectors(lab, 2)?;
    let there = lab.capabilities().msix_table;
    lab.needs_transport(Capability::MsixTable, there, "a vector mask and its pending bit")?;
    signalled_pair(&mut ctrl, Qid(1), 1)?;
    for _ in 0..4 {
        ctrl.msix_mask(1, true)?;
        ctrl.io(Qid(1), FLUSH)?.ruled()?;
        ctrl.wait_idle(given::A_WHILE)?;
        ctrl.msix_pending(1)?;
        ctrl.msix_mask(1, false)?;
        ctrl.wait_interrupt(1, SOON)?;
    }
    Ok(())
}

/// A masked vector does not hold the others back.
#[conformance(reqs = [interrupt::MASKED_PENDING, interrupt::UNUSED_VECTOR])]
fn masks_one_vector_alone(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_vectors(lab, 3)?;
    let there = lab.capabilities().msix_table;
    lab.needs_transport(Capability::MsixTable, there, "a vector mask and its pending bit")?;
    let two = ctrl.granted_io_cqs() >= 2 && ctrl.granted_io_sqs() >= 2;
    lab.needs(two, "two I/O queue pairs")?;
    signalled_pair(&mut ctrl, Qid(1), 1)?;
    signalled_pair(&mut ctrl, Qid(2), 2)?;
    ctrl.msix_mask(1, true)?;
    for qid in [1, 2, 1, 2] {
        ctrl.io(Qid(qid), FLUSH)?.ruled()?;
    }
    ctrl.wait_interrupt(2, SOON)?;
    ctrl.msix_mask(1, false)?;
    ctrl.wait_interrupt(1, SOON)?;
    ctrl.wait_idle(given::A_WHILE)
}

/// A masked message pends as long as its entry waits to be released; the vector of no queue never pends.
#[conformance(reqs = [interrupt::MASKED_PENDING, interrupt::UNUSED_VECTOR])]
fn pends_until_the_entry_is_released(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_vectors(lab, 3)?;
    lab.needs(lab.capabilities().msix_table, "a vector mask and its pending bit")?;
    signalled_pair(&mut ctrl, Qid(1), 1)?;
    for _ in 0..4 {
        ctrl.msix_mask(1, true)?;
        let flush = ctrl.submit(Qid(1), FLUSH)?;
        ctrl.ring(Qid(1))?;
        ctrl.wait(flush, Patience::Default)?;
        ctrl.wait_idle(given::A_WHILE)?;
        ctrl.msix_pending(1)?;
        ctrl.msix_pending(2)?;
        ctrl.msix_mask(1, false)?;
        ctrl.wait_interrupt(1, SOON)?;
        ctrl.release(Qid(1))?;
    }
    ctrl.wait_idle(given::A_WHILE)
}

/// A Completion Queue created with IEN = 0 posts entries and sends no message.
#[conformance(reqs = [create_io_cq::IEN_CLEAR, interrupt::UNUSED_VECTOR])]
fn sends_nothing_for_a_queue_without_interrupts(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_vectors(lab, 2)?;
    let good = ctrl.io_cq(Qid(1), at_most(&ctrl, 16))?;
    ctrl.admin(CreateIoCq { ien: false, iv: 1, ..good })?.accepted()?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(16))?;
    flushes(&mut ctrl, Qid(1), Qid(1), 8)?;
    ctrl.wait_idle(given::A_WHILE)?;
    ctrl.interrupts()?;
    Ok(())
}

/// The admin Completion Queue uses vector 0.
#[conformance(req = interrupt::UNUSED_VECTOR)]
fn signals_admin_completions_on_vector_0(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_vectors(lab, 2)?;
    for _ in 0..4 {
        ctrl.get_feature(spec::Fid::NUMBER_OF_QUEUES)?.accepted()?;
        ctrl.wait_interrupt(0, SOON)?;
    }
    ctrl.wait_idle(given::A_WHILE)
}

/// Without MSI-X a host that polls misses nothing, also of a queue with interrupts enabled.
#[conformance(reqs = [create_io_cq::SUCCEEDS, cqe::IDENTIFIERS])]
fn completes_commands_for_a_host_that_polls(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    ctrl.msix_enable(0)?;
    given::bring_back(&mut ctrl)?;
    signalled_pair(&mut ctrl, Qid(1), 0)?;
    for _ in 0..6 {
        flushes(&mut ctrl, Qid(1), Qid(1), 7)?;
    }
    ctrl.interrupts()?;
    Ok(())
}

/// A Controller Reset leaves MSI-X as it is: messages come again once queues are back.
#[conformance(reqs = [interrupt::UNUSED_VECTOR, ready::DISABLE])]
fn keeps_msix_over_a_controller_reset(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_vectors(lab, 2)?;
    for _ in 0..3 {
        signalled_pair(&mut ctrl, Qid(1), 1)?;
        ctrl.io(Qid(1), FLUSH)?.ruled()?;
        ctrl.wait_interrupt(1, SOON)?;
        ctrl.wait_idle(given::A_WHILE)?;
        ctrl.disable()?;
        given::bring_back(&mut ctrl)?;
    }
    Ok(())
}
