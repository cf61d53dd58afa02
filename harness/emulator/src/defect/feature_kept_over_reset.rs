//! Features keep their current values over a reset.

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct FeatureKeptOverReset;

impl Defect for FeatureKeptOverReset {
    fn name(&self) -> &'static str {
        "feature-kept-over-reset"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &[
            "reset.features",
            "reset.features-default",
            "reset.saved-features",
            "reset.number-of-queues",
            "reset.number-of-queues-default",
            "number-of-queues.again-after-reset",
        ]
    }

    fn story(&self) -> &'static str {
        "Feature values in a structure that only power on initialises."
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.restores_features = false;
    }
}
