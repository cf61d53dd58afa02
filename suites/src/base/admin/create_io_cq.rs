//! Create I/O Completion Queue. Base-2.3 §5.3.1.

use lab::{Capability, Lab, Outcome, Word, conformance};
use log::Perm;
use spec::command::{CreateIoCq, Flush};
use spec::requirement::create_io_cq;
use spec::{Addr, Entries, Nsid, Qid, Version};

use crate::base::given::{QUEUE_OFFSET, at_most};

/// A Completion Queue can be created in every granted place at once.
#[conformance(reqs = [create_io_cq::SUCCEEDS, number_of_queues::ALL_CREATABLE])]
fn creates_every_granted_queue(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let (sqs, cqs) = (ctrl.granted_io_sqs(), ctrl.granted_io_cqs());
    // Each queue takes a page and a guard; all of them have to fit into the smallest arena.
    lab.needs(sqs.max(cqs) <= 256, "a grant of at most 256 I/O queues of each kind")?;
    for qid in 1..=cqs {
        ctrl.create_io_cq(Qid(qid), Entries(2))?;
    }
    for qid in 1..=sqs.min(cqs) {
        ctrl.create_io_sq(Qid(qid), Qid(qid), Entries(2))?;
        ctrl.io(Qid(qid), Flush { nsid: Nsid(1) })?.ruled()?;
    }
    Ok(())
}

/// Identifier 0 is the admin queue's: it cannot be created.
#[conformance(req = create_io_cq::QID_ADMIN)]
fn refuses_to_create_queue_0(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let good = ctrl.io_cq(Qid(1), at_most(&ctrl, 64))?;
    ctrl.admin(CreateIoCq { qid: Qid::ADMIN, ..good })?.refused_by(create_io_cq::QID_ADMIN)?;
    ctrl.admin(good)?.accepted()
}

/// An identifier above the number of granted queues is refused.
#[conformance(req = create_io_cq::QID_RANGE)]
fn refuses_an_identifier_beyond_the_grant(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let granted = ctrl.granted_io_cqs();
    lab.needs(granted < 0xffff, "an I/O CQ identifier that was not granted")?;
    let good = ctrl.io_cq(Qid(granted), at_most(&ctrl, 64))?;
    ctrl.admin(CreateIoCq { qid: Qid(granted + 1), ..good })?
        .refused_by(create_io_cq::QID_RANGE)?;
    ctrl.admin(good)?.accepted()
}

/// A Completion Queue that exists cannot be created again, and goes on working.
#[conformance(req = create_io_cq::QID_IN_USE)]
fn refuses_an_identifier_in_use(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), at_most(&ctrl, 64))?;
    let again = ctrl.io_cq(Qid(1), at_most(&ctrl, 64))?;
    ctrl.admin(again)?.refused_by(create_io_cq::QID_IN_USE)?;
    ctrl.io(Qid(1), Flush { nsid: Nsid(1) })?.ruled()
}

/// A queue of one entry can hold no completion: it is refused.
#[conformance(req = create_io_cq::QSIZE_ZERO)]
fn refuses_a_queue_of_one_entry(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let good = ctrl.io_cq(Qid(1), at_most(&ctrl, 64))?;
    ctrl.admin(CreateIoCq { entries: Entries(1), ..good })?.refused_by(create_io_cq::QSIZE_ZERO)?;
    ctrl.admin(good)?.accepted()
}

/// A queue larger than CAP.MQES says is refused; one exactly as large is legal.
#[conformance(req = create_io_cq::QSIZE_ABOVE_MQES)]
fn refuses_more_entries_than_the_controller_supports(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let most = ctrl.queue_entries_max();
    lab.needs(most.0 < 0x1_0000, "CAP.MQES below FFFFh")?;
    let good = ctrl.io_cq(Qid(1), Entries(most.0 + 1))?;
    ctrl.admin(good)?.refused_by(create_io_cq::QSIZE_ABOVE_MQES)?;
    ctrl.admin(CreateIoCq { entries: most, ..good })?.accepted()
}

/// Where contiguous queues are required, a queue described by a PRP list is refused.
#[conformance(req = create_io_cq::PC_WITH_CQR)]
fn refuses_a_scattered_queue_where_contiguous_ones_are_required(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.vs()? >= Version::new(2, 0), "VS of at least 2.0")?;
    lab.needs(ctrl.cap()?.cqr(), "CAP.CQR = 1")?;
    let good = ctrl.io_cq(Qid(1), at_most(&ctrl, 64))?;
    let memory = ctrl.destination(ctrl.page_bytes())?;
    let prp1 = ctrl.prp_list(&[Word::At(memory.id, 0)], None)?.at;
    ctrl.admin(CreateIoCq { pc: false, prp1, ..good })?.refused_by(create_io_cq::PC_WITH_CQR)?;
    ctrl.admin(good)?.accepted()
}

/// The base of a queue is a page: an offset in PRP1 is refused.
#[conformance(req = create_io_cq::PRP1_OFFSET)]
fn refuses_a_base_address_inside_a_page(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let good = ctrl.io_cq(Qid(1), at_most(&ctrl, 16))?;
    // A controller that takes the offset may put the whole queue behind it: that memory is its own too.
    let bytes = QUEUE_OFFSET + u64::from(good.entries.0) * 16;
    let room = ctrl.buffer_at(bytes, 0, Perm::FromController, 0)?;
    ctrl.admin(CreateIoCq { prp1: Addr(room.at.0 + QUEUE_OFFSET), ..good })?
        .refused_by(create_io_cq::PRP1_OFFSET)?;
    ctrl.admin(good)?.accepted()
}

/// An interrupt vector that the controller does not have is refused.
#[conformance(req = create_io_cq::IV_RANGE)]
fn refuses_an_interrupt_vector_that_does_not_exist(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    let two = lab.capabilities().msix_vectors >= 2;
    lab.needs_transport(Capability::MsixVectors, two, "MSI-X with two vectors")?;
    ctrl.msix_enable(2)?;
    ctrl.enable()?;
    ctrl.identify()?;
    let good = ctrl.io_cq(Qid(1), at_most(&ctrl, 64))?;
    ctrl.admin(CreateIoCq { ien: true, iv: 0xffff, ..good })?.refused_by(create_io_cq::IV_RANGE)?;
    ctrl.admin(CreateIoCq { ien: true, iv: 1, ..good })?.accepted()
}
