//! Error Information (LID 01h). Base-2.3 §5.2.12.1.2, figure 209.

use crate::structure::structure;
use crate::{Cid, Nsid, Qid, Status};

structure! {
    /// One entry of the Error Information log page; the newest entry comes first. Base-2.3
    /// figure 209.
    ErrorInformation [64] {
        /// Error Count (ECNT): 1 for the first error ever, counting on over power cycles; 0 marks
        /// an entry that is not used.
        ecnt: u64 = [7:0],
        /// Submission Queue ID (SQID); FFFFh if the error is no particular command's.
        sqid: u16 = [9:8],
        /// Command ID (CID); FFFFh if the error is no particular command's.
        cid: u16 = [11:10],
        /// Status Info (STS): bits 15:1 are the Status field of the completion, bit 0 may be its
        /// phase tag.
        sts: u16 = [13:12],
        /// Parameter Error Location (PEL): bits 7:0 the byte of the SQE, 10:8 the bit in it;
        /// FFFFh if the error is no particular command's.
        pel: u16 = [15:14],
        /// Logical Block Address (LBA): the first one at fault, if there is one.
        lba: u64 = [23:16],
        /// Namespace Identifier (NSID), if there is one.
        nsid: u32 = [27:24],
        /// Vendor Specific Information Available (VSIA): the log page with more, 0 is none.
        vsia: u8 = [28:28],
        /// Transport Type (TRTYPE) of a transport error, else 0. From 1.4.
        trtype: u8 = [29:29],
        /// Command Set Indicator (CSI) of the command, if LPVER is not 0. From 2.1.
        csi: u8 = [30:30],
        /// Opcode (OPC) of the command, if LPVER is not 0. From 2.1.
        opc: u8 = [31:31],
        /// Command Specific Information (CSINFO). From 1.3.
        csinfo: u64 = [39:32],
        /// Transport Type Specific Information (TTSI). From 1.4.
        ttsi: u16 = [41:40],
        /// Log Page Version (LPVER): 1h in 2.3; 0h (reserved) in older revisions.
        lpver: u8 = [63:63],
    }
}

impl<B: std::borrow::Borrow<[u8; 64]>> ErrorInformation<B> {
    /// Status Code Type and Status Code within STS.
    pub fn status(&self) -> Status {
        Status::from_field(self.sts() >> 1)
    }

    /// The queue and identifier of the command, or nothing if the error is no command's.
    pub fn command(&self) -> Option<(Qid, Cid)> {
        let none = self.sqid() == u16::MAX && self.cid() == u16::MAX;
        (!none).then(|| (Qid(self.sqid()), Cid(self.cid())))
    }

    /// The namespace (0 is none).
    pub fn namespace(&self) -> Nsid {
        Nsid(self.nsid())
    }
}
