//! One block beyond the end of a namespace can be accessed.

use crate::seam::{Bound, Defect, Scene};

pub(super) struct LbaRangeOffByOne;

impl Defect for LbaRangeOffByOne {
    fn name(&self) -> &'static str {
        "lba-range-off-by-one"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["common.lba-range"]
    }

    fn story(&self) -> &'static str {
        "The comparison of the last block with NSZE instead of NSZE - 1."
    }

    fn on_bound(&self, _: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound == Bound::Blocks { value + 1 } else { value }
    }
}
