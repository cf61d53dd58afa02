//! A PRP list is read from the beginning of its page.

use crate::seam::{Bound, Defect, Scene};

pub(super) struct ListOffsetDropped;

impl Defect for ListOffsetDropped {
    fn name(&self) -> &'static str {
        "list-offset-dropped"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &[
            "prp.list-offset-legal",
            "prp.list-chained",
            "common.last-lba",
            "dma.none-after-completion",
        ]
    }

    fn story(&self) -> &'static str {
        "The pointer in PRP2 masked to a page, as every other entry is; drivers that carve \
         small lists out of one page read and write somewhere else."
    }

    fn on_bound(&self, scene: &mut Scene, bound: Bound, value: u64) -> u64 {
        let io = !scene.sqid.is_admin();
        if bound == Bound::Prp2 && io { value & !0xfff } else { value }
    }
}
