//! An error event is reported again before its log page was read.

use crate::seam::{Defect, Scene};

pub(super) struct EventRepeated;

impl Defect for EventRepeated {
    fn name(&self) -> &'static str {
        "event-repeated"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["async-event.masked-until-cleared"]
    }

    fn story(&self) -> &'static str {
        "No mask bit for events: one bad doorbell writer floods the host with them."
    }

    fn on_event(&self, _: &mut Scene, _masked: bool) -> bool {
        false
    }
}
