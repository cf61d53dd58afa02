//! A reset forgets saved feature values.

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct SavedFeatureLost;

impl Defect for SavedFeatureLost {
    fn name(&self) -> &'static str {
        "saved-feature-lost"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["reset.saved-features", "reset.features"]
    }

    fn story(&self) -> &'static str {
        "Save in Set Features acknowledged and kept in memory only."
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.forgets_saved_features = true;
    }
}
