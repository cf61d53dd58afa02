//! Create I/O Submission Queue. Base-2.3 §5.3.2.

use lab::{Lab, Outcome, conformance};
use log::Perm;
use spec::command::{CreateIoSq, Flush};
use spec::requirement::create_io_sq;
use spec::{Addr, Entries, Nsid, Qid, Sqe};

use crate::base::given::{QUEUE_OFFSET, at_most};

/// An I/O Submission Queue cannot be bound to a Completion Queue that was never
/// created, and the refusal leaves no trace: the same QID is free afterwards.
#[conformance(req = create_io_sq::CQID_NOT_CREATED)]
fn refuses_to_bind_to_a_completion_queue_never_created(lab: &mut Lab<'_>) -> Outcome {
    // Given: I/O CQ 1 exists, and I/O CQ 2 is granted but was never created.
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.granted_io_cqs() >= 2, "two I/O Completion Queues")?;
    ctrl.create_io_cq(Qid(1), at_most(&ctrl, 64))?;
    let good = ctrl.io_sq(Qid(1), Qid(1))?;

    // When: the host binds I/O SQ 1 to I/O CQ 2. Then: refused, by this requirement.
    ctrl.admin(CreateIoSq { cqid: Qid(2), ..good })?.refused_by(create_io_sq::CQID_NOT_CREATED)?;

    // And: I/O SQ 1 is still free, so the same command with I/O CQ 1 succeeds.
    ctrl.admin(good)?.accepted()
}

/// The admin Completion Queue never serves an I/O Submission Queue.
#[conformance(req = create_io_sq::CQID_ADMIN)]
fn refuses_the_admin_completion_queue(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.create_io_cq(Qid(1), at_most(&ctrl, 64))?;
    let good = ctrl.io_sq(Qid(1), Qid(1))?;
    ctrl.admin(CreateIoSq { cqid: Qid::ADMIN, ..good })?.refused_by(create_io_sq::CQID_ADMIN)?;
    ctrl.admin(good)?.accepted()
}

/// A Completion Queue identifier beyond what the controller supports is refused.
#[conformance(req = create_io_sq::CQID_RANGE)]
fn refuses_a_completion_queue_identifier_out_of_range(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.granted_io_cqs() < 0xffff, "an I/O CQ identifier that was not granted")?;
    ctrl.create_io_cq(Qid(1), at_most(&ctrl, 64))?;
    let good = ctrl.io_sq(Qid(1), Qid(1))?;
    ctrl.admin(CreateIoSq { cqid: Qid(0xffff), ..good })?.refused_by(create_io_sq::CQID_RANGE)?;
    ctrl.admin(good)?.accepted()
}

/// Identifier 0 is the admin queue's: it cannot be created, and the admin queue works on.
#[conformance(req = create_io_sq::QID_ADMIN)]
fn refuses_to_create_queue_0(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.create_io_cq(Qid(1), at_most(&ctrl, 64))?;
    let good = ctrl.io_sq(Qid(1), Qid(1))?;
    ctrl.admin(CreateIoSq { qid: Qid::ADMIN, ..good })?.refused_by(create_io_sq::QID_ADMIN)?;
    ctrl.admin(good)?.accepted()
}

/// An identifier above the number of granted queues is refused.
#[conformance(req = create_io_sq::QID_RANGE)]
fn refuses_an_identifier_beyond_the_grant(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let granted = ctrl.granted_io_sqs();
    lab.needs(granted < 0xffff, "an I/O SQ identifier that was not granted")?;
    ctrl.create_io_cq(Qid(1), at_most(&ctrl, 64))?;
    let good = ctrl.io_sq(Qid(1), Qid(1))?;
    ctrl.admin(CreateIoSq { qid: Qid(granted + 1), ..good })?
        .refused_by(create_io_sq::QID_RANGE)?;
    ctrl.admin(CreateIoSq { qid: Qid(granted), ..good })?.accepted()
}

/// A Submission Queue that exists cannot be created again, and goes on working.
#[conformance(req = create_io_sq::QID_IN_USE)]
fn refuses_an_identifier_in_use(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), at_most(&ctrl, 64))?;
    let again = ctrl.io_sq(Qid(1), Qid(1))?;
    ctrl.admin(again)?.refused_by(create_io_sq::QID_IN_USE)?;
    ctrl.io(Qid(1), Flush { nsid: Nsid(1) })?.ruled()
}

/// A queue of one entry can hold no command: it is refused.
#[conformance(req = create_io_sq::QSIZE)]
fn refuses_a_queue_of_one_entry(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.create_io_cq(Qid(1), at_most(&ctrl, 64))?;
    let good = ctrl.io_sq(Qid(1), Qid(1))?;
    ctrl.admin(CreateIoSq { entries: Entries(1), ..good })?.refused_by(create_io_sq::QSIZE)?;
    ctrl.admin(good)?.accepted()
}

/// A queue larger than CAP.MQES says is refused.
#[conformance(req = create_io_sq::QSIZE)]
fn refuses_more_entries_than_the_controller_supports(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let most = ctrl.queue_entries_max();
    lab.needs(most.0 < 0x1_0000, "CAP.MQES below FFFFh")?;
    ctrl.create_io_cq(Qid(1), Entries(2))?;
    let good = ctrl.io_sq_of(Qid(1), Qid(1), Entries(most.0 + 1))?;
    ctrl.admin(good)?.refused_by(create_io_sq::QSIZE)
}

/// The largest queue that CAP.MQES allows can be created, and is used to its last slot.
#[conformance(reqs = [create_io_sq::SUCCEEDS, queue::WRAPS])]
fn takes_the_largest_queue_and_wraps_at_its_end(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let most = ctrl.queue_entries_max().0.min(4096);
    ctrl.create_io_cq(Qid(1), Entries(64.min(most)))?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(most))?;
    for _ in 0..=most {
        ctrl.io(Qid(1), Flush { nsid: Nsid(1) })?.ruled()?;
    }
    Ok(())
}

/// Where contiguous queues are required, a queue described by a PRP list is refused.
#[conformance(req = create_io_sq::PC_WITH_CQR)]
fn refuses_a_scattered_queue_where_contiguous_ones_are_required(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.cap()?.cqr(), "CAP.CQR = 1")?;
    ctrl.create_io_cq(Qid(1), at_most(&ctrl, 64))?;
    let good = ctrl.io_sq(Qid(1), Qid(1))?;
    ctrl.admin(CreateIoSq { pc: false, ..good })?.refused_by(create_io_sq::PC_WITH_CQR)?;
    ctrl.admin(good)?.accepted()
}

/// The base of a queue is a page: an offset in PRP1 is refused.
#[conformance(req = create_io_sq::PRP1_OFFSET)]
fn refuses_a_base_address_inside_a_page(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.create_io_cq(Qid(1), at_most(&ctrl, 64))?;
    let good = ctrl.io_sq_of(Qid(1), Qid(1), at_most(&ctrl, 16))?;
    // A controller that takes the offset may put the whole queue behind it: that memory is its own too.
    let bytes = QUEUE_OFFSET + u64::from(good.entries.0) * 64;
    let room = ctrl.buffer_at(bytes, 0, Perm::ToController, 0)?;
    ctrl.admin(CreateIoSq { prp1: Addr(room.at.0 + QUEUE_OFFSET), ..good })?
        .refused_by(create_io_sq::PRP1_OFFSET)?;
    ctrl.admin(good)?.accepted()
}

/// Without weighted round robin the priority of a queue means nothing: every value is accepted.
#[conformance(req = create_io_sq::SUCCEEDS)]
fn ignores_the_priority_under_round_robin(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.create_io_cq(Qid(1), at_most(&ctrl, 64))?;
    let good = ctrl.io_sq(Qid(1), Qid(1))?;
    for qprio in 0..4 {
        ctrl.admin(CreateIoSq { qprio, ..good })?.accepted()?;
        ctrl.delete_io_sq(Qid(1))?.accepted()?;
    }
    Ok(())
}

/// The command has no use for a namespace: a non-zero NSID is refused.
#[conformance(req = common::NSID_UNUSED)]
fn refuses_a_namespace_identifier(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.create_io_cq(Qid(1), at_most(&ctrl, 64))?;
    let good = Sqe::from(ctrl.io_sq(Qid(1), Qid(1))?);
    let answer = ctrl.admin(good.with_nsid(Nsid(1)))?;
    if answer.status().is_success() {
        // Up to 2.0 refusing is only recommended; the judge knows at which revision it stands.
        return answer.ruled();
    }
    answer.refused_by(spec::requirement::common::NSID_UNUSED)?;
    ctrl.admin(good)?.accepted()
}

/// Several Submission Queues share one Completion Queue, and each completion names its own queue.
#[conformance(req = queue::SHARED_CQ)]
fn lets_submission_queues_share_a_completion_queue(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.granted_io_sqs() >= 3, "three I/O Submission Queues")?;
    ctrl.create_io_cq(Qid(1), at_most(&ctrl, 64))?;
    for qid in 1..=3 {
        ctrl.create_io_sq(Qid(qid), Qid(1), at_most(&ctrl, 16))?;
    }
    for _ in 0..4 {
        for qid in 1..=3 {
            ctrl.submit(Qid(qid), Flush { nsid: Nsid(1) })?;
        }
        ctrl.ring_all()?;
        ctrl.wait_all()?;
        ctrl.release(Qid(1))?;
    }
    Ok(())
}
