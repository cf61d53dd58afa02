//! Get Features.

use crate::feature::Fid;
use crate::{Addr, Nsid};

command! {
    /// Get Features (opcode 0Ah). Base-2.3 §5.2.11, figures 195 to 197. Most values come back in
    /// dword 0 of the completion ([`crate::feature`]).
    GetFeatures "get-features" Admin 0x0a {
        /// Namespace Identifier (NSID), for a namespace specific feature.
        nsid: Nsid = 1 [31:0],
        /// PRP Entry 1: the data buffer, for a feature that has one.
        prp1: Addr = 6 [63:0],
        /// PRP Entry 2: the rest of the buffer, if it crosses a page boundary.
        prp2: Addr = 8 [63:0],
        /// Feature Identifier (FID).
        fid: Fid = 10 [7:0],
        /// Select (SEL): 000b current, 001b default, 010b saved, 011b supported capabilities.
        /// From 1.1.
        sel: u8 = 10 [10:8],
        /// Command Dword 11: narrows some features (a sensor, a set).
        cdw11: u32 = 11 [31:0],
        /// Command Dword 12, feature specific.
        cdw12: u32 = 12 [31:0],
        /// Command Dword 13, feature specific.
        cdw13: u32 = 13 [31:0],
        /// UUID Index (UIDX), 0 is none: all that dword 14 has. From 1.4.
        uidx: u8 = 14 [6:0],
        /// Command Dword 15, feature specific.
        cdw15: u32 = 15 [31:0],
    }
}
