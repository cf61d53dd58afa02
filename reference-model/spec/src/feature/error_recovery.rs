//! Error Recovery (FID 05h) of the NVM command set. NVM-1.0 §4.1.3.2, figure 84.

use bitfield_struct::bitfield;

/// Dword 11 of Set Features, and dword 0 of the completion of Get Features.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct ErrorRecovery {
    /// Time Limited Error Recovery (TLER), in units of 100 ms; 0 is no limit.
    pub tler: u16,
    /// Deallocated or Unwritten Logical Block Error Enable (DULBE). From 1.2.
    pub dulbe: bool,
    #[bits(15)]
    __: u16,
}
