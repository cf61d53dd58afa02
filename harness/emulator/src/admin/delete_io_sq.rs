//! Delete I/O Submission Queue. Base-2.3 §5.3.4, figures 513 and 514.

use spec::Status;
use spec::command::{Command, DeleteIoSq};

use crate::controller::Completion;
use crate::run::{Outcome, Run};
use crate::seam::Check;

/// Its commands end with the queue: with a completion where there is room for one and the
/// configuration says so, else without. None is posted after this command's own completion.
pub(super) fn execute(run: &mut Run) -> Outcome {
    let cmd = DeleteIoSq::project(&run.sqe);
    let absent = cmd.qid.is_admin() || run.controller.sq(cmd.qid.0).is_none();
    run.refuse_if(Check::QidExists, absent, Status::INVALID_QUEUE_IDENTIFIER)?;
    let sqid = cmd.qid.0;
    let of_queue =
        |run: &Run, flight: u16| run.controller.flights[usize::from(flight)].sqid == sqid;
    let status = Status::COMMAND_ABORTED_DUE_TO_SQ_DELETION;
    while let Some(&flight) = run.controller.fetched.iter().find(|f| of_queue(run, **f)) {
        run.controller.fetched.retain(|other| *other != flight);
        let completion = Completion { status, dw0: 0, dnr: false };
        run.controller.flights[usize::from(flight)].completion = completion;
        run.end_with_queue(flight);
    }
    while let Some(&flight) = run.controller.executed.iter().find(|f| of_queue(run, **f)) {
        run.controller.executed.retain(|other| *other != flight);
        run.end_with_queue(flight);
    }
    if let Some(sq) = run.controller.sqs.get_mut(usize::from(sqid)).and_then(Option::take)
        && let Some(cq) = run.controller.cq_mut(sq.cqid)
    {
        cq.sqs = cq.sqs.saturating_sub(1);
    }
    run.controller.ready_sqs.retain(|other| *other != sqid);
    run.recount_busy();
    run.success()
}

impl Run<'_> {
    /// A command ends because its queue is deleted.
    fn end_with_queue(&mut self, flight: u16) {
        if !self.config.complete_deleted || !self.post_now(flight) {
            self.controller.end_flight(flight);
        }
    }
}
