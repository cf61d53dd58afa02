//! Volatile Write Cache (FID 06h). Base-2.3 §5.2.26.1.4, figure 408.

use bitfield_struct::bitfield;

/// Dword 11 of Set Features, and dword 0 of the completion of Get Features.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct VolatileWriteCache {
    /// Volatile Write Cache Enable (WCE).
    pub wce: bool,
    #[bits(31)]
    __: u32,
}
