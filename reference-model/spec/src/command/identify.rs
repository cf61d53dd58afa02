//! Identify.

use crate::cns::Cns;
use crate::{Addr, Cntlid, Nsid};

command! {
    /// Identify (opcode 06h). Base-2.3 §5.2.13, figures 322 to 325. 4,096 bytes come back: two PRP
    /// entries at most, never a list.
    Identify "identify" Admin 0x06 {
        /// Namespace Identifier (NSID), for the CNS values that use it.
        nsid: Nsid = 1 [31:0],
        /// PRP Entry 1: the data buffer.
        prp1: Addr = 6 [63:0],
        /// PRP Entry 2: the rest of the buffer, if it crosses a page boundary.
        prp2: Addr = 8 [63:0],
        /// Controller or Namespace Structure (CNS): what to return.
        cns: Cns = 10 [7:0],
        /// Controller Identifier (CNTID), for the CNS values that use it.
        cntid: Cntlid = 10 [31:16],
        /// CNS Specific Identifier (CNSSID). From 2.0 (NVMSETID in 1.4).
        cnssid: u16 = 11 [15:0],
        /// Command Set Identifier (CSI), for the CNS values that use it: 00h NVM. From 2.0.
        csi: u8 = 11 [31:24],
        /// UUID Index (UIDX), 0 is none. From 1.4.
        uidx: u8 = 14 [6:0],
    }
}
