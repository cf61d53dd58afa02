//! Flush.

use crate::Nsid;

command! {
    /// Flush (opcode 00h). Base-2.3 §7.2.
    Flush "flush" Nvm 0x00 {
        /// Namespace Identifier (NSID). FFFFFFFFh is every namespace of the controller, as far as
        /// Identify Controller (VWC bits 2:1) says so.
        nsid: Nsid = 1 [31:0],
    }
}
