//! A Write begins one block before the one that it names.

use spec::command::{Command, Write};

use crate::seam::{Bound, Defect, Scene};

pub(super) struct WriteBeginsEarly;

impl Defect for WriteBeginsEarly {
    fn name(&self) -> &'static str {
        "write-begins-early"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["data.neighbours", "data.last-written"]
    }

    fn story(&self) -> &'static str {
        "A header of one block accounted for in one direction only."
    }

    fn on_bound(&self, scene: &mut Scene, bound: Bound, value: u64) -> u64 {
        let writes = !scene.sqid.is_admin() && scene.sqe.opcode() == Write::OPCODE;
        if bound == Bound::Slba && writes { value.saturating_sub(1) } else { value }
    }
}
