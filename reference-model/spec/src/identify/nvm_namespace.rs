//! I/O Command Set specific Identify Namespace of the NVM command set.

use bitfield_struct::bitfield;

use crate::structure::{ByteValue, structure};

structure! {
    /// I/O Command Set Specific Identify Namespace (CNS 05h) of the NVM command set (CSI 00h).
    /// NVM-1.0 §4.1.5.3, figure 100; fields marked after NVM-1.0 from libnvme. From 2.0.
    NvmIdentifyNamespace [4096] {
        /// Logical Block Storage Tag Mask (LBSTM).
        lbstm: u64 = [7:0],
        /// Protection Information Capabilities (PIC): bit 0 storage tags with 16b guards, 1 their
        /// mask is all ones.
        pic: u8 = [8:8],
        /// Protection Information Format Attribute (PIFA). After NVM-1.0.
        pifa: u8 = [9:9],
        /// Extended LBA Formats (ELBAF0 to ELBAF63): one for each LBA format.
        elbaf: [ExtendedLbaFormat; 64] = [267:12],
        /// Namespace Preferred Deallocate Granularity Large (NPDGL). After NVM-1.0.
        npdgl: u32 = [271:268],
        /// Namespace Preferred Read Granularity (NPRG). After NVM-1.0.
        nprg: u32 = [275:272],
        /// Namespace Preferred Read Alignment (NPRA). After NVM-1.0.
        npra: u32 = [279:276],
        /// Namespace Optimal Read Size (NORS). After NVM-1.0.
        nors: u32 = [283:280],
        /// Namespace Preferred Deallocate Alignment Large (NPDAL). After NVM-1.0.
        npdal: u32 = [287:284],
        /// LBA Format Placement Shard Size (LBAPSS). After NVM-1.0.
        lbapss: u32 = [291:288],
        /// Tracked LBA Allocation Granularity (TLBAAG). After NVM-1.0.
        tlbaag: u32 = [295:292],
    }
}

/// Extended LBA Format. NVM-1.0 figure 101.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct ExtendedLbaFormat {
    /// Storage Tag Size (STS), in bits.
    #[bits(7)]
    pub sts: u8,
    /// Protection Information Format (PIF): 00b 16b guard, 01b 32b guard, 10b 64b guard.
    #[bits(2)]
    pub pif: u8,
    #[bits(23)]
    __: u32,
}

impl ByteValue for [ExtendedLbaFormat; 64] {
    const BYTES: usize = 256;

    fn load(bytes: &[u8]) -> Self {
        let mut formats = [ExtendedLbaFormat::new(); 64];
        for (format, raw) in formats.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *format = ExtendedLbaFormat::from_bits(u32::from_le_bytes(*raw));
        }
        formats
    }

    fn store(&self, bytes: &mut [u8]) {
        for (raw, format) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(self) {
            *raw = format.into_bits().to_le_bytes();
        }
    }

    fn show(&self, name: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, format) in self.iter().enumerate().filter(|(_, format)| format.into_bits() != 0) {
            let (sts, pif) = (format.sts(), format.pif());
            writeln!(f, "{:<10} STS {sts} PIF {pif}", format!("{name}{n}"))?;
        }
        Ok(())
    }
}
