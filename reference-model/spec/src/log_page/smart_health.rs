//! SMART / Health Information.

use bitfield_struct::bitfield;

use crate::structure::structure;

structure! {
    /// SMART / Health Information (LID 02h). Base-2.3 §5.2.12.1.3, figure 210.
    SmartHealth [512] {
        /// Critical Warning (CW): [`CriticalWarning`].
        cw: u8 = [0:0],
        /// Composite Temperature (CTEMP), in kelvins.
        ctemp: u16 = [2:1],
        /// Available Spare (AVSP), in percent.
        avsp: u8 = [3:3],
        /// Available Spare Threshold (AVSPT), in percent.
        avspt: u8 = [4:4],
        /// Percentage Used (PUSED): may exceed 100; 255 is more than 254.
        pused: u8 = [5:5],
        /// Endurance Group Critical Warning Summary (EGCWS): bit 0 spare, 2 reliability, 3 read
        /// only. From 1.4.
        egcws: u8 = [6:6],
        /// Data Units Read (DUR), in thousands of 512 bytes, rounded up; 0 is not reported, or none.
        dur: u128 = [47:32],
        /// Data Units Written (DUW), in thousands of 512 bytes, rounded up; 0 is not reported, or
        /// none.
        duw: u128 = [63:48],
        /// Host Read Commands (HRC).
        hrc: u128 = [79:64],
        /// Host Write Commands (HWC).
        hwc: u128 = [95:80],
        /// Controller Busy Time (CBT), in minutes.
        cbt: u128 = [111:96],
        /// Power Cycles (PWRC).
        pwrc: u128 = [127:112],
        /// Power On Hours (POH).
        poh: u128 = [143:128],
        /// Unexpected Power Losses (UPL), formerly Unsafe Shutdowns.
        upl: u128 = [159:144],
        /// Media and Data Integrity Errors (MDIE).
        mdie: u128 = [175:160],
        /// Number of Error Information Log Entries (NEILE), over the life of the controller.
        neile: u128 = [191:176],
        /// Warning Composite Temperature Time (WCTT), in minutes. From 1.2.
        wctt: u32 = [195:192],
        /// Critical Composite Temperature Time (CCTT), in minutes. From 1.2.
        cctt: u32 = [199:196],
        /// Temperature Sensor 1 (TSEN1), in kelvins; 0 is not implemented. From 1.2.
        tsen1: u16 = [201:200],
        /// Temperature Sensor 2 (TSEN2), in kelvins; 0 is not implemented. From 1.2.
        tsen2: u16 = [203:202],
        /// Temperature Sensor 3 (TSEN3), in kelvins; 0 is not implemented. From 1.2.
        tsen3: u16 = [205:204],
        /// Temperature Sensor 4 (TSEN4), in kelvins; 0 is not implemented. From 1.2.
        tsen4: u16 = [207:206],
        /// Temperature Sensor 5 (TSEN5), in kelvins; 0 is not implemented. From 1.2.
        tsen5: u16 = [209:208],
        /// Temperature Sensor 6 (TSEN6), in kelvins; 0 is not implemented. From 1.2.
        tsen6: u16 = [211:210],
        /// Temperature Sensor 7 (TSEN7), in kelvins; 0 is not implemented. From 1.2.
        tsen7: u16 = [213:212],
        /// Temperature Sensor 8 (TSEN8), in kelvins; 0 is not implemented. From 1.2.
        tsen8: u16 = [215:214],
        /// Thermal Management Temperature 1 Transition Count (TMT1TC). From 1.3.
        tmt1tc: u32 = [219:216],
        /// Thermal Management Temperature 2 Transition Count (TMT2TC). From 1.3.
        tmt2tc: u32 = [223:220],
        /// Total Time For Thermal Management Temperature 1 (TTTMT1), in seconds. From 1.3.
        tttmt1: u32 = [227:224],
        /// Total Time For Thermal Management Temperature 2 (TTTMT2), in seconds. From 1.3.
        tttmt2: u32 = [231:228],
        /// Operational Lifetime Energy Consumed (OLEC), in watt-hours; 0 is not reported. From 2.3.
        olec: u64 = [239:232],
        /// Interval Power Measurement (IPM): bits 15:0 value, 17:16 scale, 23:20 type. From 2.3.
        ipm: u32 = [243:240],
    }
}

impl<B: std::borrow::Borrow<[u8; 512]>> SmartHealth<B> {
    /// Temperature sensors 1 to 8 in kelvins, in their order; 0 is not implemented.
    pub fn sensors(&self) -> [u16; 8] {
        let bytes: &[u8; 512] = self.bytes();
        std::array::from_fn(|n| u16::from_le_bytes([bytes[200 + 2 * n], bytes[201 + 2 * n]]))
    }
}

impl<B: std::borrow::BorrowMut<[u8; 512]>> SmartHealth<B> {
    /// Sets temperature sensors 1 to 8 in kelvins; those not named are not implemented.
    pub fn set_sensors(&mut self, kelvins: &[u16]) {
        let bytes: &mut [u8; 512] = self.0.borrow_mut();
        let places = bytes[200..216].as_chunks_mut::<2>().0.iter_mut();
        for (n, place) in places.enumerate() {
            *place = kelvins.get(n).copied().unwrap_or(0).to_le_bytes();
        }
    }
}

/// Critical Warning (CW), and the SMART / Health Critical Warnings (SHCW) that Asynchronous Event
/// Configuration enables: one layout for both. Base-2.3 figures 210 and 409.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct CriticalWarning {
    /// Available Spare Capacity Below Threshold (ASCBT).
    pub ascbt: bool,
    /// Temperature Threshold Condition (TTC).
    pub ttc: bool,
    /// NVM Subsystem Degraded Reliability (NDR).
    pub ndr: bool,
    /// All Media Read-Only (AMRO).
    pub amro: bool,
    /// Volatile Memory Backup Failed (VMBF).
    pub vmbf: bool,
    /// Persistent Memory Region Read-Only (PMRRO). From 1.4.
    pub pmrro: bool,
    /// Indeterminate Personality State (IPS). From 2.3.
    pub ips: bool,
    __: bool,
}
