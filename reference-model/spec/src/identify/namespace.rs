//! Identify Namespace of the NVM command set.

use std::borrow::Borrow;
use std::fmt;

use bitfield_struct::bitfield;

use crate::Bytes;
use crate::structure::{ByteValue, structure};

structure! {
    /// Identify Namespace (CNS 00h) of the NVM command set. NVM-1.0 §4.1.5.1, figure 97; fields
    /// marked after NVM-1.0 from libnvme.
    IdentifyNamespace [4096] {
        /// Namespace Size (NSZE), in logical blocks.
        nsze: u64 = [7:0],
        /// Namespace Capacity (NCAP), in logical blocks.
        ncap: u64 = [15:8],
        /// Namespace Utilization (NUSE), in logical blocks.
        nuse: u64 = [23:16],
        /// Namespace Features (NSFEAT): bit 0 thin provisioning, 1 NAWUN to NACWU valid, 2 error on
        /// deallocated blocks, 3 identifiers not reused, 4 NPWG to NOWS valid.
        nsfeat: u8 = [24:24],
        /// Number of LBA Formats (NLBAF), 0's based.
        nlbaf: u8 = [25:25],
        /// Formatted LBA Size (FLBAS): bits 3:0 low bits of the format index, 4 metadata in the
        /// extended block, 6:5 high bits of the index (from 2.0):
        /// [`IdentifyNamespace::format_index`].
        flbas: u8 = [26:26],
        /// Metadata Capabilities (MC): bit 0 extended block, 1 separate buffer.
        mc: u8 = [27:27],
        /// End-to-end Data Protection Capabilities (DPC): bits 2:0 types 1 to 3, 3 first bytes, 4
        /// last bytes.
        dpc: u8 = [28:28],
        /// End-to-end Data Protection Type Settings (DPS): bits 2:0 type (0 none), 3 first bytes.
        dps: u8 = [29:29],
        /// Namespace Multi-path I/O and Namespace Sharing Capabilities (NMIC): bit 0 shared. From
        /// 1.1.
        nmic: u8 = [30:30],
        /// Reservation Capabilities (RESCAP). From 1.1.
        rescap: u8 = [31:31],
        /// Format Progress Indicator (FPI): bit 7 supported, 6:0 percent that remain. From 1.2.
        fpi: u8 = [32:32],
        /// Deallocate Logical Block Features (DLFEAT): bits 2:0 what deallocated blocks read (0 not
        /// told, 1 zeroes, 2 FFh), 3 deallocate by Write Zeroes, 4 guard. From 1.3.
        dlfeat: u8 = [33:33],
        /// Namespace Atomic Write Unit Normal (NAWUN), in logical blocks, 0's based; 0 is AWUN.
        /// From 1.2.
        nawun: u16 = [35:34],
        /// Namespace Atomic Write Unit Power Fail (NAWUPF), 0's based; 0 is AWUPF. From 1.2.
        nawupf: u16 = [37:36],
        /// Namespace Atomic Compare & Write Unit (NACWU), 0's based; 0 is ACWU. From 1.2.
        nacwu: u16 = [39:38],
        /// Namespace Atomic Boundary Size Normal (NABSN), 0's based; 0 is no boundary. From 1.2.
        nabsn: u16 = [41:40],
        /// Namespace Atomic Boundary Offset (NABO): the LBA of the first boundary. From 1.2.
        nabo: u16 = [43:42],
        /// Namespace Atomic Boundary Size Power Fail (NABSPF), 0's based; 0 is no boundary. From
        /// 1.2.
        nabspf: u16 = [45:44],
        /// Namespace Optimal I/O Boundary (NOIOB), in logical blocks; 0 not told. From 1.3.
        noiob: u16 = [47:46],
        /// NVM Capacity (NVMCAP), in bytes. From 1.2.
        nvmcap: u128 = [63:48],
        /// Namespace Preferred Write Granularity (NPWG), in logical blocks, 0's based. From 1.4.
        npwg: u16 = [65:64],
        /// Namespace Preferred Write Alignment (NPWA), in logical blocks, 0's based. From 1.4.
        npwa: u16 = [67:66],
        /// Namespace Preferred Deallocate Granularity (NPDG), in logical blocks, 0's based. From
        /// 1.4.
        npdg: u16 = [69:68],
        /// Namespace Preferred Deallocate Alignment (NPDA), in logical blocks, 0's based. From 1.4.
        npda: u16 = [71:70],
        /// Namespace Optimal Write Size (NOWS), in logical blocks, 0's based. From 1.4.
        nows: u16 = [73:72],
        /// Maximum Single Source Range Length (MSSRL) of Copy, in logical blocks. From 2.0.
        mssrl: u16 = [75:74],
        /// Maximum Copy Length (MCL), in logical blocks. From 2.0.
        mcl: u32 = [79:76],
        /// Maximum Source Range Count (MSRC) of Copy, 0's based. From 2.0.
        msrc: u8 = [80:80],
        /// Key Per I/O Status (KPIOS). After NVM-1.0.
        kpios: u8 = [81:81],
        /// Number of Unique Attribute LBA Formats (NULBAF). After NVM-1.0.
        nulbaf: u8 = [82:82],
        /// Key Per I/O Data Access Alignment and Granularity (KPIODAAG). After NVM-1.0.
        kpiodaag: u32 = [87:84],
        /// ANA Group Identifier (ANAGRPID). From 1.4.
        anagrpid: u32 = [95:92],
        /// Namespace Attributes (NSATTR): bit 0 write protected. From 1.4.
        nsattr: u8 = [99:99],
        /// NVM Set Identifier (NVMSETID). From 1.4.
        nvmsetid: u16 = [101:100],
        /// Endurance Group Identifier (ENDGID). From 1.4.
        endgid: u16 = [103:102],
        /// Namespace Globally Unique Identifier (NGUID), big endian. From 1.2.
        nguid: [u8; 16] = [119:104],
        /// IEEE Extended Unique Identifier (EUI64), big endian. From 1.1.
        eui64: [u8; 8] = [127:120],
        /// LBA Formats (LBAF0 to LBAF63); 16 of them before 2.0.
        lbaf: [LbaFormat; 64] = [383:128],
        /// Vendor specific.
        vs: [u8; 3712] = [4095:384],
    }
}

impl<B: Borrow<[u8; 4096]>> IdentifyNamespace<B> {
    /// The index of the format in use: FLBAS bits 6:5 and 3:0. Bits 6:5 are reserved, and so 0,
    /// before 2.0 and with at most 16 formats.
    pub fn format_index(&self) -> usize {
        let flbas = usize::from(self.flbas());
        (flbas >> 5 & 3) << 4 | flbas & 15
    }

    /// The format in use.
    pub fn format(&self) -> LbaFormat {
        self.lbaf()[self.format_index()]
    }

    /// Whether the metadata is transferred in the extended block (FLBAS bit 4).
    pub fn metadata_extends_block(&self) -> bool {
        self.flbas() & 1 << 4 != 0
    }
}

/// LBA Format. NVM-1.0 figure 98.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct LbaFormat {
    /// Metadata Size (MS) in bytes for each block.
    pub ms: u16,
    /// LBA Data Size (LBADS): 2^n bytes, 9 at least; 0 is no format.
    pub lbads: u8,
    /// Relative Performance (RP): 00b best, 11b degraded.
    #[bits(2)]
    pub rp: u8,
    #[bits(6)]
    __: u8,
}

impl LbaFormat {
    /// The data bytes of a block; nothing if the format is not there or beyond 2^63 bytes.
    pub const fn data_bytes(self) -> Option<Bytes> {
        match self.lbads() {
            n @ 1..=63 => Some(Bytes(1 << n)),
            _ => None,
        }
    }
}

impl ByteValue for [LbaFormat; 64] {
    const BYTES: usize = 256;

    fn load(bytes: &[u8]) -> Self {
        let mut formats = [LbaFormat::new(); 64];
        for (format, raw) in formats.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *format = LbaFormat::from_bits(u32::from_le_bytes(*raw));
        }
        formats
    }

    fn store(&self, bytes: &mut [u8]) {
        for (raw, format) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(self) {
            *raw = format.into_bits().to_le_bytes();
        }
    }

    fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, format) in self.iter().enumerate().filter(|(_, format)| format.into_bits() != 0) {
            let (ms, lbads, rp) = (format.ms(), format.lbads(), format.rp());
            writeln!(f, "{:<10} LBADS {lbads} MS {ms} RP {rp}", format!("{name}{n}"))?;
        }
        Ok(())
    }
}
