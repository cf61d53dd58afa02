//! The messages of vfio-user: how they look on the wire, and nothing about what they mean.
//!
//! One codec serves both ends. A message is a [`Header`] and a payload. Payloads of fixed size are
//! structures that any bytes decode to ([`Layout`]); those with a tail have a module of their own.
//! Decoding is total: too few bytes are [`Malformed`], too many are ignored where the protocol lets
//! a peer send more (`argsz`), and what a field may hold is for the receiver to judge.
//!
//! All numbers are in the byte order of the machine, as the protocol has it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub mod device_info;
pub mod dma_access;
pub mod dma_map;
pub mod header;
pub mod irqs;
pub mod region_access;
pub mod region_info;
pub mod version;
pub mod write_multi;

pub use device_info::DeviceInfo;
pub use dma_access::DmaAccess;
pub use dma_map::{DmaMap, DmaUnmap};
pub use header::{Command, Flags, Header};
pub use irqs::{IrqInfo, IrqSet, SetIrqs};
pub use region_access::RegionAccess;
pub use region_info::{RegionInfo, RegionInfoReply, RegionIoFds, SparseArea};
pub use version::{Capabilities, Lockstep, Version};
pub use write_multi::{SingleWrite, WriteMulti};

/// Why bytes are no such message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// Fewer bytes than the fixed part, or than a count in it says.
    #[error("{what}: {got} bytes where {need} are needed")]
    Short {
        /// What was to be decoded.
        what: &'static str,
        /// How many bytes there are.
        got: usize,
        /// How many are needed at least.
        need: u64,
    },
    /// A field holds what the protocol does not know.
    #[error("{what}: {why}")]
    Field {
        /// What was to be decoded.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// A structure of fixed size, without padding.
pub trait Layout: FromBytes + IntoBytes + Immutable + KnownLayout + Copy {
    /// What it is called in [`Malformed`].
    const NAME: &'static str;
    /// Its size in bytes.
    const BYTES: usize = size_of::<Self>();

    /// From the first bytes of `bytes`.
    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::split(bytes).map(|(found, _)| found)
    }

    /// From the first bytes of `bytes`, and the rest of them.
    fn split(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        Self::read_from_prefix(bytes).map_err(|_| Malformed::Short {
            what: Self::NAME,
            got: bytes.len(),
            need: Self::BYTES as u64,
        })
    }

    /// Appends its bytes.
    fn encode(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.as_bytes());
    }
}

/// The first `count` bytes of a tail.
fn tail<'a>(what: &'static str, bytes: &'a [u8], count: u64) -> Result<&'a [u8], Malformed> {
    let short = Malformed::Short { what, got: bytes.len(), need: count };
    usize::try_from(count).ok().and_then(|count| bytes.get(..count)).ok_or(short)
}

/// Declares a [`Layout`].
macro_rules! layout {
    ($(#[$meta:meta])* $name:ident = $text:literal {
        $($(#[$field_meta:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        #[derive(zerocopy::FromBytes, zerocopy::IntoBytes)]
        #[derive(zerocopy::Immutable, zerocopy::KnownLayout)]
        #[repr(C)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
        }
        impl $crate::message::Layout for $name {
            const NAME: &'static str = $text;
        }
    };
}
use layout;
