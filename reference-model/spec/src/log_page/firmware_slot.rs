//! Firmware Slot Information.

use bitfield_struct::bitfield;

use crate::structure::{Text, structure};

structure! {
    /// Firmware Slot Information (LID 03h). Base-2.3 §5.2.12.1.4, figure 212.
    FirmwareSlot [512] {
        /// Active Firmware Info (AFI): [`ActiveFirmwareInfo`].
        afi: u8 = [0:0],
        /// Firmware Revision for Slot 1 (FRS1): ASCII; all 0 is no firmware.
        frs1: Text<8> = [15:8],
        /// Firmware Revision for Slot 2 (FRS2).
        frs2: Text<8> = [23:16],
        /// Firmware Revision for Slot 3 (FRS3).
        frs3: Text<8> = [31:24],
        /// Firmware Revision for Slot 4 (FRS4).
        frs4: Text<8> = [39:32],
        /// Firmware Revision for Slot 5 (FRS5).
        frs5: Text<8> = [47:40],
        /// Firmware Revision for Slot 6 (FRS6).
        frs6: Text<8> = [55:48],
        /// Firmware Revision for Slot 7 (FRS7).
        frs7: Text<8> = [63:56],
    }
}

impl<B: std::borrow::Borrow<[u8; 512]>> FirmwareSlot<B> {
    /// The revision in slot 1 to 7.
    pub fn revision(&self, slot: u8) -> Option<Text<8>> {
        let at = 8 * usize::from(slot);
        let bytes = self.bytes().get(at..at + 8).filter(|_| matches!(slot, 1..=7))?;
        Some(Text(bytes.try_into().ok()?))
    }
}

/// Active Firmware Info (AFI). Base-2.3 figure 212.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct ActiveFirmwareInfo {
    /// Current Active Firmware Slot (CAFS): where the running firmware was loaded from.
    #[bits(3)]
    pub cafs: u8,
    __: bool,
    /// Next Active Firmware Slot (NAFS), at the next Controller Level Reset; 0 is not told.
    #[bits(3)]
    pub nafs: u8,
    __: bool,
}
