//! A head doorbell value beyond the queue is taken modulo its size.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct CqHeadOutOfRangeObeyed;

impl Defect for CqHeadOutOfRangeObeyed {
    fn name(&self) -> &'static str {
        "cq-head-out-of-range-obeyed"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["async-event.invalid-cq-head", "async-event.invalid-doorbell"]
    }

    fn story(&self) -> &'static str {
        "The tail doorbell is checked and the head doorbell, written by the same host, is \
         not."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::HeadValue)
    }
}
