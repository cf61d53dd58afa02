//! I/O Command Set Independent Identify Namespace.

use crate::structure::structure;

structure! {
    /// I/O Command Set Independent Identify Namespace (CNS 08h). Base-2.3 §5.2.13.2.8, figure 335.
    /// From 2.0. NSFEAT shares bit 3 alone with that of Identify Namespace (CNS 00h).
    IndependentIdentifyNamespace [4096] {
        /// Common Namespace Features (NSFEAT): bit 3 identifiers not reused, 4 rotational media, 5
        /// no volatile write cache (from 2.3).
        nsfeat: u8 = [0:0],
        /// Namespace Multi-path I/O and Namespace Sharing Capabilities (NMIC): bit 0 shared, 1
        /// dispersed.
        nmic: u8 = [1:1],
        /// Reservation Capabilities (RESCAP).
        rescap: u8 = [2:2],
        /// Format Progress Indicator (FPI): bit 7 supported, 6:0 percent that remain.
        fpi: u8 = [3:3],
        /// ANA Group Identifier (ANAGRPID).
        anagrpid: u32 = [7:4],
        /// Namespace Attributes (NSATTR): bit 0 write protected.
        nsattr: u8 = [8:8],
        /// NVM Set Identifier (NVMSETID).
        nvmsetid: u16 = [11:10],
        /// Endurance Group Identifier (ENDGID).
        endgid: u16 = [13:12],
        /// Namespace Status (NSTAT): bit 0 ready (NRDY), 2:1 I/O impacted (IOI).
        nstat: u8 = [14:14],
        /// Key Per I/O Status (KPIOS): bit 0 enabled, 1 supported. From 2.1.
        kpios: u8 = [15:15],
        /// Maximum Key Tag (MAXKT). From 2.1.
        maxkt: u16 = [17:16],
        /// Reachability Group Identifier (RGRPID). From 2.1.
        rgrpid: u32 = [23:20],
    }
}
