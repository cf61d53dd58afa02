//! PCI bring-up of one function over configuration mechanism 1 (ports CF8h and CFCh).

use crate::qtest::{Qtest, Trouble};

/// Where BARs are put: below the ECAM-free hole's end, above 2 GiB of memory.
const WINDOW: u64 = 0xe000_0000;
const WINDOW_END: u64 = 0xfe00_0000;

const VENDOR: u32 = 0x00;
const COMMAND: u32 = 0x04;
const CLASS: u32 = 0x08;
const FIRST_BAR: u32 = 0x10;
const CAPABILITIES: u32 = 0x34;
/// Memory space and bus mastering on.
const COMMAND_ON: u16 = 6;
/// Class code 010802h: NVM Express I/O controller.
const NVME_CLASS: u32 = 0x01_0802;
const CAP_MSIX: u8 = 0x11;
const CAP_PCIE: u8 = 0x10;
/// Device Capabilities bit 28: Function Level Reset.
const FLR_CAPABLE: u32 = 1 << 28;
/// Device Control bit 15: Initiate Function Level Reset.
const FLR: u16 = 1 << 15;

/// The MSI-X structures of a function, by their addresses in memory space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MsixPlace {
    /// Offset of the capability in configuration space.
    cap: u32,
    /// Table Size, 1's based.
    pub vectors: u16,
    pub table: u64,
    pub pending: u64,
}

/// One function, found and mapped.
#[derive(Debug)]
pub(crate) struct Function {
    slot: u8,
    /// Configuration offset, address, whether 64 bits wide.
    bars: Vec<(u32, u64, bool)>,
    /// Address of BAR 0.
    pub bar0: u64,
    /// Bytes of BAR 0.
    pub bar0_bytes: u64,
    /// None if the function has no MSI-X.
    pub msix: Option<MsixPlace>,
    /// Offset of Device Control, if Function Level Reset is supported.
    flr: Option<u32>,
}

/// Hands out memory space for BARs.
pub(crate) struct Window(u64);

impl Window {
    pub fn new() -> Self {
        Self(WINDOW)
    }

    fn take(&mut self, bytes: u64) -> Option<u64> {
        let at = self.0.next_multiple_of(bytes);
        let end = at.checked_add(bytes).filter(|&end| end <= WINDOW_END)?;
        self.0 = end;
        Some(at)
    }
}

/// Why bring-up failed.
pub(crate) enum PciError {
    Trouble(Trouble),
    Unsuitable(String),
}

impl From<Trouble> for PciError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

struct Config<'a> {
    qtest: &'a mut Qtest,
    slot: u8,
}

impl Config<'_> {
    fn select(&mut self, offset: u32) -> Result<(), Trouble> {
        let address = 0x8000_0000 | u32::from(self.slot) << 11 | offset & 0xfc;
        self.qtest.queue(format_args!("outl 0xcf8 {address:#x}"))
    }

    fn read(&mut self, offset: u32) -> Result<u32, Trouble> {
        self.select(offset)?;
        Ok(self.qtest.ask(format_args!("inl 0xcfc"))? as u32)
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), Trouble> {
        self.select(offset)?;
        self.qtest.queue(format_args!("outl 0xcfc {value:#x}"))
    }

    fn write16(&mut self, offset: u32, value: u16) -> Result<(), Trouble> {
        self.select(offset)?;
        self.qtest.queue(format_args!("outw {:#x} {value:#x}", 0xcfc + (offset & 2)))
    }

    /// The offset of a capability.
    fn capability(&mut self, id: u8) -> Result<Option<u32>, Trouble> {
        let mut at = self.read(CAPABILITIES)? & 0xfc;
        // 48 capabilities fill the space: a longer list is a loop.
        for _ in 0..48 {
            if at == 0 {
                break;
            }
            let head = self.read(at)?;
            if head as u8 == id {
                return Ok(Some(at));
            }
            at = head >> 8 & 0xfc;
        }
        Ok(None)
    }
}

impl Function {
    /// Finds the NVMe function in a slot, sizes and assigns its BARs, turns it on.
    pub fn find(qtest: &mut Qtest, slot: u8, window: &mut Window) -> Result<Self, PciError> {
        let mut config = Config { qtest, slot };
        let (id, class) = (config.read(VENDOR)?, config.read(CLASS)? >> 8);
        if class != NVME_CLASS {
            return Err(PciError::Unsuitable(format!(
                "slot {slot} holds {id:08x}h of class {class:06x}h, not an NVMe controller"
            )));
        }
        let mut bars = Vec::new();
        let mut places = [(0, 0); 6];
        let mut n = 0;
        while n < 6 {
            let offset = FIRST_BAR + 4 * n;
            config.write(offset, u32::MAX)?;
            let low = config.read(offset)?;
            let wide = low & 7 == 4;
            let mut mask = 0xffff_ffff_0000_0000 | u64::from(low & !0xf);
            if wide {
                config.write(offset + 4, u32::MAX)?;
                mask = u64::from(low & !0xf) | u64::from(config.read(offset + 4)?) << 32;
            }
            if low & !0xf != 0 && low & 1 == 0 {
                let bytes = (!mask).wrapping_add(1);
                let at = window.take(bytes).ok_or_else(|| {
                    PciError::Unsuitable(format!("slot {slot}: no room for a BAR of {bytes} bytes"))
                })?;
                bars.push((offset, at, wide));
                places[n as usize] = (at, bytes);
            }
            n += if wide { 2 } else { 1 };
        }
        let (bar0, bar0_bytes) = places[0];
        if bar0_bytes < 0x1008 {
            return Err(PciError::Unsuitable(format!(
                "slot {slot}: BAR 0 has {bar0_bytes} bytes, too few for registers and doorbells"
            )));
        }
        let msix = Self::find_msix(&mut config, &places)?;
        let mut flr = None;
        if let Some(cap) = config.capability(CAP_PCIE)?
            && config.read(cap + 4)? & FLR_CAPABLE != 0
        {
            flr = Some(cap + 8);
        }
        let function = Self { slot, bars, bar0, bar0_bytes, msix, flr };
        function.turn_on(config.qtest)?;
        Ok(function)
    }

    fn find_msix(
        config: &mut Config<'_>,
        places: &[(u64, u64); 6],
    ) -> Result<Option<MsixPlace>, Trouble> {
        let Some(cap) = config.capability(CAP_MSIX)? else { return Ok(None) };
        let vectors = (config.read(cap)? >> 16 & 0x7ff) as u16 + 1;
        let mut place = |offset| {
            let register = config.read(offset)?;
            let bar = places.get(register as usize & 7).map_or(0, |p| p.0);
            Ok(bar + u64::from(register & !7))
        };
        let (table, pending) = (place(cap + 4)?, place(cap + 8)?);
        Ok(Some(MsixPlace { cap, vectors, table, pending }))
    }

    /// Writes BARs and Command: also after a reset cleared them. MSI-X stays as it is.
    pub fn turn_on(&self, qtest: &mut Qtest) -> Result<(), Trouble> {
        let mut config = Config { qtest, slot: self.slot };
        for &(offset, at, wide) in &self.bars {
            config.write(offset, at as u32)?;
            if wide {
                config.write(offset + 4, (at >> 32) as u32)?;
            }
        }
        config.write16(COMMAND, COMMAND_ON)
    }

    /// Sets the MSI-X Enable bit.
    pub fn enable_msix(&self, qtest: &mut Qtest, on: bool) -> Result<(), Trouble> {
        let Some(msix) = self.msix else { return Ok(()) };
        let control = if on { 0x8000 } else { 0 };
        Config { qtest, slot: self.slot }.write16(msix.cap + 2, control)
    }

    /// Whether Function Level Reset is supported.
    pub fn has_flr(&self) -> bool {
        self.flr.is_some()
    }

    /// Initiates a Function Level Reset and waits until QEMU has made it.
    pub fn reset(&self, qtest: &mut Qtest) -> Result<(), Trouble> {
        let Some(control) = self.flr else { return Ok(()) };
        let mut config = Config { qtest, slot: self.slot };
        let old = config.read(control)? as u16;
        config.write16(control, old | FLR)?;
        config.read(VENDOR)?;
        Ok(())
    }
}
