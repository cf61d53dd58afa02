//! I/O Command Set specific Identify Controller of the NVM command set.

use crate::structure::structure;

structure! {
    /// I/O Command Set Specific Identify Controller (CNS 06h) of the NVM command set (CSI 00h).
    /// NVM-1.0 §4.1.5.4, figure 102; fields marked after NVM-1.0 from libnvme. From 2.0. While the
    /// command's ONCS bit is 0, a limit other than 0 says that the command is supported.
    NvmIdentifyController [4096] {
        /// Verify Size Limit (VSL): 2^n minimum memory pages; 0 is none.
        vsl: u8 = [0:0],
        /// Write Zeroes Size Limit (WZSL): 2^n minimum memory pages; 0 is none.
        wzsl: u8 = [1:1],
        /// Write Uncorrectable Size Limit (WUSL): 2^n minimum memory pages; 0 is none.
        wusl: u8 = [2:2],
        /// Dataset Management Ranges Limit (DMRL); 0 is none.
        dmrl: u8 = [3:3],
        /// Dataset Management Range Size Limit (DMRSL), in logical blocks; 0 is none.
        dmrsl: u32 = [7:4],
        /// Dataset Management Size Limit (DMSL), in logical blocks; 0 is none.
        dmsl: u64 = [15:8],
        /// Key Per I/O Capabilities (KPIOCAP). After NVM-1.0.
        kpiocap: u8 = [16:16],
        /// Write Zeroes With Deallocate Size Limit (WZDSL). After NVM-1.0.
        wzdsl: u8 = [17:17],
        /// Admin Optional Command Support (AOCS). After NVM-1.0.
        aocs: u16 = [19:18],
        /// Version (VER) of the NVM command set. After NVM-1.0.
        ver: u32 = [23:20],
        /// LBA Migration Queue Format (LBAMQF). After NVM-1.0.
        lbamqf: u8 = [24:24],
    }
}
