//! DEVICE_GET_INFO: how many regions and interrupt types.

use super::layout;

layout! {
    /// DEVICE_GET_INFO, as a command (only `argsz` counts) and as a reply.
    DeviceInfo = "DEVICE_GET_INFO" {
        /// The largest reply; in the reply the size of all there is.
        argsz: u32,
        /// [`DeviceInfo::RESET`], [`DeviceInfo::PCI`].
        flags: u32,
        /// How many regions.
        num_regions: u32,
        /// How many interrupt types.
        num_irqs: u32,
    }
}

impl DeviceInfo {
    /// DEVICE_RESET works.
    pub const RESET: u32 = 1;
    /// It is a PCI device.
    pub const PCI: u32 = 1 << 1;
}

/// Regions of a PCI device.
pub mod region {
    /// BAR 0; the others follow.
    pub const BAR0: u32 = 0;
    /// BAR 4.
    pub const BAR4: u32 = 4;
    /// Configuration space.
    pub const CONFIG: u32 = 7;
    /// How many a PCI device has.
    pub const COUNT: u32 = 9;
}

/// Interrupt types of a PCI device.
pub mod irq {
    /// INTx.
    pub const INTX: u32 = 0;
    /// MSI.
    pub const MSI: u32 = 1;
    /// MSI-X.
    pub const MSIX: u32 = 2;
    /// Errors.
    pub const ERR: u32 = 3;
    /// The device asks to be released.
    pub const REQ: u32 = 4;
    /// How many a PCI device has.
    pub const COUNT: u32 = 5;
}
