//! A Completion Queue is deleted with Submission Queues bound to it.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct DeleteCqInUse;

impl Defect for DeleteCqInUse {
    fn name(&self) -> &'static str {
        "delete-cq-in-use"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["delete-io-cq.sq-attached"]
    }

    fn story(&self) -> &'static str {
        "No count of the Submission Queues bound to a Completion Queue: a use after free \
         in more than one device model."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::CqInUse)
    }
}
