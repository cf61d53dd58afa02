//! A tail doorbell value beyond the queue is taken modulo its size.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct DoorbellOutOfRangeObeyed;

impl Defect for DoorbellOutOfRangeObeyed {
    fn name(&self) -> &'static str {
        "doorbell-out-of-range-obeyed"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &[
            "queue.errored-consumes-none",
            "async-event.invalid-sq-tail",
            "async-event.invalid-doorbell",
        ]
    }

    fn story(&self) -> &'static str {
        "Tail values used unchecked, as in several device models before fuzzers reached \
         their doorbells."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::TailValue)
    }
}
