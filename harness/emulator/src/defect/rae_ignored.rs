//! Reading the log page with RAE = 1 clears the event.

use crate::seam::{Bound, Defect, Scene};

pub(super) struct RaeIgnored;

impl Defect for RaeIgnored {
    fn name(&self) -> &'static str {
        "rae-ignored"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["get-log-page.retain-event", "async-event.masked-until-cleared"]
    }

    fn story(&self) -> &'static str {
        "RAE came with 1.3 and is ignored by firmware that goes back to 1.2."
    }

    fn on_bound(&self, _: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound == Bound::Retain { 0 } else { value }
    }
}
