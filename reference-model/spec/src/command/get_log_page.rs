//! Get Log Page.

use crate::log_page::Lid;
use crate::{Addr, Bytes, Nsid};

command! {
    /// Get Log Page (opcode 02h). Base-2.3 §5.2.12, figures 200 to 205.
    GetLogPage "get-log-page" Admin 0x02 {
        /// Namespace Identifier (NSID): 0 or FFFFFFFFh for a controller's or subsystem's page.
        nsid: Nsid = 1 [31:0],
        /// PRP Entry 1: the data buffer.
        prp1: Addr = 6 [63:0],
        /// PRP Entry 2: the second page of the buffer, or the list of the others.
        prp2: Addr = 8 [63:0],
        /// Log Page Identifier (LID).
        lid: Lid = 10 [7:0],
        /// Log Specific Parameter (LSP). 4 bits up to 1.4, 7 from 2.0.
        lsp: u8 = 10 [14:8],
        /// Retain Asynchronous Event (RAE): 1 leaves the event of this page masked. From 1.3.
        rae: bool = 10 [15:15],
        /// Number of Dwords Lower (NUMDL): with NUMDU one 0's based number. Up to 1.2 the
        /// number (NUMD) has 12 bits, all of them here.
        numdl_z: u16 = 10 [31:16],
        /// Number of Dwords Upper (NUMDU). From 1.2.1.
        numdu_z: u16 = 11 [15:0],
        /// Log Specific Identifier (LSI). From 1.4.
        lsi: u16 = 11 [31:16],
        /// Log Page Offset (LPOL, LPOU): in bytes, a multiple of 4 (OT = 0), or an index into
        /// the page's list (OT = 1). From 1.2.1.
        lpo: u64 = 12 [63:0],
        /// UUID Index (UIDX), 0 is none. From 1.4.
        uidx: u8 = 14 [6:0],
        /// Offset Type (OT). From 2.0.
        ot: bool = 14 [23:23],
        /// Command Set Identifier (CSI), for the pages that use it. From 2.0.
        csi: u8 = 14 [31:24],
    }
}

impl GetLogPage {
    /// How much to return: 4 * (NUMD + 1) bytes, with NUMD made of NUMDU and NUMDL.
    pub const fn bytes(&self) -> Bytes {
        Bytes(4 * (((self.numdu_z as u64) << 16 | self.numdl_z as u64) + 1))
    }

    /// The same command for `bytes` bytes: rounded up to dwords, at least one, cut off at 32 bits.
    #[must_use]
    pub const fn with_bytes(mut self, bytes: Bytes) -> Self {
        let numd_z = bytes.0.div_ceil(4).saturating_sub(1);
        self.numdl_z = numd_z as u16;
        self.numdu_z = (numd_z >> 16) as u16;
        self
    }
}
