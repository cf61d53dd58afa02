//! Structures in data buffers (Identify, log pages), declared by their byte offsets.
//!
//! A structure is a view: over an array of its own (`IdentifyController::zeroed()`), or over
//! borrowed bytes (`IdentifyController(&bytes)`), which are not copied. Any bytes are a value.

use std::fmt;
use std::ops::Range;

/// One field of a structure, as the figures of the specification list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteField {
    /// The specification's acronym, in lower case.
    pub name: &'static str,
    /// The offset of its first byte.
    pub offset: usize,
    /// Its length in bytes.
    pub bytes: usize,
}

impl ByteField {
    /// The bytes that the field covers.
    pub const fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.bytes
    }
}

/// What `fields` leave of a structure of `size` bytes: its reserved ranges. The fields stand in
/// the order of their offsets.
pub fn reserved_ranges(fields: &[ByteField], size: usize) -> Vec<Range<usize>> {
    let starts = fields.iter().map(|field| field.offset).chain([size]);
    let ends = [0].into_iter().chain(fields.iter().map(|field| field.range().end));
    ends.zip(starts).map(|(end, start)| end..start).filter(|gap| !gap.is_empty()).collect()
}

/// A value that some bytes hold. Total both ways. `bytes` has [`ByteValue::BYTES`] bytes.
pub trait ByteValue: Sized {
    /// How many bytes.
    const BYTES: usize;
    /// The value of the bytes (little endian).
    fn load(bytes: &[u8]) -> Self;
    /// Puts the value into the bytes.
    fn store(&self, bytes: &mut [u8]);
    /// Prints one line, or several, for a field called `name`.
    fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

macro_rules! number_in_bytes {
    ($($int:ty),*) => {$(
        impl ByteValue for $int {
            const BYTES: usize = size_of::<$int>();

            fn load(bytes: &[u8]) -> Self {
                let mut le = [0; size_of::<$int>()];
                le.copy_from_slice(bytes);
                <$int>::from_le_bytes(le)
            }

            fn store(&self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }

            fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                writeln!(f, "{name:<10} {self} ({self:X}h)")
            }
        }
    )*};
}
number_in_bytes!(u8, u16, u32, u64, u128);

/// Bytes that are no number: identifiers, vendor areas.
impl<const N: usize> ByteValue for [u8; N] {
    const BYTES: usize = N;

    fn load(bytes: &[u8]) -> Self {
        let mut value = [0; N];
        value.copy_from_slice(bytes);
        value
    }

    fn store(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(self);
    }

    fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A vendor area is kilobytes long: its beginning tells enough.
        let used = N - self.iter().rev().take_while(|byte| **byte == 0).count();
        write!(f, "{name:<10} ")?;
        self[..used.min(32)].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        writeln!(f, "{}", if used > 32 { "..." } else { "" })
    }
}

/// A text: an ASCII string padded with spaces, or a NUL terminated UTF-8 string.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Text<const N: usize>(pub [u8; N]);

impl<const N: usize> Text<N> {
    /// `text` cut to N bytes and padded with `pad`: a space for an ASCII string (SN, MN, FR), 0
    /// for a UTF-8 string (SUBNQN).
    pub fn padded(text: &str, pad: u8) -> Self {
        let mut bytes = [pad; N];
        bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        Self(bytes)
    }

    /// The text without padding. Bytes that are no UTF-8 are shown as U+FFFD.
    pub fn text(&self) -> String {
        let end = self.0.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |at| at + 1);
        String::from_utf8_lossy(&self.0[..end]).into_owned()
    }
}

impl<const N: usize> ByteValue for Text<N> {
    const BYTES: usize = N;

    fn load(bytes: &[u8]) -> Self {
        Self(ByteValue::load(bytes))
    }

    fn store(&self, bytes: &mut [u8]) {
        self.0.store(bytes);
    }

    fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{name:<10} {:?}", self.text())
    }
}

/// The fields of a structure, to be set one after the other: `id.set().vid(0x1b36).mdts(7)`.
pub struct Set<'a, S>(pub(crate) &'a mut S);

/// Declares a structure from its byte offset table. Ranges are high:low, as the figures have them.
macro_rules! structure {
    (
        $(#[$doc:meta])*
        $name:ident [$size:literal] {
            $( $(#[$fdoc:meta])* $field:ident : $ty:ty = [$high:literal : $low:literal] ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name<B = [u8; $size]>(pub B);

        impl $name {
            /// Size in bytes.
            pub const BYTES: usize = $size;

            /// Every field, in the order of the offsets.
            pub const FIELDS: &'static [$crate::structure::ByteField] = &[
                $( $crate::structure::ByteField {
                    name: stringify!($field),
                    offset: $low,
                    bytes: {
                        assert!(<$ty as $crate::structure::ByteValue>::BYTES == $high - $low + 1);
                        $high - $low + 1
                    },
                }, )*
            ];

            /// What the specification calls the structure in this crate.
            pub const NAME: &'static str = stringify!($name);

            /// All bytes 0.
            pub const fn zeroed() -> Self {
                Self([0; $size])
            }

            /// The bytes that no field covers.
            pub fn reserved_ranges() -> Vec<std::ops::Range<usize>> {
                $crate::structure::reserved_ranges(Self::FIELDS, $size)
            }
        }

        impl<B: std::borrow::Borrow<[u8; $size]>> $name<B> {
            /// The bytes.
            pub fn bytes(&self) -> &[u8; $size] {
                self.0.borrow()
            }

            /// The same structure with all reserved bytes 0.
            pub fn without_reserved(&self) -> $name {
                let mut copy = $name::zeroed();
                $( copy.set().$field(self.$field()); )*
                copy
            }

            $(
                $(#[$fdoc])*
                pub fn $field(&self) -> $ty {
                    $crate::structure::ByteValue::load(&self.bytes()[$low..=$high])
                }
            )*
        }

        impl<B: std::borrow::BorrowMut<[u8; $size]>> $name<B> {
            /// Sets fields: one call each, chained.
            pub fn set(&mut self) -> $crate::structure::Set<'_, Self> {
                $crate::structure::Set(self)
            }
        }

        impl<B: std::borrow::BorrowMut<[u8; $size]>> $crate::structure::Set<'_, $name<B>> {
            $(
                $(#[$fdoc])*
                pub fn $field(self, value: $ty) -> Self {
                    let bytes: &mut [u8; $size] = self.0.0.borrow_mut();
                    $crate::structure::ByteValue::store(&value, &mut bytes[$low..=$high]);
                    self
                }
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self::zeroed()
            }
        }

        /// The fields that are not 0, one line each.
        impl<B: std::borrow::Borrow<[u8; $size]>> std::fmt::Display for $name<B> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $( if self.bytes()[$low..=$high].iter().any(|byte| *byte != 0) {
                    $crate::structure::ByteValue::show(&self.$field(), stringify!($field), f)?;
                } )*
                Ok(())
            }
        }

        impl<B: std::borrow::Borrow<[u8; $size]>> std::fmt::Debug for $name<B> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                writeln!(f, "{}", stringify!($name))?;
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}
pub(crate) use structure;
