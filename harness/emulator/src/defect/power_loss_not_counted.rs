//! A loss of power leaves the SMART counters alone.

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct PowerLossNotCounted;

impl Defect for PowerLossNotCounted {
    fn name(&self) -> &'static str {
        "power-loss-not-counted"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["smart.unexpected-losses"]
    }

    fn story(&self) -> &'static str {
        "The counter written to flash by the very shutdown that did not happen."
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.counts_power_cycle = false;
    }
}
