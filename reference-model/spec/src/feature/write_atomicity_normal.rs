//! Write Atomicity Normal (FID 0Ah) of the NVM command set. NVM-1.0 §4.1.3.5, figure 87.

use bitfield_struct::bitfield;

/// Dword 11 of Set Features, and dword 0 of the completion of Get Features.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct WriteAtomicityNormal {
    /// Disable Normal (DN): AWUN and NAWUN are not required.
    pub dn: bool,
    #[bits(31)]
    __: u32,
}
