//! Events and error log entries survive a reset.

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct ResetKeepsEvents;

impl Defect for ResetKeepsEvents {
    fn name(&self) -> &'static str {
        "reset-keeps-events"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["reset.pending-events-dropped"]
    }

    fn story(&self) -> &'static str {
        "An event from before the reset answers the first request after it."
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.drops_events = false;
    }
}
