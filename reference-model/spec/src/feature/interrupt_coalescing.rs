//! Interrupt Coalescing (FID 08h). Base-2.3 §5.2.26.2.2, figure 474.

use bitfield_struct::bitfield;

/// Dword 11 of Set Features, and dword 0 of the completion of Get Features.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct InterruptCoalescing {
    /// Aggregation Threshold (THR): completion queue entries for each interrupt, 0's based.
    pub thr_z: u8,
    /// Aggregation Time (TIME), in units of 100 microseconds; 0 is no delay.
    pub time: u8,
    __: u16,
}
