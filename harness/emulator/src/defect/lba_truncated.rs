//! Only 8 bits of the first logical block address of a Write are used.

use spec::command::{Command, Write};

use crate::seam::{Bound, Defect, Scene};

pub(super) struct LbaTruncated;

impl Defect for LbaTruncated {
    fn name(&self) -> &'static str {
        "lba-truncated"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["data.last-written"]
    }

    fn story(&self) -> &'static str {
        "Address arithmetic in a type that is too small; on a real drive 32 bits, here as \
         few as its namespaces need."
    }

    fn on_bound(&self, scene: &mut Scene, bound: Bound, value: u64) -> u64 {
        let writes = scene.sqe.opcode() == Write::OPCODE;
        if bound == Bound::Slba && writes { value & 0xff } else { value }
    }
}
