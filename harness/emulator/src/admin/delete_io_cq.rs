//! Delete I/O Completion Queue. Base-2.3 §5.3.3, figures 511 and 512.

use spec::Status;
use spec::command::{Command, DeleteIoCq};

use crate::run::{Outcome, Run};
use crate::seam::Check;

pub(super) fn execute(run: &mut Run) -> Outcome {
    let cmd = DeleteIoCq::project(&run.sqe);
    let absent = cmd.qid.is_admin() || run.controller.cq(cmd.qid.0).is_none();
    run.refuse_if(Check::QidExists, absent, Status::INVALID_QUEUE_IDENTIFIER)?;
    let bound = run.controller.cq(cmd.qid.0).is_some_and(|cq| cq.sqs != 0);
    run.refuse_if(Check::CqInUse, bound, Status::INVALID_QUEUE_DELETION)?;
    if let Some(place) = run.controller.cqs.get_mut(usize::from(cmd.qid.0)) {
        *place = None;
    }
    run.controller.drop_held_signals();
    run.success()
}
