//! Delete I/O Submission Queue. Base-2.3 §5.3.4.

use lab::{Lab, Outcome, conformance};
use spec::command::{DeleteIoSq, Flush};
use spec::requirement::delete_io_sq;
use spec::{Entries, Nsid, Qid};

/// A deleted queue is gone: its identifier can be used again, with other attributes.
#[conformance(req = delete_io_sq::SUCCEEDS)]
fn frees_the_identifier(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(64))?;
    ctrl.io(Qid(1), Flush { nsid: Nsid(1) })?.ruled()?;
    ctrl.delete_io_sq(Qid(1))?.accepted()?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(4))?;
    for _ in 0..6 {
        ctrl.io(Qid(1), Flush { nsid: Nsid(1) })?.ruled()?;
    }
    Ok(())
}

/// The admin queue cannot be deleted, and goes on working.
#[conformance(req = delete_io_sq::QID)]
fn refuses_to_delete_the_admin_queue(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.admin(DeleteIoSq { qid: Qid::ADMIN })?.refused_by(delete_io_sq::QID)?;
    ctrl.io_pair(Qid(1), Entries(4))
}

/// A queue that was granted but never created cannot be deleted.
#[conformance(req = delete_io_sq::QID)]
fn refuses_a_queue_never_created(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.admin(DeleteIoSq { qid: Qid(1) })?.refused_by(delete_io_sq::QID)
}

/// A queue that was deleted cannot be deleted again.
#[conformance(req = delete_io_sq::QID)]
fn refuses_a_queue_already_deleted(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(4))?;
    ctrl.delete_io_sq(Qid(1))?.accepted()?;
    ctrl.delete_io_sq(Qid(1))?.refused_by(delete_io_sq::QID)
}

/// With commands in flight the delete completes, and no completion of theirs comes after its own.
#[conformance(req = delete_io_sq::SUCCEEDS)]
fn posts_nothing_after_the_delete_completed(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(32))?;
    for _ in 0..16 {
        ctrl.submit(Qid(1), Flush { nsid: Nsid(1) })?;
    }
    let delete = ctrl.submit(Qid::ADMIN, DeleteIoSq { qid: Qid(1) })?;
    ctrl.ring_all()?;
    ctrl.answer(delete)?.accepted()?;
    ctrl.delete_io_cq(Qid(1))?.accepted()
}
