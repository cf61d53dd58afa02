//! Asynchronous Event Request. Base-2.3 §5.2.2, figures 149 to 152.

use spec::Status;

use crate::run::{Done, Outcome, Run};
use crate::seam::Check;

/// It stays outstanding until there is an event to report, at once if one waits.
pub(super) fn execute(run: &mut Run) -> Outcome {
    let full = run.controller.aers.len() > usize::from(run.config.aerl_z);
    let status = Status::ASYNCHRONOUS_EVENT_REQUEST_LIMIT_EXCEEDED;
    run.refuse_if(Check::AerLimit, full, status)?;
    Ok(Done::Outstanding)
}
