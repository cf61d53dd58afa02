//! Configuration space of a function: header, and the capabilities power management, MSI-X or MSI,
//! and PCI Express.

use super::port::Messages;

/// Who the function says it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PciId {
    /// Vendor, also of the subsystem.
    pub vendor: u16,
    /// Device, also of the subsystem.
    pub device: u16,
}

/// Size of the region in bytes: what PCI Express has. Nothing but zeroes beyond 256.
pub const CONFIG_BYTES: usize = 4096;
const BYTES: usize = 256;

// Offsets and bits: PCI Local Bus 3.0 §6.1, §6.8, PCI Express Base §7.5.
const COMMAND: usize = 0x04;
const STATUS: usize = 0x06;
const BAR0: usize = 0x10;
const BAR4: usize = 0x20;
const PM: usize = 0x40;
const PMCSR: usize = PM + 4;
/// MSI-X or MSI.
const MESSAGES: usize = 0x50;
const EXPRESS: usize = 0x60;
const DEVICE_CONTROL: usize = EXPRESS + 8;

const COMMAND_MEMORY: u16 = 1 << 1;
const COMMAND_BUS_MASTER: u16 = 1 << 2;
const COMMAND_INTX_DISABLE: u16 = 1 << 10;
const STATUS_INTX: u8 = 1 << 3;
const STATUS_CAPABILITIES: u8 = 1 << 4;
const BAR_64: u32 = 0b100;
const PMCSR_STATE: u8 = 0b11;
const PMCSR_NO_SOFT_RESET: u8 = 1 << 3;
const MSI_64BIT: u8 = 1 << 7;
const DEVICE_CAP_FLR: u32 = 1 << 28;
const DEVICE_CAP_ROLE_BASED: u32 = 1 << 15;
const INITIATE_FLR: u8 = 1 << 7;

/// What a write to configuration space asks for beside being remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing.
    None,
    /// A Function Level Reset.
    Reset,
}

/// Configuration space.
pub struct Config {
    messages: Messages,
    bytes: [u8; BYTES],
    /// The bits that a write changes.
    writable: [u8; BYTES],
    /// As after a reset.
    initial: [u8; BYTES],
}

/// Sizes that the BARs and capabilities tell.
pub struct Shape {
    /// Size of BAR 0, a power of two.
    pub bar0_bytes: u32,
    /// Size of BAR 4, a power of two; 0: there is none, for it would hold the MSI-X table.
    pub bar4_bytes: u32,
    /// The messages.
    pub messages: Messages,
    /// Where the pending bits begin in BAR 4.
    pub pba_offset: u32,
}

/// What configuration space tells that is not written there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Live {
    /// How many messages are on; 0: MSI-X or MSI is disabled.
    pub messages: u16,
    /// INTx is asserted.
    pub intx: bool,
}

impl Config {
    /// As after a reset.
    pub fn new(id: PciId, shape: &Shape) -> Self {
        let (messages, zeroes) = (shape.messages, [0; BYTES]);
        let mut made = Self { messages, bytes: zeroes, writable: zeroes, initial: zeroes };
        made.put(0x00, &id.vendor.to_le_bytes());
        made.put(0x02, &id.device.to_le_bytes());
        made.put(STATUS, &[STATUS_CAPABILITIES]);
        // Revision 1; class 01h 08h 02h: NVM Express.
        made.put(0x08, &[1, 0x02, 0x08, 0x01]);
        made.put(0x2c, &id.vendor.to_le_bytes());
        made.put(0x2e, &id.device.to_le_bytes());
        made.put(0x34, &[PM as u8]);
        // Interrupt line, and INTA#.
        made.put(0x3c, &[0, 1]);
        made.allow(0x3c, &[0xff]);
        let command = COMMAND_MEMORY | COMMAND_BUS_MASTER | COMMAND_INTX_DISABLE | 1 << 6 | 1 << 8;
        made.allow(COMMAND, &command.to_le_bytes());
        let bars = [(BAR0, shape.bar0_bytes), (BAR4, shape.bar4_bytes)];
        for (at, bytes) in bars.into_iter().filter(|(_, bytes)| *bytes != 0) {
            made.put(at, &BAR_64.to_le_bytes());
            made.allow(at, &(!u64::from(bytes - 1)).to_le_bytes());
        }
        made.capabilities(shape);
        made.initial = made.bytes;
        made
    }

    fn capabilities(&mut self, shape: &Shape) {
        // Power management, version 3: D0 and D3hot.
        self.put(PM, &[0x01, MESSAGES as u8, 3, 0]);
        self.put(PMCSR, &[PMCSR_NO_SOFT_RESET]);
        self.allow(PMCSR, &[PMCSR_STATE]);
        // As VFIO has it, Enable follows from SET_IRQS and not from writes, and so does Multiple Message
        // Enable: as many messages as were given eventfds.
        match shape.messages {
            Messages::Msix(vectors) => {
                self.put(MESSAGES, &[0x11, EXPRESS as u8]);
                self.put(MESSAGES + 2, &(vectors - 1).to_le_bytes());
                self.put(MESSAGES + 4, &4u32.to_le_bytes());
                self.put(MESSAGES + 8, &(shape.pba_offset | 4).to_le_bytes());
            }
            Messages::Msi(messages) => {
                self.put(MESSAGES, &[0x05, EXPRESS as u8, multiple(messages) << 1 | MSI_64BIT]);
                // Address and data: kept for whoever reads them, never used.
                self.allow(MESSAGES + 4, &(!0x3_u64).to_le_bytes());
                self.allow(MESSAGES + 12, &[0xff, 0xff]);
            }
        }
        // PCI Express, version 2: an endpoint on one 2.5 GT/s lane, that can be reset by function.
        self.put(EXPRESS, &[0x10, 0, 2, 0]);
        let device = DEVICE_CAP_FLR | DEVICE_CAP_ROLE_BASED;
        self.put(EXPRESS + 4, &device.to_le_bytes());
        self.allow(DEVICE_CONTROL, &[0xff, 0x7f]);
        self.put(EXPRESS + 0x0c, &0x11u32.to_le_bytes());
        self.allow(EXPRESS + 0x10, &[0x43]);
        self.put(EXPRESS + 0x12, &0x11u16.to_le_bytes());
        self.put(EXPRESS + 0x24, &0x10u32.to_le_bytes());
        self.allow(EXPRESS + 0x28, &[0x1f]);
        self.put(EXPRESS + 0x2c, &2u32.to_le_bytes());
        self.put(EXPRESS + 0x30, &[1]);
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn allow(&mut self, at: usize, bits: &[u8]) {
        self.writable[at..at + bits.len()].copy_from_slice(bits);
    }

    fn command(&self) -> u16 {
        u16::from_le_bytes([self.bytes[COMMAND], self.bytes[COMMAND + 1]])
    }

    /// Whether the function may access memory and send messages.
    pub fn is_bus_master(&self) -> bool {
        self.command() & COMMAND_BUS_MASTER != 0 && self.is_awake()
    }

    /// Whether BARs are decoded: memory space is on, and the function is in D0.
    pub fn decodes_memory(&self) -> bool {
        self.command() & COMMAND_MEMORY != 0 && self.is_awake()
    }

    /// Whether INTx may be asserted.
    pub fn allows_intx(&self) -> bool {
        self.command() & COMMAND_INTX_DISABLE == 0
    }

    fn is_awake(&self) -> bool {
        self.bytes[PMCSR] & PMCSR_STATE == 0
    }

    /// Reads. False: beyond the end.
    pub fn read(&self, offset: u64, to: &mut [u8], live: Live) -> bool {
        if !fits(offset, to.len()) {
            return false;
        }
        for (place, byte) in (offset as usize..).zip(to) {
            *byte = self.bytes.get(place).copied().unwrap_or(0);
            *byte |= match place {
                STATUS if live.intx => STATUS_INTX,
                _ => self.enabled(place, live.messages),
            };
        }
        true
    }

    /// The bits of a byte that tell how many messages are on.
    fn enabled(&self, place: usize, messages: u16) -> u8 {
        match (self.messages, place) {
            _ if messages == 0 => 0,
            (Messages::Msix(_), place) if place == MESSAGES + 3 => 0x80,
            (Messages::Msi(_), place) if place == MESSAGES + 2 => multiple(messages) << 4 | 1,
            _ => 0,
        }
    }

    /// Writes what can be written. `None`: beyond the end.
    pub fn write(&mut self, offset: u64, from: &[u8]) -> Option<Effect> {
        if !fits(offset, from.len()) {
            return None;
        }
        let mut effect = Effect::None;
        for (place, value) in (offset as usize..).zip(from) {
            let (Some(byte), Some(mask)) = (self.bytes.get_mut(place), self.writable.get(place))
            else {
                break;
            };
            *byte = *byte & !mask | value & mask;
            if place == DEVICE_CONTROL + 1 && value & INITIATE_FLR != 0 {
                effect = Effect::Reset;
            }
        }
        Some(effect)
    }

    /// What a reset does.
    pub fn reset(&mut self) {
        self.bytes = self.initial;
    }
}

/// So many messages as Multiple Message Capable and Enable tell them: a power of two, rounded up.
fn multiple(messages: u16) -> u8 {
    messages.next_power_of_two().trailing_zeros() as u8
}

fn fits(offset: u64, len: usize) -> bool {
    offset.checked_add(len as u64).is_some_and(|end| end <= CONFIG_BYTES as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let messages = Messages::Msix(32);
        let shape = Shape { bar0_bytes: 0x4000, bar4_bytes: 0x2000, messages, pba_offset: 4096 };
        Config::new(PciId { vendor: 0x1b36, device: 0x4c53 }, &shape)
    }

    fn with_msi(messages: u16) -> Config {
        let messages = Messages::Msi(messages);
        let shape = Shape { bar0_bytes: 0x4000, bar4_bytes: 0, messages, pba_offset: 0 };
        Config::new(PciId { vendor: 0x1b36, device: 0x4c53 }, &shape)
    }

    /// The capabilities, in the order of their chain.
    fn chain(config: &Config) -> Vec<u32> {
        let mut at = dword(config, 0x34) & 0xff;
        let mut found = Vec::new();
        while at != 0 {
            let header = dword(config, at.into());
            found.push(header & 0xff);
            at = header >> 8 & 0xff;
        }
        found
    }

    fn dword(config: &Config, at: u64) -> u32 {
        let mut bytes = [0; 4];
        assert!(config.read(at, &mut bytes, Live::default()));
        u32::from_le_bytes(bytes)
    }

    #[test]
    fn tells_class_and_sizes() {
        let mut config = config();
        assert_eq!(dword(&config, 0x08), 0x0108_0201);
        assert_eq!(config.write(0x10, &[0xff; 8]), Some(Effect::None));
        assert_eq!((dword(&config, 0x10), dword(&config, 0x14)), (0xffff_c004, u32::MAX));
        assert_eq!(dword(&config, 0x18), 0);
    }

    #[test]
    fn capabilities_form_a_chain_that_ends() {
        assert_eq!(chain(&config()), [0x01, 0x11, 0x10]);
        assert_eq!(chain(&with_msi(32)), [0x01, 0x05, 0x10]);
    }

    #[test]
    fn msi_tells_what_it_can_and_what_is_on_and_keeps_the_address() {
        let mut config = with_msi(32);
        // 64-bit addresses, Multiple Message Capable 5, nothing enabled; and no BAR for a table.
        assert_eq!(dword(&config, 0x50) >> 16, 0x008a);
        assert_eq!(config.write(0x20, &[0xff; 8]), Some(Effect::None));
        assert_eq!(dword(&config, 0x20), 0);
        // Enable and Multiple Message Enable are not written; the address and the data are.
        assert_eq!(config.write(0x52, &[0xff; 12]), Some(Effect::None));
        assert_eq!(dword(&config, 0x50) >> 16, 0x008a);
        assert_eq!((dword(&config, 0x54), dword(&config, 0x58)), (0xffff_fffc, u32::MAX));
        assert_eq!(dword(&config, 0x5c) & 0xffff, 0xffff);
        for (messages, control) in [(1, 0x8b), (2, 0x9b), (3, 0xab), (32, 0xdb)] {
            let mut byte = [0];
            assert!(config.read(0x52, &mut byte, Live { messages, intx: false }));
            assert_eq!(byte, [control]);
        }
        assert_eq!(dword(&with_msi(1), 0x50) >> 16, 0x0080);
    }

    #[test]
    fn initiating_a_function_level_reset_is_seen_and_reads_zero() {
        let mut config = config();
        assert_eq!(config.write(0x68, &[0x10, 0xa8]), Some(Effect::Reset));
        assert_eq!(dword(&config, 0x68) & 0x8000, 0);
        assert_eq!(config.write(0x69, &[0x80]), Some(Effect::Reset));
        assert_eq!(config.write(0x68, &[0x10]), Some(Effect::None));
    }

    #[test]
    fn nothing_lies_beyond_the_end() {
        let mut config = config();
        assert!(!config.read(4093, &mut [0; 4], Live::default()));
        assert!(!config.read(u64::MAX, &mut [0; 4], Live::default()));
        assert_eq!(config.write(4096, &[0]), None);
        assert_eq!(config.write(0xffc, &[1; 4]), Some(Effect::None));
        assert_eq!(dword(&config, 0xffc), 0);
    }

    #[test]
    fn sleeps_in_d3() {
        let mut config = config();
        config.write(4, &[6, 0]);
        assert!(config.is_bus_master() && config.decodes_memory());
        config.write(0x44, &[3]);
        assert!(!config.is_bus_master() && !config.decodes_memory());
    }
}
