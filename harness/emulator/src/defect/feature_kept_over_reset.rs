//! Features keep their current values over a reset.

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct FeatureKeptOverReset;

impl Defect for FeatureKeptOverReset {
    fn name(&self) -> &'static str {
        "feature-kept-over-reset"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &[
            "interrupt-coalescing.reset",
            "interrupt-vector.default",
            "reset.features",
            "reset.saved-features",
        ]
    }

    fn story(&self) -> &'static str {
        "Feature values in a structure that only power on initialises."
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.restores_features = false;
    }
}
