//! Identify Controller (CNS 01h). Base-2.3 §5.2.13.2.1, figure 328.

use spec::identify::IdentifyController;
use spec::structure::Text;
use spec::{Cns, Nsid};

use super::StructureDef;
use crate::health::{CCTEMP, WCTEMP};
use crate::run::{Refusal, Run};

pub(super) const DEFINITION: StructureDef = StructureDef {
    cns: Cns::IDENTIFY_CONTROLLER,
    since: (1, 0),
    uses_nsid: false,
    uses_csi: false,
    make,
};

/// Firmware Revision (FR), also that of slot 1.
pub const FIRMWARE_REVISION: &str = env!("CARGO_PKG_VERSION");

/// PCI vendor: the identifier that QEMU's virtual devices use for vendorless hardware.
const VID: u16 = 0x1b36;
/// An organisation's identifier (OUI), least significant byte first: that of QEMU's devices.
const IEEE: [u8; 3] = [0x00, 0x54, 0x52];
/// LPA bits 1 and 2: the Commands Supported and Effects log page; NUMDU and LPO.
const LPA: u8 = 1 << 1 | 1 << 2;
/// LPA bit 5 from 2.0: log pages 00h, 12h and 13h, and the scopes in 05h. Without it the pages may be
/// there all the same, and are.
const LPA_MISCELLANEOUS: u8 = 1 << 5;
/// ONCS bit 4: Save in Set Features, Select in Get Features.
const ONCS_SAVE_AND_SELECT: u16 = 1 << 4;
/// FRMW: one slot, read only.
const FRMW: u8 = 1 << 1 | 1;
/// SQES and CQES: required and maximum size are the same.
const ENTRY_SIZES: (u8, u8) = (0x66, 0x44);
/// CMIC bit 1: the subsystem may have several controllers; bit 0: several ports.
const CMIC_SEVERAL: u8 = 1 << 1 | 1;
/// CNTRLTYPE: I/O controller.
const IO_CONTROLLER: u8 = 1;
/// BPCAP bits 1:0 from 2.1: write protection by RPMB not supported.
const BPCAP: u8 = 1;

fn make(run: &mut Run, _: Nsid) -> Result<[u8; 4096], Refusal> {
    let config = run.config;
    let mut structure = IdentifyController::zeroed();
    let from = |major, minor, value: u8| if config.from(major, minor) { value } else { 0 };
    let broadcast = match (config.from(1, 4), config.broadcast_flush) {
        (false, _) => 0,
        (true, false) => 2,
        (true, true) => 3,
    };
    let scopes = if config.command_scopes { LPA_MISCELLANEOUS } else { 0 };
    let capacity: u128 = run.media.iter().map(|ns| u128::from(ns.blocks) << ns.block_shift).sum();
    structure
        .set()
        .vid(VID)
        .ssvid(VID)
        .sn(Text::padded(&config.serial, b' '))
        .mn(Text::padded("lockstep emulator", b' '))
        .fr(Text::padded(FIRMWARE_REVISION, b' '))
        .ieee(IEEE)
        .cmic(if config.controllers > 1 { CMIC_SEVERAL } else { 0 })
        .mdts(config.mdts)
        .cntlid(run.controller.index as u16)
        .ver(config.version.to_raw())
        .rtd3r(config.ready_us.min(u64::from(u32::MAX)) as u32)
        .rtd3e(config.shutdown_us.min(u64::from(u32::MAX)) as u32)
        .bpcap(from(2, 1, BPCAP))
        .cntrltype(from(1, 4, IO_CONTROLLER))
        .acl(config.acl_z)
        .aerl(config.aerl_z)
        .frmw(FRMW)
        .lpa(LPA | from(2, 0, scopes))
        .elpe(config.elpe_z)
        .wctemp(WCTEMP)
        .cctemp(CCTEMP)
        .tnvmcap(capacity)
        .sqes(ENTRY_SIZES.0)
        .cqes(ENTRY_SIZES.1)
        .nn(run.media.nn)
        .oncs(ONCS_SAVE_AND_SELECT)
        .vwc(u8::from(config.vwc) | broadcast << 1)
        .subnqn(Text::padded(&config.subnqn, 0));
    Ok(structure.0)
}
