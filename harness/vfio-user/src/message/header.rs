//! The header that begins every message.

use std::fmt;

use super::layout;

layout! {
    /// The first 16 bytes of a message.
    Header = "header" {
        /// Message ID: the sender's, and echoed in the reply.
        id: u16,
        /// Command: see [`Command`].
        command: u16,
        /// Size of the whole message in bytes, this header included.
        size: u32,
        /// Flags: see [`Flags`].
        flags: u32,
        /// An errno, valid in a reply whose error flag is set; may be 0 even then.
        error: u32,
    }
}

/// Bits of [`Header::flags`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags;

impl Flags {
    /// Bits 3:0 are the type.
    pub const TYPE: u32 = 0xf;
    /// Type: a command.
    pub const COMMAND: u32 = 0;
    /// Type: a reply.
    pub const REPLY: u32 = 1;
    /// In a command: no reply is wanted.
    pub const NO_REPLY: u32 = 1 << 4;
    /// In a reply: the command failed.
    pub const ERROR: u32 = 1 << 5;
}

impl Header {
    /// Size of a header in bytes.
    pub const SIZE: usize = 16;

    /// The header of a command with `payload` bytes behind it.
    pub fn command(id: u16, command: Command, payload: usize) -> Self {
        Self { id, command: command.0, size: size(payload), flags: Flags::COMMAND, error: 0 }
    }

    /// The header of the reply to this command, with `payload` bytes behind it.
    pub fn reply(&self, payload: usize) -> Self {
        Self { size: size(payload), flags: Flags::REPLY, error: 0, ..*self }
    }

    /// The header of the reply that says why this command failed.
    pub fn refusal(&self, errno: u32) -> Self {
        Self { size: size(0), flags: Flags::REPLY | Flags::ERROR, error: errno, ..*self }
    }

    /// Whether it is a reply.
    pub fn is_reply(&self) -> bool {
        self.flags & Flags::TYPE == Flags::REPLY
    }

    /// Whether it is a command.
    pub fn is_command(&self) -> bool {
        self.flags & Flags::TYPE == Flags::COMMAND
    }

    /// Whether it is a command that wants no reply.
    pub fn wants_no_reply(&self) -> bool {
        self.flags & Flags::NO_REPLY != 0
    }

    /// Whether it is a reply that says that the command failed.
    pub fn is_error(&self) -> bool {
        self.flags & Flags::ERROR != 0
    }
}

/// A header's size field. Nothing of ours is anywhere near 4 GiB.
fn size(payload: usize) -> u32 {
    u32::try_from(Header::SIZE + payload).unwrap_or(u32::MAX)
}

/// What a message asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Command(pub u16);

impl Command {
    /// The first message: version and capabilities.
    pub const VERSION: Self = Self(1);
    /// Makes client memory accessible.
    pub const DMA_MAP: Self = Self(2);
    /// Takes it away.
    pub const DMA_UNMAP: Self = Self(3);
    /// How many regions and interrupt types.
    pub const DEVICE_GET_INFO: Self = Self(4);
    /// One region.
    pub const DEVICE_GET_REGION_INFO: Self = Self(5);
    /// File descriptors for parts of a region.
    pub const DEVICE_GET_REGION_IO_FDS: Self = Self(6);
    /// One interrupt type.
    pub const DEVICE_GET_IRQ_INFO: Self = Self(7);
    /// Interrupts: eventfds, masks, triggers.
    pub const DEVICE_SET_IRQS: Self = Self(8);
    /// Reads a region.
    pub const REGION_READ: Self = Self(9);
    /// Writes a region.
    pub const REGION_WRITE: Self = Self(10);
    /// Server to client: reads client memory.
    pub const DMA_READ: Self = Self(11);
    /// Server to client: writes client memory.
    pub const DMA_WRITE: Self = Self(12);
    /// Resets the device.
    pub const DEVICE_RESET: Self = Self(13);
    /// Several region writes of up to 8 bytes.
    pub const REGION_WRITE_MULTI: Self = Self(15);
    /// Optional features (migration).
    pub const DEVICE_FEATURE: Self = Self(16);

    /// Its name in the protocol text.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::VERSION => "VERSION",
            Self::DMA_MAP => "DMA_MAP",
            Self::DMA_UNMAP => "DMA_UNMAP",
            Self::DEVICE_GET_INFO => "DEVICE_GET_INFO",
            Self::DEVICE_GET_REGION_INFO => "DEVICE_GET_REGION_INFO",
            Self::DEVICE_GET_REGION_IO_FDS => "DEVICE_GET_REGION_IO_FDS",
            Self::DEVICE_GET_IRQ_INFO => "DEVICE_GET_IRQ_INFO",
            Self::DEVICE_SET_IRQS => "DEVICE_SET_IRQS",
            Self::REGION_READ => "REGION_READ",
            Self::REGION_WRITE => "REGION_WRITE",
            Self::DMA_READ => "DMA_READ",
            Self::DMA_WRITE => "DMA_WRITE",
            Self::DEVICE_RESET => "DEVICE_RESET",
            Self::REGION_WRITE_MULTI => "REGION_WRITE_MULTI",
            Self::DEVICE_FEATURE => "DEVICE_FEATURE",
            _ => return None,
        })
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "command {}", self.0),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
