//! The event of a temperature is never sent, whatever is configured.

use crate::seam::{Bound, Defect, Scene};

pub(super) struct TemperatureEventMissing;

impl Defect for TemperatureEventMissing {
    fn name(&self) -> &'static str {
        "temperature-event-missing"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["async-event.temperature", "event-configuration.already-true"]
    }

    fn story(&self) -> &'static str {
        "A warning that is set in the page, and an event that nobody raises: hosts poll, it was thought."
    }

    fn on_bound(&self, _: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound == Bound::EnabledWarnings { value & !2 } else { value }
    }
}
