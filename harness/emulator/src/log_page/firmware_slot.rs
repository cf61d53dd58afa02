//! Firmware Slot Information (LID 03h). Base-2.3 §5.2.12.1.4, figure 212.

use spec::Lid;
use spec::log_page::{ActiveFirmwareInfo, FirmwareSlot};
use spec::structure::Text;

use super::LogPageDef;
use crate::identify::FIRMWARE_REVISION;
use crate::run::Run;

pub(super) const DEFINITION: LogPageDef = LogPageDef {
    lid: Lid::FIRMWARE_SLOT_INFORMATION,
    since: (1, 0),
    bytes: |_| FirmwareSlot::BYTES,
    fill,
    // The event that it would clear comes with firmware activation, which is not supported.
    clears: None,
};

/// One slot, read only, with the firmware that runs.
fn fill(_: &mut Run, page: &mut [u8]) {
    let Some(page) = page.first_chunk_mut() else { return };
    FirmwareSlot(page)
        .set()
        .afi(ActiveFirmwareInfo::new().with_cafs(1).into_bits())
        .frs1(Text::padded(FIRMWARE_REVISION, b' '));
}
