//! Log pages that are an array of dwords, one for each code: what is supported, and its effects.

use std::borrow::Borrow;
use std::fmt;

use bitfield_struct::bitfield;

use crate::{Fid, Lid};

/// Scopes, in the Command Scope (CSP) and FID Scope (FSP) fields. Base-2.3 figures 214 and 267.
pub mod scope {
    /// Namespace scope.
    pub const NAMESPACE: u16 = 1 << 0;
    /// Controller scope.
    pub const CONTROLLER: u16 = 1 << 1;
    /// NVM Set scope.
    pub const NVM_SET: u16 = 1 << 2;
    /// Endurance Group scope.
    pub const ENDURANCE_GROUP: u16 = 1 << 3;
    /// Domain scope.
    pub const DOMAIN: u16 = 1 << 4;
    /// NVM subsystem scope.
    pub const NVM_SUBSYSTEM: u16 = 1 << 5;
    /// Controller Data Queue; only of features.
    pub const CONTROLLER_DATA_QUEUE: u16 = 1 << 6;
}

/// LID Supported and Effects. Base-2.3 figure 208.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct LidSupported {
    /// LID Supported (LSUPP).
    pub lsupp: bool,
    /// Index Offset Supported (IOS).
    pub ios: bool,
    #[bits(14)]
    __: u16,
    /// LID Specific Parameter (LIDSP).
    pub lidsp: u16,
}

/// Commands Supported and Effects of one opcode, also of a Management Interface command (without
/// CSER, CSE and USS). Base-2.3 figures 214 and 269.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct CommandEffects {
    /// Command Supported (CSUPP): without it everything else is 0.
    pub csupp: bool,
    /// Logical Block Content Change (LBCC): may change user data.
    pub lbcc: bool,
    /// Namespace Capability Change (NCC): may change the capabilities of one namespace.
    pub ncc: bool,
    /// Namespace Inventory Change (NIC): may change the number of namespaces, or several.
    pub nic: bool,
    /// Controller Capability Change (CCC).
    pub ccc: bool,
    #[bits(9)]
    __: u16,
    /// Command Submission and Execution Relaxations (CSER). After 2.0.
    #[bits(2)]
    pub cser: u8,
    /// Command Submission and Execution (CSE): 0 no restriction, 1 alone in its namespace, 2 alone
    /// in all namespaces.
    #[bits(3)]
    pub cse: u8,
    /// UUID Selection Supported (USS). From 1.4.
    pub uss: bool,
    /// Command Scope (CSP): see [`scope`]; 0 is not reported. From 2.0, with LPA bit 5.
    #[bits(12)]
    pub csp: u16,
}

/// FID Supported and Effects. Base-2.3 figure 267.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct FidEffects {
    /// FID Supported (FSUPP): without it everything else is 0.
    pub fsupp: bool,
    /// User Data Content Change (UDCC).
    pub udcc: bool,
    /// Namespace Capability Change (NCC).
    pub ncc: bool,
    /// Namespace Inventory Change (NIC).
    pub nic: bool,
    /// Controller Capability Change (CCC).
    pub ccc: bool,
    #[bits(14)]
    __: u16,
    /// UUID Selection Supported (USS).
    pub uss: bool,
    /// FID Scope (FSP): at most one bit of [`scope`]; 0 is not reported.
    #[bits(12)]
    pub fsp: u16,
}

/// A log page of dwords: a view like those of [`mod@crate::structure`].
macro_rules! dwords {
    (
        $(#[$doc:meta])*
        $name:ident [$size:literal] {
            $(
                $(#[$fdoc:meta])*
                $field:ident / $set:ident ($code:ident : $code_ty:ty => $index:expr)
                    : $ty:ty = [$high:literal : $low:literal]
            ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name<B = [u8; $size]>(pub B);

        impl $name {
            /// Size in bytes.
            pub const BYTES: usize = $size;

            /// All bytes 0.
            pub const fn zeroed() -> Self {
                Self([0; $size])
            }

            $(
                #[doc = concat!("Sets what [`Self::", stringify!($field), "`] returns.")]
                pub fn $set(&mut self, $code: $code_ty, value: $ty) -> &mut Self {
                    let at = $low + 4 * usize::from($index);
                    self.0[at..at + 4].copy_from_slice(&value.into_bits().to_le_bytes());
                    self
                }
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self::zeroed()
            }
        }

        impl<B: Borrow<[u8; $size]>> $name<B> {
            /// The bytes.
            pub fn bytes(&self) -> &[u8; $size] {
                self.0.borrow()
            }

            $(
                $(#[$fdoc])*
                pub fn $field(&self, $code: $code_ty) -> $ty {
                    let at = $low + 4 * usize::from($index);
                    let bytes = self.bytes();
                    let raw = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
                    <$ty>::from_bits(u32::from_le_bytes(raw))
                }
            )*
        }

        /// The dwords that are not 0, one line each.
        impl<B: Borrow<[u8; $size]>> fmt::Display for $name<B> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(
                    const { assert!($high + 1 - $low == 1024 && $high < $size) };
                    for code in 0..=u8::MAX {
                        let dword = self.$field(code.into()).into_bits();
                        if dword != 0 {
                            writeln!(f, "{} {code:02X}h {dword:08X}h", stringify!($field))?;
                        }
                    }
                )*
                Ok(())
            }
        }

        impl<B: Borrow<[u8; $size]>> fmt::Debug for $name<B> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                writeln!(f, "{}", stringify!($name))?;
                fmt::Display::fmt(self, f)
            }
        }
    };
}

dwords! {
    /// Supported Log Pages (LID 00h). Base-2.3 §5.2.12.1.1, figure 207. From 2.0.
    SupportedLogPages [1024] {
        /// LID Supported and Effects (LIDS0 to LIDS255) of a page.
        lids/set_lids(lid: Lid => lid.0): LidSupported = [1023:0],
    }
}

dwords! {
    /// Commands Supported and Effects (LID 05h). Base-2.3 §5.2.12.1.6, figure 213. From 1.2. Bytes
    /// 4095:2048 are reserved.
    CommandsSupportedAndEffects [4096] {
        /// Admin Command Supported (ACS0 to ACS255), by opcode.
        acs/set_acs(opcode: u8 => opcode): CommandEffects = [1023:0],
        /// I/O Command Supported (IOCS0 to IOCS255), by opcode.
        iocs/set_iocs(opcode: u8 => opcode): CommandEffects = [2047:1024],
    }
}

dwords! {
    /// Feature Identifiers Supported and Effects (LID 12h). Base-2.3 §5.2.12.1.18, figure 266. From
    /// 2.0.
    FeatureIdentifiersSupportedAndEffects [1024] {
        /// FID Supported and Effects (FIS0 to FIS255) of a feature.
        fis/set_fis(fid: Fid => fid.0): FidEffects = [1023:0],
    }
}

dwords! {
    /// NVMe-MI Commands Supported and Effects (LID 13h). Base-2.3 §5.2.12.1.19, figure 268. From
    /// 2.0. Bytes 4095:1024 are reserved.
    NvmeMiCommandsSupportedAndEffects [4096] {
        /// Management Interface Command Supported (MICS0 to MICS255), by opcode.
        mics/set_mics(opcode: u8 => opcode): CommandEffects = [1023:0],
    }
}
