//! What Get Features returns with SEL = 011b (Supported Capabilities). Base-2.3 §5.2.11.1.

use bitfield_struct::bitfield;

/// Dword 0 of the completion of Get Features with SEL = 011b.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct SupportedCapabilities {
    /// Whether the feature can be saved.
    pub saveable: bool,
    /// Whether the feature has a value for each namespace.
    pub namespace_specific: bool,
    /// Whether Set Features can change the feature.
    pub changeable: bool,
    #[bits(29)]
    __: u32,
}
