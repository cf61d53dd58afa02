//! Read.

use crate::{Addr, Entries, Lba, Nsid};

command! {
    /// Read (opcode 02h). NVM-1.0 §3.2.4, figures 44 to 51.
    Read "read" Nvm 0x02 {
        /// Namespace Identifier (NSID).
        nsid: Nsid = 1 [31:0],
        /// Expected Logical Block Tags Upper (ELBTU): with EILBRT the storage and reference
        /// tags of a 32 or 64 bit guard. From NVM-1.0.
        elbtu: u64 = 2 [47:0],
        /// Metadata Pointer (MPTR): the separate metadata buffer, if the format has one.
        mptr: Addr = 4 [63:0],
        /// PRP Entry 1: the data buffer.
        prp1: Addr = 6 [63:0],
        /// PRP Entry 2: the second page of the buffer, or the list of the others.
        prp2: Addr = 8 [63:0],
        /// Starting LBA (SLBA).
        slba: Lba = 10 [63:0],
        /// Number of Logical Blocks (NLB), 0's based in the field: raw 0 is one block.
        nlb: Entries = 12 [15:0],
        /// Storage Tag Check (STC). From NVM-1.0.
        stc: bool = 12 [24:24],
        /// Protection Information Field (PRINFO): bit 3 is the action (PRACT), bits 2:0 check the
        /// guard, the application tag, the reference tag (PRCHK). Figure 9.
        prinfo: u8 = 12 [29:26],
        /// Force Unit Access (FUA): the data comes from the non-volatile medium.
        fua: bool = 12 [30:30],
        /// Limited Retry (LR).
        lr: bool = 12 [31:31],
        /// Dataset Management (DSM): advice only. Bits 3:0 access frequency, 5:4 access latency,
        /// 6 sequential request, 7 incompressible.
        dsm: u8 = 13 [7:0],
        /// Expected Initial Logical Block Reference Tag (EILBRT).
        eilbrt: u32 = 14 [31:0],
        /// Expected Logical Block Application Tag (ELBAT).
        elbat: u16 = 15 [15:0],
        /// Expected Logical Block Application Tag Mask (ELBATM).
        elbatm: u16 = 15 [31:16],
    }
}
