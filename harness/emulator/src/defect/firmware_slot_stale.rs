//! The firmware slot log names another revision than Identify Controller.

use spec::Lid;

use super::reads_page;
use crate::seam::{Defect, Scene};

pub(super) struct FirmwareSlotStale;

impl Defect for FirmwareSlotStale {
    fn name(&self) -> &'static str {
        "firmware-slot-stale"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["firmware-slot.revision"]
    }

    fn story(&self) -> &'static str {
        "The revision in two places, one of them updated."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let asked = reads_page(scene, Lid::FIRMWARE_SLOT_INFORMATION);
        if asked && let Some(revision) = data.get_mut(8..16) {
            revision.copy_from_slice(b"0.0.1   ");
        }
    }
}
