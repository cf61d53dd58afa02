//! Asynchronous Event Configuration (FID 0Bh). Base-2.3 §5.2.26.1.5, figure 409.

use bitfield_struct::bitfield;

/// Dword 11 of Set Features, and dword 0 of the completion of Get Features.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct AsynchronousEventConfiguration {
    /// SMART / Health Critical Warnings (SHCW): [`crate::log_page::CriticalWarning`].
    pub shcw: u8,
    /// Attached Namespace Attribute Notices (NAN). From 1.2.
    pub nan: bool,
    /// Firmware Activation Notices (FAN). From 1.2.
    pub fan: bool,
    /// Telemetry Log Notices (TLN). From 1.3.
    pub tln: bool,
    /// Asymmetric Namespace Access Change Notices (ANACN). From 1.4.
    pub anacn: bool,
    /// Predictable Latency Event Aggregate Log Change Notices (PLEALCN). From 1.4.
    pub plealcn: bool,
    /// LBA Status Information Alert Notices (LSIAN). From 1.4.
    pub lsian: bool,
    /// Endurance Group Event Aggregate Log Change Notices (EGEALCN). From 1.4.
    pub egealcn: bool,
    /// Normal NVM Subsystem Shutdown (NNSSHDN). From 2.0.
    pub nnsshdn: bool,
    /// Temperature Threshold Hysteresis Recovery (TTHRY). From 2.1.
    pub tthry: bool,
    /// Reachability Association (RASSN). From 2.1.
    pub rassn: bool,
    /// Reachability Group (RGRP0). From 2.1.
    pub rgrp0: bool,
    /// Allocated Namespace Attribute Notices (ANSAN). From 2.1.
    pub ansan: bool,
    /// Cross-Controller Reset Completed Notices. From 2.3.
    pub ccrcn: bool,
    /// Lost Host Communication Notices. From 2.3.
    pub lhcn: bool,
    #[bits(5)]
    __: u8,
    /// Zone Descriptor Changed Notices (ZDCN). From 2.0.
    pub zdcn: bool,
    /// Pull Model DDC Request Log Page Change Notification (PMDRLPCN). Discovery controllers only.
    pub pmdrlpcn: bool,
    /// AVE Discovery Log Page Change Notification (ADLPCN). Discovery controllers only.
    pub adlpcn: bool,
    /// Host Discovery Log Page Change Notification (HDLPCN). Discovery controllers only.
    pub hdlpcn: bool,
    /// Discovery Log Page Change Notification (DLPCN). Discovery controllers only.
    pub dlpcn: bool,
}
