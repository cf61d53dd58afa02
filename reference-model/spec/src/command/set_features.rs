//! Set Features.

use crate::feature::Fid;
use crate::{Addr, Nsid};

command! {
    /// Set Features (opcode 09h). Base-2.3 §5.2.26, figures 400 to 402.
    SetFeatures "set-features" Admin 0x09 {
        /// Namespace Identifier (NSID), for a namespace specific feature.
        nsid: Nsid = 1 [31:0],
        /// PRP Entry 1: the data buffer, for a feature that has one.
        prp1: Addr = 6 [63:0],
        /// PRP Entry 2: the rest of the buffer, if it crosses a page boundary.
        prp2: Addr = 8 [63:0],
        /// Feature Identifier (FID).
        fid: Fid = 10 [7:0],
        /// Save (SV): also save the value. From 1.1.
        sv: bool = 10 [31:31],
        /// Command Dword 11: the value, for most features ([`crate::feature`]).
        cdw11: u32 = 11 [31:0],
        /// Command Dword 12, feature specific.
        cdw12: u32 = 12 [31:0],
        /// Command Dword 13, feature specific.
        cdw13: u32 = 13 [31:0],
        /// UUID Index (UIDX), 0 is none: all that dword 14 has
        /// outside Host Memory Buffer. From 1.4.
        uidx: u8 = 14 [6:0],
        /// Command Dword 15, feature specific.
        cdw15: u32 = 15 [31:0],
    }
}
