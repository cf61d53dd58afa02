//! Field tables. One table gives a command's struct, its defined-bits mask, how it prints, its text
//! form in a sequence, and the boundary values a generator tries.

/// One field of a command, as the figures of the specification list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldDef {
    /// The specification's acronym, in lower case.
    pub name: &'static str,
    /// The dword of the SQE that holds bit 0 of the field.
    pub dword: u8,
    /// The lowest bit within that dword.
    pub low: u8,
    /// Width in bits, 1 to 64. A field wider than its dword goes on in the next.
    pub width: u8,
    /// Whether raw 0 means 1.
    pub zero_based: bool,
    /// What the value is, which decides how it prints.
    pub kind: Kind,
}

/// What a field's value is: how it prints, and whether it prints when its raw value is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A small number or a flag: decimal.
    Plain,
    /// A name for something (QID, NSID, LBA): decimal, told even when 0.
    Identifier,
    /// A coded value (CNS, FID, LID): hexadecimal, told even when 0.
    Code,
    /// Raw bits: hexadecimal.
    Bits,
    /// An address: hexadecimal.
    Address,
    /// A 0's based number of things: decimal, as the number meant, told even when raw 0.
    Count,
}

impl Kind {
    /// Whether a report tells the field even when its raw value is 0.
    pub const fn told_when_zero(self) -> bool {
        matches!(self, Kind::Identifier | Kind::Code | Kind::Count)
    }
}

impl FieldDef {
    /// Whether this field and `other` share a bit.
    pub const fn overlaps(&self, other: &FieldDef) -> bool {
        let (a, b) = (self.first_bit(), other.first_bit());
        a < b + other.width as u32 && b < a + self.width as u32
    }

    const fn first_bit(&self) -> u32 {
        self.dword as u32 * 32 + self.low as u32
    }

    /// The largest raw value.
    pub const fn raw_max(&self) -> u64 {
        u64::MAX >> (64 - self.width as u32)
    }

    /// The raw value of this field in `dwords`.
    pub const fn read(&self, dwords: &[u32; 16]) -> u64 {
        let first = dwords[self.dword as usize] as u64;
        let both = if self.low as u32 + self.width as u32 > 32 {
            first | (dwords[self.dword as usize + 1] as u64) << 32
        } else {
            first
        };
        (both >> self.low) & self.raw_max()
    }

    /// Sets the raw value of this field in `dwords`; bits beyond the width are cut off.
    pub const fn write(&self, dwords: &mut [u32; 16], raw: u64) {
        let mask = self.raw_max() << self.low;
        let bits = (raw & self.raw_max()) << self.low;
        let dword = self.dword as usize;
        dwords[dword] = dwords[dword] & !(mask as u32) | bits as u32;
        if mask >> 32 != 0 {
            dwords[dword + 1] = dwords[dword + 1] & !((mask >> 32) as u32) | (bits >> 32) as u32;
        }
    }

    /// Raw values at and around the edges of the field: 0, 1, the middle bit, max - 1, max.
    pub const fn boundary_values(&self) -> [u64; 5] {
        let max = self.raw_max();
        [0, 1 & max, 1 << (self.width - 1), max.saturating_sub(1), max]
    }
}

/// A value that a field of a command holds. Total both ways.
pub trait FieldValue: Copy {
    /// Whether raw 0 means 1.
    const ZERO_BASED: bool = false;
    /// What the value is.
    const KIND: Kind = Kind::Plain;
    /// The value that `raw`, a field of `width` bits, stands for.
    fn from_raw(raw: u64, width: u32) -> Self;
    /// The raw value; the caller cuts it to `width` bits.
    fn to_raw(self, width: u32) -> u64;
}

impl FieldValue for bool {
    fn from_raw(raw: u64, _width: u32) -> Self {
        raw != 0
    }
    fn to_raw(self, _width: u32) -> u64 {
        u64::from(self)
    }
}

macro_rules! plain_field_value {
    ($($int:ty: $kind:ident),*) => {$(
        impl FieldValue for $int {
            const KIND: Kind = Kind::$kind;

            fn from_raw(raw: u64, _width: u32) -> Self {
                raw as $int
            }
            fn to_raw(self, _width: u32) -> u64 {
                u64::from(self)
            }
        }
    )*};
}
plain_field_value!(u8: Plain, u16: Plain, u32: Bits, u64: Bits);

/// Declares a typed command from its field table.
///
/// ```
/// use lockstep_spec::{Qid, Sqe, command, command::Command};
///
/// command! {
///     /// Delete I/O Submission Queue (opcode 00h). Base-2.3 §5.3.4.
///     DeleteIoSq "delete-io-sq" Admin 0x00 {
///         /// Queue Identifier (QID): the I/O SQ to delete.
///         qid: Qid = 10 [15:0],
///     }
/// }
///
/// let sqe = Sqe::from(DeleteIoSq { qid: Qid(3) });
/// assert_eq!(sqe.dw[10], 3);
/// assert_eq!(DeleteIoSq::project(&sqe).qid, Qid(3));
/// ```
///
/// gives `struct DeleteIoSq { pub qid: Qid }` with [`crate::command::Command`], `From<DeleteIoSq>
/// for Sqe`, and `Default` (all fields raw 0).
#[macro_export]
macro_rules! command {
    (
        $(#[$doc:meta])*
        $name:ident $text:literal $queue:ident $opcode:literal {
            $(
                $(#[$fdoc:meta])*
                $field:ident : $ty:ty = $dword:literal [$high:literal : $low:literal]
            ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct $name {
            $( $(#[$fdoc])* pub $field: $ty, )*
        }

        impl $crate::command::Command for $name {
            const NAME: &'static str = $text;
            const QUEUE: $crate::QueueKind = $crate::QueueKind::$queue;
            const OPCODE: u8 = $opcode;
            const FIELDS: &'static [$crate::FieldDef] = &[
                $( $crate::FieldDef {
                    name: stringify!($field),
                    dword: $dword,
                    low: $low,
                    width: $high - $low + 1,
                    zero_based: <$ty as $crate::FieldValue>::ZERO_BASED,
                    kind: <$ty as $crate::FieldValue>::KIND,
                }, )*
            ];

            fn sqe(&self) -> $crate::Sqe {
                let sqe = $crate::Sqe::new($opcode);
                $(let sqe = {
                    const F: $crate::FieldDef = $crate::command::field::<$name>(stringify!($field));
                    sqe.with(&F, $crate::FieldValue::to_raw(self.$field, F.width as u32))
                };)*
                sqe
            }

            fn project(sqe: &$crate::Sqe) -> Self {
                // A command without fields looks at nothing.
                let _ = sqe;
                Self { $( $field: {
                    const F: $crate::FieldDef = $crate::command::field::<$name>(stringify!($field));
                    <$ty as $crate::FieldValue>::from_raw(F.read(&sqe.dw), F.width as u32)
                }, )* }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                <Self as $crate::command::Command>::project(&$crate::Sqe::new($opcode))
            }
        }

        impl From<$name> for $crate::Sqe {
            fn from(command: $name) -> Self {
                $crate::command::Command::sqe(&command)
            }
        }
    };
}
