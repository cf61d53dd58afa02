//! Numbers with a meaning. Past the decoder only these exist: a raw zero-based field ends here.

use std::fmt;

use crate::field::{FieldValue, Kind};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($raw:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $raw);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl FieldValue for $name {
            const KIND: Kind = Kind::Identifier;

            fn from_raw(raw: u64, _width: u32) -> Self {
                Self(raw as $raw)
            }
            fn to_raw(self, _width: u32) -> u64 {
                u64::from(self.0)
            }
        }
    };
}

number! {
    /// Queue Identifier. 0 is the admin queue.
    Qid(u16)
}
number! {
    /// Command Identifier.
    Cid(u16)
}
number! {
    /// Namespace Identifier.
    Nsid(u32)
}
number! {
    /// Logical Block Address, in logical blocks from the start of the namespace.
    Lba(u64)
}
number! {
    /// A length in bytes.
    Bytes(u64)
}
number! {
    /// Controller Identifier (CNTLID).
    Cntlid(u16)
}

/// Declares a coded value: a newtype, so that unknown values survive, that prints as the
/// specification writes it (`02h`), with a constant and a name for each known value.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $( $const:ident = $value:literal, $text:literal; )* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u8);

        impl $name {
            $( #[doc = concat!($text, ".")] pub const $const: $name = $name($value); )*

            /// Every known value, in order: (value, name).
            pub const TABLE: &'static [($name, &'static str)] = &[ $( ($name($value), $text), )* ];

            /// The specification's name, if the value has one.
            pub fn name(self) -> Option<&'static str> {
                Self::TABLE.iter().find(|(code, _)| *code == self).map(|(_, name)| *name)
            }
        }

        impl From<u8> for $name {
            fn from(code: u8) -> Self {
                Self(code)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:02X}h", self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl $crate::FieldValue for $name {
            const KIND: $crate::Kind = $crate::Kind::Code;

            fn from_raw(raw: u64, _width: u32) -> Self {
                Self(raw as u8)
            }
            fn to_raw(self, _width: u32) -> u64 {
                u64::from(self.0)
            }
        }
    };
}
pub(crate) use codes;

impl Qid {
    /// The admin queue.
    pub const ADMIN: Qid = Qid(0);

    /// Whether this is the admin queue.
    pub const fn is_admin(self) -> bool {
        self.0 == 0
    }
}

impl Nsid {
    /// FFFFFFFFh, the broadcast value.
    pub const BROADCAST: Nsid = Nsid(u32::MAX);
}

/// A number of queue entries or of logical blocks, whose field is 0's based: raw 0 means 1.
///
/// `Entries(0)` has no encoding and encodes as raw 0 minus 1, wrapped to the field's width;
/// build it only to say "no entries" in host code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Entries(pub u32);

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FieldValue for Entries {
    const ZERO_BASED: bool = true;
    const KIND: Kind = Kind::Count;

    fn from_raw(raw: u64, _width: u32) -> Self {
        Self((raw as u32).wrapping_add(1))
    }

    fn to_raw(self, width: u32) -> u64 {
        u64::from(self.0).wrapping_sub(1) & (u64::MAX >> (64 - width))
    }
}

/// An address as a controller uses it (an IOVA), or a PRP entry: page base and offset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Addr(pub u64);

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl FieldValue for Addr {
    const KIND: Kind = Kind::Address;

    fn from_raw(raw: u64, _width: u32) -> Self {
        Self(raw)
    }
    fn to_raw(self, _width: u32) -> u64 {
        self.0
    }
}

/// `0x1_2000_0000`: hexadecimal in groups of four digits, as reports print addresses.
pub fn grouped_hex(value: u64) -> String {
    let digits = format!("{value:x}");
    let mut text = String::from("0x");
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(4) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

impl Addr {
    /// The offset within a memory page of `page` bytes (a power of two).
    pub const fn offset(self, page: u64) -> u64 {
        self.0 & (page - 1)
    }

    /// The address of the page of `page` bytes (a power of two) that holds this address.
    pub const fn page_base(self, page: u64) -> u64 {
        self.0 & !(page - 1)
    }
}

/// A specification version, as in VS: major, minor, tertiary. Ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Major version number (VS.MJR).
    pub major: u16,
    /// Minor version number (VS.MNR).
    pub minor: u8,
    /// Tertiary version number (VS.TER).
    pub tertiary: u8,
}

impl Version {
    /// `major.minor.0`.
    pub const fn new(major: u16, minor: u8) -> Self {
        Self { major, minor, tertiary: 0 }
    }

    /// From the value of VS.
    pub const fn from_raw(vs: u32) -> Self {
        Self { major: (vs >> 16) as u16, minor: (vs >> 8) as u8, tertiary: vs as u8 }
    }

    /// The value of VS.
    pub const fn to_raw(self) -> u32 {
        (self.major as u32) << 16 | (self.minor as u32) << 8 | self.tertiary as u32
    }

    /// From `"2.3"` or `"1.2.1"`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let version = Self {
            major: parts.next()?.parse().ok()?,
            minor: parts.next()?.parse().ok()?,
            tertiary: parts.next().map_or(Some(0), |t| t.parse().ok())?,
        };
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.tertiary != 0 { write!(f, ".{}", self.tertiary) } else { Ok(()) }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
