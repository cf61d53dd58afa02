//! Arbitration (FID 01h). Base-2.3 §5.2.26.1.1, figure 404.

use bitfield_struct::bitfield;

/// Dword 11 of Set Features, and dword 0 of the completion of Get Features.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Arbitration {
    /// Arbitration Burst (AB): 2^n commands fetched at one time from a queue; 7 is no limit.
    #[bits(3)]
    pub ab: u8,
    #[bits(5)]
    __: u8,
    /// Low Priority Weight (LPW), 0's based.
    pub lpw_z: u8,
    /// Medium Priority Weight (MPW), 0's based.
    pub mpw_z: u8,
    /// High Priority Weight (HPW), 0's based.
    pub hpw_z: u8,
}

impl Arbitration {
    /// How many commands may be fetched at one time from a queue; nothing is no limit.
    pub const fn burst(self) -> Option<u32> {
        match self.ab() {
            7 => None,
            n => Some(1 << n),
        }
    }
}
