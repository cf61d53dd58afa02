//! Save is accepted for a feature that cannot be saved.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct NotSaveableSaved;

impl Defect for NotSaveableSaved {
    fn name(&self) -> &'static str {
        "not-saveable-saved"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["set-features.not-saveable"]
    }

    fn story(&self) -> &'static str {
        "The Save bit is ignored instead of refused."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::Saveable)
    }
}
