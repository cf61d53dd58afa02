//! Asynchronous Event Request completes at once, without an event.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct EventRequestCompletes;

impl Defect for EventRequestCompletes {
    fn name(&self) -> &'static str {
        "event-request-completes"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["async-event-request.only-for-events", "async-event.not-without-cause"]
    }

    fn story(&self) -> &'static str {
        "NVMeVirt completes it with success like any other command it has no use for; a \
         driver that asks again each time then does nothing else."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        if check == Check::AerLimit { Some(Status::SUCCESSFUL_COMPLETION) } else { found }
    }
}
