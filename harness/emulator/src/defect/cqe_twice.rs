//! Every eighth completion is posted twice.

use crate::seam::{Defect, Posting, Scene};

pub(super) struct CqeTwice;

impl Defect for CqeTwice {
    fn name(&self) -> &'static str {
        "cqe-twice"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["queue.command-executed-once", "cqe.once", "queue.cqe-slot-order"]
    }

    fn story(&self) -> &'static str {
        "Controllers that completed a command twice made Linux put a generation counter \
         into its command identifiers."
    }

    fn on_cqe(&self, scene: &mut Scene, posting: &mut Posting) {
        scene.notes[0] += 1;
        if scene.notes[0].is_multiple_of(8) {
            posting.copies = 2;
        }
    }
}
