//! Controller properties (registers): offsets and bit fields. Base-2.3 §3.1.4, figures 35 to 64.

use bitfield_struct::bitfield;

use crate::Version;

/// Offset of Controller Capabilities (CAP), 8 bytes.
pub const CAP: u32 = 0x00;
/// Offset of Version (VS), 4 bytes.
pub const VS: u32 = 0x08;
/// Offset of Interrupt Mask Set (INTMS), 4 bytes.
pub const INTMS: u32 = 0x0c;
/// Offset of Interrupt Mask Clear (INTMC), 4 bytes.
pub const INTMC: u32 = 0x10;
/// Offset of Controller Configuration (CC), 4 bytes.
pub const CC: u32 = 0x14;
/// Offset of Controller Status (CSTS), 4 bytes.
pub const CSTS: u32 = 0x1c;
/// Offset of NVM Subsystem Reset (NSSR), 4 bytes.
pub const NSSR: u32 = 0x20;
/// Offset of Admin Queue Attributes (AQA), 4 bytes.
pub const AQA: u32 = 0x24;
/// Offset of Admin Submission Queue Base Address (ASQ), 8 bytes.
pub const ASQ: u32 = 0x28;
/// Offset of Admin Completion Queue Base Address (ACQ), 8 bytes.
pub const ACQ: u32 = 0x30;
/// Offset of NVM Subsystem Shutdown (NSSD), 4 bytes, from 2.0.
pub const NSSD: u32 = 0x64;
/// Offset of Controller Ready Timeouts (CRTO), 4 bytes, from 2.0.
pub const CRTO: u32 = 0x68;
/// Offset of the first doorbell. PCIe Transport §3.1.2.
pub const DOORBELLS: u32 = 0x1000;

/// What the host writes to NSSR for an NVM Subsystem Reset: "NVMe". Base-2.3 figure 43.
pub const NSSR_RESET: u32 = 0x4e56_4d65;

/// One property.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegisterDef {
    /// Offset in bytes.
    pub offset: u32,
    /// Size in bytes, 4 or 8.
    pub bytes: u32,
    /// The acronym.
    pub name: &'static str,
    /// The first version that defines it; before, its bytes are reserved.
    pub since: Version,
}

const fn property(offset: u32, bytes: u32, name: &'static str, minor: (u16, u8)) -> RegisterDef {
    RegisterDef { offset, bytes, name, since: Version::new(minor.0, minor.1) }
}

/// Every property of a memory mapped controller, by offset. Base-2.3 figure 35.
pub const TABLE: &[RegisterDef] = &[
    property(CAP, 8, "CAP", (1, 0)),
    property(VS, 4, "VS", (1, 0)),
    property(INTMS, 4, "INTMS", (1, 0)),
    property(INTMC, 4, "INTMC", (1, 0)),
    property(CC, 4, "CC", (1, 0)),
    property(CSTS, 4, "CSTS", (1, 0)),
    property(NSSR, 4, "NSSR", (1, 1)),
    property(AQA, 4, "AQA", (1, 0)),
    property(ASQ, 8, "ASQ", (1, 0)),
    property(ACQ, 8, "ACQ", (1, 0)),
    property(0x38, 4, "CMBLOC", (1, 2)),
    property(0x3c, 4, "CMBSZ", (1, 2)),
    property(0x40, 4, "BPINFO", (1, 3)),
    property(0x44, 4, "BPRSEL", (1, 3)),
    property(0x48, 8, "BPMBL", (1, 3)),
    property(0x50, 8, "CMBMSC", (1, 4)),
    property(0x58, 4, "CMBSTS", (1, 4)),
    property(0x5c, 4, "CMBEBS", (1, 4)),
    property(0x60, 4, "CMBSWTP", (1, 4)),
    property(NSSD, 4, "NSSD", (2, 0)),
    property(CRTO, 4, "CRTO", (2, 0)),
    property(0xe00, 4, "PMRCAP", (1, 4)),
    property(0xe04, 4, "PMRCTL", (1, 4)),
    property(0xe08, 4, "PMRSTS", (1, 4)),
    property(0xe0c, 4, "PMREBS", (1, 4)),
    property(0xe10, 4, "PMRSWTP", (1, 4)),
    property(0xe14, 4, "PMRMSCL", (1, 4)),
    property(0xe18, 4, "PMRMSCU", (1, 4)),
];

/// The property that holds the byte at `offset`.
pub fn property_at(offset: u32) -> Option<&'static RegisterDef> {
    TABLE.iter().find(|def| (def.offset..def.offset + def.bytes).contains(&offset))
}

/// Controller Capabilities (CAP). Base-2.3 §3.1.4.1, figure 36.
#[bitfield(u64)]
#[derive(PartialEq, Eq)]
pub struct Cap {
    /// Maximum Queue Entries Supported (MQES), 0's based: the largest I/O queue. 1h at least.
    #[bits(16)]
    pub mqes_z: u16,
    /// Contiguous Queues Required (CQR).
    pub cqr: bool,
    /// Arbitration Mechanism Supported (AMS): bit 0 weighted round robin with urgent, bit 1 vendor.
    #[bits(2)]
    pub ams: u8,
    #[bits(5)]
    __: u8,
    /// Timeout (TO), in units of 500 ms. FFh is no bound where CRTO applies.
    pub to: u8,
    /// Doorbell Stride (DSTRD): doorbells are 2^(2 + DSTRD) bytes apart.
    #[bits(4)]
    pub dstrd: u8,
    /// NVM Subsystem Reset Supported (NSSRS).
    pub nssrs: bool,
    /// Command Sets Supported (CSS): bit 0 NVM, bit 6 by CNS 1Ch, bit 7 none (admin only).
    pub css: u8,
    /// Boot Partition Support (BPS).
    pub bps: bool,
    /// Controller Power Scope (CPS).
    #[bits(2)]
    pub cps: u8,
    /// Memory Page Size Minimum (MPSMIN): 2^(12 + MPSMIN) bytes.
    #[bits(4)]
    pub mpsmin: u8,
    /// Memory Page Size Maximum (MPSMAX): 2^(12 + MPSMAX) bytes.
    #[bits(4)]
    pub mpsmax: u8,
    /// Persistent Memory Region Supported (PMRS).
    pub pmrs: bool,
    /// Controller Memory Buffer Supported (CMBS).
    pub cmbs: bool,
    /// NVM Subsystem Shutdown Supported (NSSS).
    pub nsss: bool,
    /// Controller Ready Modes Supported (CRMS): bit 0 with media, bit 1 independent of media.
    #[bits(2)]
    pub crms: u8,
    /// NVM Subsystem Shutdown Enhancements Supported (NSSES).
    pub nsses: bool,
    #[bits(2)]
    __: u8,
}

/// Controller Configuration (CC). Base-2.3 §3.1.4.5, figure 41.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Cc {
    /// Enable (EN).
    pub en: bool,
    #[bits(3)]
    __: u8,
    /// I/O Command Set Selected (CSS): 000b NVM.
    #[bits(3)]
    pub css: u8,
    /// Memory Page Size (MPS): 2^(12 + MPS) bytes.
    #[bits(4)]
    pub mps: u8,
    /// Arbitration Mechanism Selected (AMS): 000b round robin.
    #[bits(3)]
    pub ams: u8,
    /// Shutdown Notification (SHN): 00b none, 01b normal, 10b abrupt.
    #[bits(2)]
    pub shn: u8,
    /// I/O Submission Queue Entry Size (IOSQES): 2^n bytes, 6 for the NVM command set.
    #[bits(4)]
    pub iosqes: u8,
    /// I/O Completion Queue Entry Size (IOCQES): 2^n bytes, 4 for the NVM command set.
    #[bits(4)]
    pub iocqes: u8,
    /// Controller Ready Independent of Media Enable (CRIME), from 2.0.
    pub crime: bool,
    #[bits(7)]
    __: u8,
}

impl Cc {
    /// The memory page size in bytes.
    pub const fn page_bytes(self) -> u64 {
        1 << (12 + self.mps() as u32)
    }
}

/// Controller Status (CSTS). Base-2.3 §3.1.4.6, figure 42.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Csts {
    /// Ready (RDY).
    pub rdy: bool,
    /// Controller Fatal Status (CFS).
    pub cfs: bool,
    /// Shutdown Status (SHST): 00b normal operation, 01b in progress, 10b complete.
    #[bits(2)]
    pub shst: u8,
    /// NVM Subsystem Reset Occurred (NSSRO).
    pub nssro: bool,
    /// Processing Paused (PP).
    pub pp: bool,
    /// Shutdown Type (ST), from 2.0.
    pub st: bool,
    #[bits(25)]
    __: u32,
}

/// Admin Queue Attributes (AQA). Base-2.3 §3.1.4.8, figure 44.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Aqa {
    /// Admin Submission Queue Size (ASQS), 0's based. 1h at least.
    #[bits(12)]
    pub asqs_z: u16,
    #[bits(4)]
    __: u8,
    /// Admin Completion Queue Size (ACQS), 0's based. 1h at least.
    #[bits(12)]
    pub acqs_z: u16,
    #[bits(4)]
    __: u8,
}

/// Controller Ready Timeouts (CRTO), in units of 500 ms. Base-2.3 §3.1.4, figure 57.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Crto {
    /// Controller Ready With Media Timeout (CRWMT).
    pub crwmt: u16,
    /// Controller Ready Independent of Media Timeout (CRIMT).
    pub crimt: u16,
}

/// Which pointer of which queue a doorbell holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DoorbellKind {
    /// Submission queue tail.
    SqTail,
    /// Completion queue head.
    CqHead,
}

/// The offset of a doorbell: `1000h + (2y + kind) * (4 << DSTRD)`. PCIe Transport §3.1.2.
///
/// Saturates where the offset needs more than 32 bits: high queues with DSTRD above 13.
pub const fn doorbell_offset(kind: DoorbellKind, qid: u16, dstrd: u8) -> u32 {
    let index = 2 * qid as u32 + matches!(kind, DoorbellKind::CqHead) as u32;
    DOORBELLS.saturating_add(index.saturating_mul(4 << dstrd))
}

/// The doorbell at `offset`, if `offset` is the first byte of one.
pub const fn doorbell_at(offset: u32, dstrd: u8) -> Option<(DoorbellKind, u16)> {
    let stride = 4 << dstrd;
    if offset < DOORBELLS || !(offset - DOORBELLS).is_multiple_of(stride) {
        return None;
    }
    let index = (offset - DOORBELLS) / stride;
    if index > 2 * u16::MAX as u32 + 1 {
        return None;
    }
    let kind = if index & 1 == 0 { DoorbellKind::SqTail } else { DoorbellKind::CqHead };
    Some((kind, (index >> 1) as u16))
}

/// Version (VS) as a [`Version`].
pub const fn version(vs: u32) -> Version {
    Version::from_raw(vs)
}
