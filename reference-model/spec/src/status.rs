//! Status values. SCT and SC travel together, so that the pair cannot be split.

use std::fmt;

/// Status Code Type (SCT) and Status Code (SC) of a completion. Base-2.3 §4.2.3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Status(u16);

impl Status {
    /// From type (3 bits) and code.
    pub const fn new(sct: u8, sc: u8) -> Self {
        Self((sct as u16 & 7) << 8 | sc as u16)
    }

    /// Status Code Type: 0 generic, 1 command specific, 2 media and data integrity, 3 path, 7 vendor.
    pub const fn sct(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// Status Code.
    pub const fn sc(self) -> u8 {
        self.0 as u8
    }

    /// Whether this is Successful Completion.
    pub const fn is_success(self) -> bool {
        self.0 == 0
    }
}

/// Declares the status constants and their table.
macro_rules! statuses {
    ($( $const:ident = $sct:literal / $sc:literal, $name:literal; )*) => {
        impl Status {
            $( #[doc = concat!($name, ".")] pub const $const: Status = Status::new($sct, $sc); )*

            /// Every status value with a name in the specifications: (value, constant, name).
            pub const TABLE: &'static [(Status, &'static str, &'static str)] = &[
                $( (Status::$const, stringify!($const), $name), )*
            ];
        }
    };
}

statuses! {
    SUCCESSFUL_COMPLETION = 0 / 0x00, "Successful Completion";
    INVALID_COMMAND_OPCODE = 0 / 0x01, "Invalid Command Opcode";
    INVALID_FIELD_IN_COMMAND = 0 / 0x02, "Invalid Field in Command";
}

impl Status {
    /// The specification's name, if it has one.
    pub fn name(self) -> Option<&'static str> {
        Self::TABLE.iter().find(|(status, ..)| *status == self).map(|(.., name)| *name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name().unwrap_or(match self.sct() {
            7 => "vendor specific",
            _ => "unnamed status",
        });
        write!(f, "{name} (SCT {:X}h SC {:02X}h)", self.sct(), self.sc())
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SCT {:X}h SC {:02X}h", self.sct(), self.sc())
    }
}
