//! The second page is taken to follow the first in memory.

use crate::seam::{Bound, Defect, Scene};

pub(super) struct Prp2Ignored;

impl Defect for Prp2Ignored {
    fn name(&self) -> &'static str {
        "prp2-ignored"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["prp.prp2-page", "prp.prp2-list", "dma.write-within-prps", "data.last-written"]
    }

    fn story(&self) -> &'static str {
        "Firmware tested with hosts whose buffers happen to be physically contiguous."
    }

    fn on_bound(&self, scene: &mut Scene, bound: Bound, value: u64) -> u64 {
        match bound {
            Bound::Prp2 => (scene.sqe.prp1().0 & !0xfff).wrapping_add(0x1000),
            _ => value,
        }
    }
}
