//! The temperature event comes whether or not its notice is enabled.

use crate::seam::{Bound, Defect, Scene};

pub(super) struct SmartEventUnasked;

impl Defect for SmartEventUnasked {
    fn name(&self) -> &'static str {
        "smart-event-unasked"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["async-event.smart-disabled"]
    }

    fn story(&self) -> &'static str {
        "Feature 0Bh stored, returned and used by nobody."
    }

    fn on_bound(&self, _: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound == Bound::EnabledWarnings { 0xff } else { value }
    }
}
