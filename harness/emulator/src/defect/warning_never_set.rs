//! Critical Warning is always 0.

use spec::Lid;

use super::reads_page;
use crate::seam::{Defect, Scene};

pub(super) struct WarningNeverSet;

impl Defect for WarningNeverSet {
    fn name(&self) -> &'static str {
        "warning-never-set"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &[
            "temperature-threshold.crossed",
            "temperature-threshold.inclusive",
            "smart.temperature-warning",
        ]
    }

    fn story(&self) -> &'static str {
        "The byte of a page that was filled from a template."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        if reads_page(scene, Lid::SMART_HEALTH_INFORMATION) && !data.is_empty() {
            data[0] = 0;
        }
    }
}
