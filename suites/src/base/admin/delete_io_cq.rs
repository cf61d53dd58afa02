//! Delete I/O Completion Queue. Base-2.3 §5.3.3.

use lab::{Lab, Outcome, conformance};
use spec::command::{DeleteIoCq, Flush};
use spec::requirement::delete_io_cq;
use spec::{Entries, Nsid, Qid};

/// A deleted queue is gone: its identifier can be used again, and phase tags start afresh.
#[conformance(reqs = [delete_io_cq::SUCCEEDS, cqe::PHASE])]
fn frees_the_identifier(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(4))?;
    for _ in 0..5 {
        ctrl.io(Qid(1), Flush { nsid: Nsid(1) })?.ruled()?;
    }
    ctrl.delete_io_sq(Qid(1))?.accepted()?;
    ctrl.delete_io_cq(Qid(1))?.accepted()?;
    ctrl.io_pair(Qid(1), Entries(8))?;
    ctrl.io(Qid(1), Flush { nsid: Nsid(1) })?.ruled()
}

/// A Completion Queue that a Submission Queue still uses cannot be deleted.
#[conformance(req = delete_io_cq::SQ_ATTACHED)]
fn refuses_while_a_submission_queue_uses_it(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(64))?;
    ctrl.delete_io_cq(Qid(1))?.refused_by(delete_io_cq::SQ_ATTACHED)?;
    ctrl.io(Qid(1), Flush { nsid: Nsid(1) })?.ruled()?;
    ctrl.delete_io_sq(Qid(1))?.accepted()?;
    ctrl.delete_io_cq(Qid(1))?.accepted()
}

/// The admin Completion Queue cannot be deleted, and goes on working.
#[conformance(req = delete_io_cq::QID)]
fn refuses_to_delete_the_admin_queue(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.admin(DeleteIoCq { qid: Qid::ADMIN })?.refused_by(delete_io_cq::QID)?;
    ctrl.create_io_cq(Qid(1), Entries(4))
}

/// A queue that was never created cannot be deleted.
#[conformance(req = delete_io_cq::QID)]
fn refuses_a_queue_never_created(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.admin(DeleteIoCq { qid: Qid(1) })?.refused_by(delete_io_cq::QID)
}
