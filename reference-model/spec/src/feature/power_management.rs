//! Power Management (FID 02h). Base-2.3 §5.2.26.1.2, figures 405 and 406.

use bitfield_struct::bitfield;

/// Dword 11 of Set Features, and dword 0 of the completion of Get Features.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct PowerManagement {
    /// Power State (PS): at most NPSS.
    #[bits(5)]
    pub ps: u8,
    /// Workload Hint (WH): 0 none, 1 bursts of random writes, 2 heavy sequential writes; the other
    /// values are reserved. Base-2.3 figure 674. From 1.2.
    #[bits(3)]
    pub wh: u8,
    #[bits(24)]
    __: u32,
}
