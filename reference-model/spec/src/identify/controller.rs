//! Identify Controller.

use std::borrow::Borrow;

use super::PowerState;
use crate::structure::{Text, structure};
use crate::{Cntlid, Version};

structure! {
    /// Identify Controller (CNS 01h). Base-2.3 §5.2.13.2.1, figure 328. Bits within a field are
    /// not judged here: bits that a revision does not know are the model's to question.
    IdentifyController [4096] {
        /// PCI Vendor ID (VID).
        vid: u16 = [1:0],
        /// PCI Subsystem Vendor ID (SSVID).
        ssvid: u16 = [3:2],
        /// Serial Number (SN): ASCII, padded with spaces.
        sn: Text<20> = [23:4],
        /// Model Number (MN): ASCII, padded with spaces.
        mn: Text<40> = [63:24],
        /// Firmware Revision (FR): ASCII, padded with spaces.
        fr: Text<8> = [71:64],
        /// Recommended Arbitration Burst (RAB): 2^n commands.
        rab: u8 = [72:72],
        /// IEEE OUI Identifier (IEEE), least significant byte first.
        ieee: [u8; 3] = [75:73],
        /// Controller Multi-Path I/O and Namespace Sharing Capabilities (CMIC): bit 0 more than one
        /// port, 1 more than one controller, 2 SR-IOV virtual function, 3 ANA reporting.
        cmic: u8 = [76:76],
        /// Maximum Data Transfer Size (MDTS): 2^n minimum memory pages (CAP.MPSMIN); 0 is no limit.
        mdts: u8 = [77:77],
        /// Controller ID (CNTLID).
        cntlid: u16 = [79:78],
        /// Version (VER): as the VS register; 0 before 1.2.
        ver: u32 = [83:80],
        /// RTD3 Resume Latency (RTD3R): expected, in microseconds. From 1.2.
        rtd3r: u32 = [87:84],
        /// RTD3 Entry Latency (RTD3E): typical, in microseconds. From 1.2.
        rtd3e: u32 = [91:88],
        /// Optional Asynchronous Events Supported (OAES). From 1.2.
        oaes: u32 = [95:92],
        /// Controller Attributes (CTRATT). From 1.2.1.
        ctratt: u32 = [99:96],
        /// Read Recovery Levels Supported (RRLS): bit n is level n. From 1.4.
        rrls: u16 = [101:100],
        /// Boot Partition Capabilities (BPCAP). From 2.1.
        bpcap: u8 = [102:102],
        /// NVM Subsystem Shutdown Latency (NSSL): typical, in microseconds. From 2.1.
        nssl: u32 = [107:104],
        /// Power Loss Signaling Information (PLSI). From 2.1.
        plsi: u8 = [110:110],
        /// Controller Type (CNTRLTYPE): 0 not reported, 1 I/O, 2 discovery, 3 administrative. From
        /// 1.4.
        cntrltype: u8 = [111:111],
        /// FRU Globally Unique Identifier (FGUID). From 1.3.
        fguid: [u8; 16] = [127:112],
        /// Command Retry Delay Time 1 (CRDT1), in units of 100 ms. From 1.4.
        crdt1: u16 = [129:128],
        /// Command Retry Delay Time 2 (CRDT2), in units of 100 ms. From 1.4.
        crdt2: u16 = [131:130],
        /// Command Retry Delay Time 3 (CRDT3), in units of 100 ms. From 1.4.
        crdt3: u16 = [133:132],
        /// Controller Reachability Capabilities (CRCAP). From 2.1.
        crcap: u8 = [134:134],
        /// Controller Instance Uniquifier (CIU).
        ciu: u8 = [135:135],
        /// Controller Instance Random Number (CIRN).
        cirn: u64 = [143:136],
        /// NVM Subsystem Report (NVMSR), of the management interface.
        nvmsr: u8 = [253:253],
        /// VPD Write Cycle Information (VWCI), of the management interface.
        vwci: u8 = [254:254],
        /// Management Endpoint Capabilities (MEC).
        mec: u8 = [255:255],
        /// Optional Admin Command Support (OACS): bit 0 Security, 1 Format, 2 firmware, 3 Namespace
        /// Management, 4 self-test, 5 directives, 6 NVMe-MI, 7 Virtualization, 8 Doorbell Buffer
        /// Config, 9 Get LBA Status, 10 Lockdown, 11 live migration.
        oacs: u16 = [257:256],
        /// Abort Command Limit (ACL): concurrent Abort commands, 0's based.
        acl: u8 = [258:258],
        /// Asynchronous Event Request Limit (AERL): outstanding requests, 0's based.
        aerl: u8 = [259:259],
        /// Firmware Updates (FRMW).
        frmw: u8 = [260:260],
        /// Log Page Attributes (LPA): bit 0 SMART per namespace, 1 effects log, 2 NUMDU and LPO, 3
        /// telemetry, 4 persistent events, 5 logs 00h, 12h and 13h, 6 telemetry area 4.
        lpa: u8 = [261:261],
        /// Error Log Page Entries (ELPE): entries of log page 01h, 0's based.
        elpe: u8 = [262:262],
        /// Number of Power States Support (NPSS), 0's based.
        npss: u8 = [263:263],
        /// Admin Vendor Specific Command Configuration (AVSCC).
        avscc: u8 = [264:264],
        /// Autonomous Power State Transition Attributes (APSTA). From 1.1.
        apsta: u8 = [265:265],
        /// Warning Composite Temperature Threshold (WCTEMP), in kelvins. From 1.2.
        wctemp: u16 = [267:266],
        /// Critical Composite Temperature Threshold (CCTEMP), in kelvins. From 1.2.
        cctemp: u16 = [269:268],
        /// Maximum Time for Firmware Activation (MTFA), in units of 100 ms. From 1.2.
        mtfa: u16 = [271:270],
        /// Host Memory Buffer Preferred Size (HMPRE), in units of 4 KiB. From 1.2.
        hmpre: u32 = [275:272],
        /// Host Memory Buffer Minimum Size (HMMIN), in units of 4 KiB. From 1.2.
        hmmin: u32 = [279:276],
        /// Total NVM Capacity (TNVMCAP), in bytes. From 1.2.
        tnvmcap: u128 = [295:280],
        /// Unallocated NVM Capacity (UNVMCAP), in bytes. From 1.2.
        unvmcap: u128 = [311:296],
        /// Replay Protected Memory Block Support (RPMBS). From 1.2.
        rpmbs: u32 = [315:312],
        /// Extended Device Self-test Time (EDSTT), in minutes. From 1.3.
        edstt: u16 = [317:316],
        /// Device Self-test Options (DSTO). From 1.3.
        dsto: u8 = [318:318],
        /// Firmware Update Granularity (FWUG), in units of 4 KiB; 0 not told, FFh no restriction.
        /// From 1.3.
        fwug: u8 = [319:319],
        /// Keep Alive Support (KAS): granularity in units of 100 ms; 0 is no Keep Alive. From
        /// 1.2.1.
        kas: u16 = [321:320],
        /// Host Controlled Thermal Management Attributes (HCTMA). From 1.3.
        hctma: u16 = [323:322],
        /// Minimum Thermal Management Temperature (MNTMT), in kelvins. From 1.3.
        mntmt: u16 = [325:324],
        /// Maximum Thermal Management Temperature (MXTMT), in kelvins. From 1.3.
        mxtmt: u16 = [327:326],
        /// Sanitize Capabilities (SANICAP). From 1.3.
        sanicap: u32 = [331:328],
        /// Host Memory Buffer Minimum Descriptor Entry Size (HMMINDS), in units of 4 KiB. From 1.4.
        hmminds: u32 = [335:332],
        /// Host Memory Maximum Descriptors Entries (HMMAXD). From 1.4.
        hmmaxd: u16 = [337:336],
        /// NVM Set Identifier Maximum (NSETIDMAX). From 1.4.
        nsetidmax: u16 = [339:338],
        /// Endurance Group Identifier Maximum (ENDGIDMAX). From 1.4.
        endgidmax: u16 = [341:340],
        /// ANA Transition Time (ANATT), in seconds. From 1.4.
        anatt: u8 = [342:342],
        /// Asymmetric Namespace Access Capabilities (ANACAP). From 1.4.
        anacap: u8 = [343:343],
        /// ANA Group Identifier Maximum (ANAGRPMAX). From 1.4.
        anagrpmax: u32 = [347:344],
        /// Number of ANA Group Identifiers (NANAGRPID). From 1.4.
        nanagrpid: u32 = [351:348],
        /// Persistent Event Log Size (PELS), in units of 64 KiB. From 1.4.
        pels: u32 = [355:352],
        /// Domain Identifier (DID). From 2.0.
        did: u16 = [357:356],
        /// Key Per I/O Capabilities (KPIOC). From 2.1.
        kpioc: u8 = [358:358],
        /// Maximum Processing Time for Firmware Activation Without Reset (MPTFAWR), in units of 100
        /// ms. From 2.1.
        mptfawr: u16 = [361:360],
        /// Max Endurance Group Capacity (MEGCAP), in bytes. From 2.0.
        megcap: u128 = [383:368],
        /// Temperature Threshold Hysteresis Attributes (TMPTHHA). From 2.1.
        tmpthha: u8 = [384:384],
        /// Maximum Unlimited Power Attributes (MUPA). From 2.3.
        mupa: u8 = [385:385],
        /// Command Quiesce Time (CQT), in milliseconds. From 2.1.
        cqt: u16 = [387:386],
        /// Configurable Device Personality Attributes (CDPA). From 2.3.
        cdpa: u16 = [389:388],
        /// Maximum Unlimited Power (MUP), in the unit that MUPA gives. From 2.3.
        mup: u16 = [391:390],
        /// Interval Power Measurement Sample Rate (IPMSR). From 2.3.
        ipmsr: u16 = [393:392],
        /// Maximum Stop Measurement Time (MSMT). From 2.3.
        msmt: u16 = [395:394],
        /// Submission Queue Entry Size (SQES): bits 3:0 required, 7:4 maximum, both 2^n bytes.
        sqes: u8 = [512:512],
        /// Completion Queue Entry Size (CQES): bits 3:0 required, 7:4 maximum, both 2^n bytes.
        cqes: u8 = [513:513],
        /// Maximum Outstanding Commands (MAXCMD) per queue; 0 not told. From 1.2.1.
        maxcmd: u16 = [515:514],
        /// Number of Namespaces (NN): the largest valid NSID.
        nn: u32 = [519:516],
        /// Optional NVM Command Support (ONCS): bit 0 Compare, 1 Write Uncorrectable, 2 Dataset
        /// Management, 3 Write Zeroes, 4 save and select in features, 5 reservations, 6 timestamp,
        /// 7 Verify, 8 Copy.
        oncs: u16 = [521:520],
        /// Fused Operation Support (FUSES): bit 0 Compare and Write.
        fuses: u16 = [523:522],
        /// Format NVM Attributes (FNA).
        fna: u8 = [524:524],
        /// Volatile Write Cache (VWC): bit 0 present; bits 2:1 Flush with NSID FFFFFFFFh: 0 not
        /// told, 2 not supported, 3 supported.
        vwc: u8 = [525:525],
        /// Atomic Write Unit Normal (AWUN), in logical blocks, 0's based.
        awun: u16 = [527:526],
        /// Atomic Write Unit Power Fail (AWUPF), in logical blocks, 0's based.
        awupf: u16 = [529:528],
        /// I/O Command Set Vendor Specific Command Configuration (ICSVSCC).
        icsvscc: u8 = [530:530],
        /// Namespace Write Protection Capabilities (NWPC). From 1.4.
        nwpc: u8 = [531:531],
        /// Atomic Compare & Write Unit (ACWU), in logical blocks, 0's based. From 1.1.
        acwu: u16 = [533:532],
        /// Copy Descriptor Formats Supported (CDFS). From 2.0.
        cdfs: u16 = [535:534],
        /// SGL Support (SGLS): bits 1:0 are 0 where SGLs are not supported. From 1.1.
        sgls: u32 = [539:536],
        /// Maximum Number of Allowed Namespaces (MNAN); 0 is NN. From 1.4.
        mnan: u32 = [543:540],
        /// Maximum Domain Namespace Attachments (MAXDNA). From 2.0.
        maxdna: u128 = [559:544],
        /// Maximum I/O Controller Namespace Attachments (MAXCNA). From 2.0.
        maxcna: u32 = [563:560],
        /// Optimal Aggregated Queue Depth (OAQD). From 2.1.
        oaqd: u32 = [567:564],
        /// Recommended Host-Initiated Refresh Interval (RHIRI). From 2.1.
        rhiri: u8 = [568:568],
        /// Host-Initiated Refresh Time (HIRT). From 2.1.
        hirt: u8 = [569:569],
        /// Controller Maximum Memory Range Tracking Descriptors (CMMRTD). From 2.1.
        cmmrtd: u16 = [571:570],
        /// NVM Subsystem Maximum Memory Range Tracking Descriptors (NMMRTD). From 2.1.
        nmmrtd: u16 = [573:572],
        /// Minimum Memory Range Tracking Granularity (MINMRTG). From 2.1.
        minmrtg: u8 = [574:574],
        /// Maximum Memory Range Tracking Granularity (MAXMRTG). From 2.1.
        maxmrtg: u8 = [575:575],
        /// Tracking Attributes (TRATTR). From 2.1.
        trattr: u8 = [576:576],
        /// Maximum Controller User Data Migration Queues (MCUDMQ). From 2.1.
        mcudmq: u16 = [579:578],
        /// Maximum NVM Subsystem User Data Migration Queues (MNSUDMQ). From 2.1.
        mnsudmq: u16 = [581:580],
        /// Maximum CDQ Memory Ranges (MCMR). From 2.1.
        mcmr: u16 = [583:582],
        /// NVM Subsystem Maximum CDQ Memory Ranges (NMCMR). From 2.1.
        nmcmr: u16 = [585:584],
        /// Maximum Controller Data Queue PRP Count (MCDQPC). From 2.1.
        mcdqpc: u16 = [587:586],
        /// NVM Subsystem NVMe Qualified Name (SUBNQN): UTF-8, NUL terminated. From 1.2.1.
        subnqn: Text<256> = [1023:768],
        /// I/O Queue Command Capsule Supported Size (IOCCSZ), in units of 16 bytes. Fabrics only.
        ioccsz: u32 = [1795:1792],
        /// I/O Queue Response Capsule Supported Size (IORCSZ), in units of 16 bytes. Fabrics only.
        iorcsz: u32 = [1799:1796],
        /// In Capsule Data Offset (ICDOFF), in units of 16 bytes. Fabrics only.
        icdoff: u16 = [1801:1800],
        /// Fabrics Controller Attributes (FCATT). Fabrics only.
        fcatt: u8 = [1802:1802],
        /// Maximum SGL Data Block Descriptors (MSDBD). Fabrics only.
        msdbd: u8 = [1803:1803],
        /// Optional Fabrics Commands Support (OFCS). Fabrics only.
        ofcs: u16 = [1805:1804],
        /// Discovery Controller Type (DCTYPE).
        dctype: u8 = [1806:1806],
        /// Cross-Controller Reset Limit (CCRL). From 2.3.
        ccrl: u8 = [1807:1807],
        /// Power State Descriptors (PSD0 to PSD31), 32 bytes each:
        /// [`IdentifyController::power_state`].
        psd: [u8; 1024] = [3071:2048],
        /// Vendor specific.
        vs: [u8; 1024] = [4095:3072],
    }
}

impl<B: Borrow<[u8; 4096]>> IdentifyController<B> {
    /// The power state descriptor of state `n` (0 to 31).
    pub fn power_state(&self, n: usize) -> Option<PowerState> {
        let all = self.psd();
        all.as_chunks::<32>().0.get(n).map(|bytes| PowerState(*bytes))
    }

    /// CNTLID as an identifier.
    pub fn controller(&self) -> Cntlid {
        Cntlid(self.cntlid())
    }

    /// VER as a version.
    pub fn version(&self) -> Version {
        Version::from_raw(self.ver())
    }
}
