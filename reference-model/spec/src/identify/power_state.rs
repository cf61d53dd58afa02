//! Power state descriptor.

use crate::structure::structure;

structure! {
    /// Power State Descriptor, within Identify Controller. Base-2.3 figure 329.
    PowerState [32] {
        /// Maximum Power (MP), in units of 0.01 W, or 0.0001 W with MXPS.
        mp: u16 = [1:0],
        /// Bit 0 Max Power Scale (MXPS), bit 1 Non-Operational State (NOPS).
        flags: u8 = [3:3],
        /// Entry Latency (ENLAT), in microseconds.
        enlat: u32 = [7:4],
        /// Exit Latency (EXLAT), in microseconds.
        exlat: u32 = [11:8],
        /// Relative Read Throughput (RRT), bits 4:0: lower is better.
        rrt: u8 = [12:12],
        /// Relative Read Latency (RRL), bits 4:0.
        rrl: u8 = [13:13],
        /// Relative Write Throughput (RWT), bits 4:0.
        rwt: u8 = [14:14],
        /// Relative Write Latency (RWL), bits 4:0.
        rwl: u8 = [15:15],
        /// Idle Power (IDLP), in the unit of IPS. From 1.2.
        idlp: u16 = [17:16],
        /// Idle Power Scale (IPS), bits 7:6: 01b 0.0001 W, 10b 0.01 W.
        ips: u8 = [18:18],
        /// Active Power (ACTP), in the unit of APS. From 1.2.
        actp: u16 = [21:20],
        /// Active Power Workload (APW), bits 2:0, and Active Power Scale (APS), bits 7:6.
        apws: u8 = [22:22],
        /// Emergency Power Fail Recovery Time (EPFRT). From 2.1.
        epfrt: u8 = [23:23],
        /// Forced Quiescence Vault Time (FQVT). From 2.1.
        fqvt: u8 = [24:24],
        /// Emergency Power Fail Vault Time (EPFVT). From 2.1.
        epfvt: u8 = [25:25],
        /// Scales of EPFRT (bits 3:0) and FQVT (bits 7:4).
        epfrts_fqvts: u8 = [26:26],
        /// Scale of EPFVT, bits 3:0.
        epfvts: u8 = [27:27],
        /// Max Bandwidth (MBW), in the unit of MBWS. From 2.3.
        mbw: u8 = [28:28],
        /// Max Bandwidth Scale (MBWS), bits 2:0. From 2.3.
        mbws: u8 = [29:29],
    }
}
