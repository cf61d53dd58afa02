//! The last entry but one of a PRP list page is taken for the pointer to the next page.

use crate::seam::{Bound, Defect, Scene};

pub(super) struct PrpListOffByOne;

impl Defect for PrpListOffByOne {
    fn name(&self) -> &'static str {
        "prp-list-off-by-one"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["prp.list-chained", "prp.list-last-slot", "dma.write-within-prps", "data.last-written"]
    }

    fn story(&self) -> &'static str {
        "Linux has a quirk for controllers that go wrong near the end of a small PRP list \
         (NVME_QUIRK_DMAPOOL_ALIGN_512)."
    }

    fn on_bound(&self, _: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound == Bound::ListEntries { value.saturating_sub(1).max(1) } else { value }
    }
}
