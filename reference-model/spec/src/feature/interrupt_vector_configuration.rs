//! Interrupt Vector Configuration (FID 09h). Base-2.3 §5.2.26.2.3, figure 475.

use bitfield_struct::bitfield;

/// Dword 11 of Set Features and (IV alone) of Get Features, and dword 0 of the completion of Get
/// Features.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct InterruptVectorConfiguration {
    /// Interrupt Vector (IV).
    pub iv: u16,
    /// Coalescing Disable (CD).
    pub cd: bool,
    #[bits(15)]
    __: u16,
}
