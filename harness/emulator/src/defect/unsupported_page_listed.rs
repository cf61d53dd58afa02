//! Supported Log Pages lists a page that is refused.

use spec::Lid;

use super::reads_page;
use crate::seam::{Defect, Scene};

pub(super) struct UnsupportedPageListed;

impl Defect for UnsupportedPageListed {
    fn name(&self) -> &'static str {
        "unsupported-page-listed"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["supported-log-pages.as-answered"]
    }

    fn story(&self) -> &'static str {
        "The list of the product family, not of the product."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let entry = 4 * usize::from(Lid::DEVICE_SELF_TEST.0);
        let asked = reads_page(scene, Lid::SUPPORTED_LOG_PAGES);
        if asked && let Some(bits) = data.get_mut(entry) {
            *bits |= 1;
        }
    }
}
