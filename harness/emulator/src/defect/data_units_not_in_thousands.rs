//! SMART counts units of 512 bytes, not thousands of them.

use crate::seam::{Bound, Defect, Scene};

pub(super) struct DataUnitsNotInThousands;

impl Defect for DataUnitsNotInThousands {
    fn name(&self) -> &'static str {
        "data-units-not-in-thousands"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["smart.data-units"]
    }

    fn story(&self) -> &'static str {
        "One of the oldest bugs of SMART pages: every tool shows the drive worn a thousand times."
    }

    fn on_bound(&self, _: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound == Bound::DataUnits { value.saturating_mul(1000) } else { value }
    }
}
