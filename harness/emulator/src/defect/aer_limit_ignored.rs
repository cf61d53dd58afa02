//! More Asynchronous Event Requests than AERL allows are kept.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct AerLimitIgnored;

impl Defect for AerLimitIgnored {
    fn name(&self) -> &'static str {
        "aer-limit-ignored"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["async-event-request.one-refused"]
    }

    fn story(&self) -> &'static str {
        "An unbounded list of requests: a hostile host exhausts the memory of the \
         controller."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::AerLimit)
    }
}
