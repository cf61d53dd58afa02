//! Temperature Threshold (FID 04h). Base-2.3 §5.2.26.1.3, figure 407.

use bitfield_struct::bitfield;

/// Dword 11 of Set Features and Get Features, and dword 0 of the completion of Get Features, of which
/// only the threshold and the hysteresis are told.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct TemperatureThreshold {
    /// Temperature Threshold (TMPTH), in kelvins.
    pub tmpth: u16,
    /// Threshold Temperature Select (TMPSEL): 0 composite, 1 to 8 a sensor, 15 all implemented
    /// sensors (Set Features only). The other values are reserved. From 1.2.
    #[bits(4)]
    pub tmpsel: u8,
    /// Threshold Type Select (THSEL): 0 over, 1 under temperature threshold; 2 and 3 are reserved.
    /// From 1.2.
    #[bits(2)]
    pub thsel: u8,
    /// Temperature Threshold Hysteresis (TMPTHH), in kelvins. From 2.1.
    #[bits(3)]
    pub tmpthh: u8,
    #[bits(7)]
    __: u8,
}

impl TemperatureThreshold {
    /// TMPSEL of the composite temperature.
    pub const COMPOSITE: u8 = 0;
    /// TMPSEL of all implemented sensors.
    pub const ALL_SENSORS: u8 = 15;
    /// THSEL of the over temperature threshold.
    pub const OVER: u8 = 0;
    /// THSEL of the under temperature threshold.
    pub const UNDER: u8 = 1;
}
