//! The submission queue entry, raw: any bit pattern. Base-2.3 §4.1, figures 91 and 92.

use std::fmt;

use crate::{Addr, Cid, FieldDef, Nsid};

/// Which opcode table applies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum QueueKind {
    /// Admin commands (queue 0).
    Admin,
    /// I/O commands of the NVM command set.
    Nvm,
}

/// Submission Queue Entry (SQE): 64 bytes, as sixteen little-endian dwords.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sqe {
    /// Command Dwords 0 to 15.
    pub dw: [u32; 16],
}

impl Sqe {
    /// Size in bytes (CC.IOSQES = 6).
    pub const BYTES: usize = 64;

    /// An SQE of zeroes but for the opcode.
    pub const fn new(opcode: u8) -> Self {
        let mut dw = [0; 16];
        dw[0] = opcode as u32;
        Self { dw }
    }

    /// Opcode (OPC): dword 0 bits 7:0.
    pub const fn opcode(&self) -> u8 {
        self.dw[0] as u8
    }

    /// Fused Operation (FUSE): dword 0 bits 9:8. 00b is a normal operation.
    pub const fn fuse(&self) -> u8 {
        (self.dw[0] >> 8) as u8 & 3
    }

    /// PRP or SGL for Data Transfer (PSDT): dword 0 bits 15:14. 00b is PRP.
    pub const fn psdt(&self) -> u8 {
        (self.dw[0] >> 14) as u8 & 3
    }

    /// Command Identifier (CID): dword 0 bits 31:16.
    pub const fn cid(&self) -> Cid {
        Cid((self.dw[0] >> 16) as u16)
    }

    /// Namespace Identifier (NSID): dword 1.
    pub const fn nsid(&self) -> Nsid {
        Nsid(self.dw[1])
    }

    /// PRP Entry 1: dwords 6 and 7.
    pub const fn prp1(&self) -> Addr {
        Addr(self.dw[6] as u64 | (self.dw[7] as u64) << 32)
    }

    /// PRP Entry 2: dwords 8 and 9.
    pub const fn prp2(&self) -> Addr {
        Addr(self.dw[8] as u64 | (self.dw[9] as u64) << 32)
    }

    /// Metadata Pointer (MPTR): dwords 4 and 5.
    pub const fn mptr(&self) -> Addr {
        Addr(self.dw[4] as u64 | (self.dw[5] as u64) << 32)
    }

    /// The same SQE with another raw value in `field`; bits beyond its width are cut off.
    #[must_use]
    pub const fn with(mut self, field: &FieldDef, raw: u64) -> Self {
        field.write(&mut self.dw, raw);
        self
    }

    /// The same SQE with another command identifier.
    #[must_use]
    pub const fn with_cid(mut self, cid: Cid) -> Self {
        self.dw[0] = self.dw[0] & 0xffff | (cid.0 as u32) << 16;
        self
    }

    /// The same SQE with another opcode.
    #[must_use]
    pub const fn with_opcode(mut self, opcode: u8) -> Self {
        self.dw[0] = self.dw[0] & !0xff | opcode as u32;
        self
    }

    /// The same SQE with another FUSE (2 bits).
    #[must_use]
    pub const fn with_fuse(mut self, fuse: u8) -> Self {
        self.dw[0] = self.dw[0] & !0x300 | (fuse as u32 & 3) << 8;
        self
    }

    /// The same SQE with another PSDT (2 bits).
    #[must_use]
    pub const fn with_psdt(mut self, psdt: u8) -> Self {
        self.dw[0] = self.dw[0] & !0xc000 | (psdt as u32 & 3) << 14;
        self
    }

    /// The same SQE with another NSID.
    #[must_use]
    pub const fn with_nsid(mut self, nsid: Nsid) -> Self {
        self.dw[1] = nsid.0;
        self
    }

    /// The same SQE with other PRP entries.
    #[must_use]
    pub const fn with_prps(mut self, prp1: Addr, prp2: Addr) -> Self {
        self.dw[6] = prp1.0 as u32;
        self.dw[7] = (prp1.0 >> 32) as u32;
        self.dw[8] = prp2.0 as u32;
        self.dw[9] = (prp2.0 >> 32) as u32;
        self
    }

    /// The wire form.
    pub fn to_bytes(self) -> [u8; 64] {
        let mut bytes = [0; 64];
        for (to, dw) in bytes.chunks_exact_mut(4).zip(self.dw) {
            to.copy_from_slice(&dw.to_le_bytes());
        }
        bytes
    }

    /// From the wire form.
    pub fn from_bytes(bytes: &[u8; 64]) -> Self {
        let mut dw = [0; 16];
        for (to, from) in dw.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *to = u32::from_le_bytes(*from);
        }
        Self { dw }
    }
}

impl fmt::Debug for Sqe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, dw) in self.dw.iter().enumerate() {
            write!(f, "{}{dw:08x}", if n == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}
