//! Configuration space: what stands where, and the walk through the capabilities.

use std::io;

use crate::hardware::Hardware;

pub(crate) const COMMAND: u16 = 0x04;
/// Memory Space and Bus Master Enable.
pub(crate) const COMMAND_ON: u32 = 6;
/// Revision ID and Class Code: never all ones, and not made up by the kernel.
pub(crate) const CLASS: u16 = 0x08;
const STATUS: u16 = 0x06;
const HAS_CAPABILITIES: u32 = 1 << 4;
const CAPABILITIES: u16 = 0x34;
const CAP_PM: u8 = 0x01;
const CAP_PCIE: u8 = 0x10;
const CAP_MSIX: u8 = 0x11;
/// Device Capabilities bit 28: Function Level Reset.
const FLR_CAPABLE: u32 = 1 << 28;

/// What matters of a function's capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Layout {
    /// Where the MSI-X table and its pending bits lie.
    pub msix: Option<Msix>,
    /// Whether Function Level Reset is supported.
    pub flr: bool,
    /// Offset of Power Management Control/Status.
    pub pmcsr: Option<u16>,
}

/// The MSI-X structures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Msix {
    /// Table Size, 1's based.
    pub vectors: u16,
    /// BAR and offset of the table.
    pub table: (u8, u64),
    /// BAR and offset of the pending bits.
    pub pending: (u8, u64),
}

impl Layout {
    /// Reads the capabilities. A function that answers nonsense has none.
    pub fn read(hw: &mut dyn Hardware) -> io::Result<Self> {
        let mut layout = Self::default();
        if hw.config_read(STATUS, 2)? & HAS_CAPABILITIES == 0 {
            return Ok(layout);
        }
        let mut at = hw.config_read(CAPABILITIES, 1)? as u16 & 0xfc;
        // 48 capabilities fill the space: a longer list is a loop.
        for _ in 0..48 {
            if at < 0x40 {
                break;
            }
            let head = hw.config_read(at, 2)?;
            match head as u8 {
                CAP_PM => layout.pmcsr = Some(at + 4),
                CAP_PCIE => layout.flr = hw.config_read(at + 4, 4)? & FLR_CAPABLE != 0,
                CAP_MSIX => layout.msix = Some(Msix::read(hw, at)?),
                _ => {}
            }
            at = (head >> 8) as u16 & 0xfc;
        }
        Ok(layout)
    }
}

impl Msix {
    fn read(hw: &mut dyn Hardware, at: u16) -> io::Result<Self> {
        let vectors = (hw.config_read(at + 2, 2)? & 0x7ff) as u16 + 1;
        let place = |register: u32| ((register & 7) as u8, u64::from(register & !7));
        let table = place(hw.config_read(at + 4, 4)?);
        let pending = place(hw.config_read(at + 8, 4)?);
        Ok(Self { vectors, table, pending })
    }
}
