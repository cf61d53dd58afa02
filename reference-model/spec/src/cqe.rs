//! The completion queue entry, raw: any bit pattern. Base-2.3 §4.2, figures 96 to 100.

use std::fmt;

use crate::{Cid, Qid, Status};

/// Completion Queue Entry (CQE): 16 bytes, as four little-endian dwords.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Cqe {
    /// Dwords 0 to 3.
    pub dw: [u32; 4],
}

impl Cqe {
    /// Size in bytes (CC.IOCQES = 4).
    pub const BYTES: usize = 16;

    /// Command specific result: dword 0.
    pub const fn dw0(&self) -> u32 {
        self.dw[0]
    }

    /// SQ Head Pointer (SQHD): dword 2 bits 15:0.
    pub const fn sqhd(&self) -> u16 {
        self.dw[2] as u16
    }

    /// SQ Identifier (SQID): dword 2 bits 31:16.
    pub const fn sqid(&self) -> Qid {
        Qid((self.dw[2] >> 16) as u16)
    }

    /// Command Identifier (CID): dword 3 bits 15:0.
    pub const fn cid(&self) -> Cid {
        Cid(self.dw[3] as u16)
    }

    /// Phase Tag (P): dword 3 bit 16.
    pub const fn phase(&self) -> bool {
        self.dw[3] >> 16 & 1 != 0
    }

    /// Status Code Type and Status Code: dword 3 bits 27:17.
    pub const fn status(&self) -> Status {
        Status::new((self.dw[3] >> 25) as u8 & 7, (self.dw[3] >> 17) as u8)
    }

    /// Command Retry Delay (CRD): dword 3 bits 29:28.
    pub const fn crd(&self) -> u8 {
        (self.dw[3] >> 28) as u8 & 3
    }

    /// More (M): dword 3 bit 30.
    pub const fn more(&self) -> bool {
        self.dw[3] >> 30 & 1 != 0
    }

    /// Do Not Retry (DNR): dword 3 bit 31.
    pub const fn dnr(&self) -> bool {
        self.dw[3] >> 31 != 0
    }

    /// An entry with phase 0, CRD 0 and M 0.
    pub const fn new(dw0: u32, sqid: Qid, sqhd: u16, cid: Cid, status: Status, dnr: bool) -> Self {
        let dw3 = cid.0 as u32
            | (status.sc() as u32) << 17
            | (status.sct() as u32 & 7) << 25
            | (dnr as u32) << 31;
        Self { dw: [dw0, 0, sqhd as u32 | (sqid.0 as u32) << 16, dw3] }
    }

    /// The same entry with the phase tag set to `phase`.
    #[must_use]
    pub const fn with_phase(mut self, phase: bool) -> Self {
        self.dw[3] = self.dw[3] & !(1 << 16) | (phase as u32) << 16;
        self
    }

    /// The wire form.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        for (to, dw) in bytes.chunks_exact_mut(4).zip(self.dw) {
            to.copy_from_slice(&dw.to_le_bytes());
        }
        bytes
    }

    /// From the wire form.
    pub fn from_bytes(bytes: &[u8; 16]) -> Self {
        let mut dw = [0; 4];
        for (to, from) in dw.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *to = u32::from_le_bytes(*from);
        }
        Self { dw }
    }
}

/// One line: whose completion it is, its status, and the dwords.
impl fmt::Display for Cqe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sqid, cid, status) = (self.sqid(), self.cid(), self.status());
        write!(f, "SQID {sqid}, CID {cid}, {status}, dwords {self:?}")
    }
}

impl fmt::Debug for Cqe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.dw;
        write!(f, "{a:08x} {b:08x} {c:08x} {d:08x}")
    }
}
