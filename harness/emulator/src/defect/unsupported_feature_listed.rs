//! The feature effects log lists a feature that is refused.

use spec::{Fid, Lid};

use super::reads_page;
use crate::seam::{Defect, Scene};

pub(super) struct UnsupportedFeatureListed;

impl Defect for UnsupportedFeatureListed {
    fn name(&self) -> &'static str {
        "unsupported-feature-listed"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["features-supported.entries"]
    }

    fn story(&self) -> &'static str {
        "The list of the product family, not of the product."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let entry = 4 * usize::from(Fid::TIMESTAMP.0);
        let asked = reads_page(scene, Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS);
        if asked && let Some(bits) = data.get_mut(entry) {
            *bits |= 1;
        }
    }
}
