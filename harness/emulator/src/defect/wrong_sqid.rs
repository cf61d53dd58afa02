//! SQID is 0 in the completions of I/O queues.

use crate::seam::{Defect, Posting, Scene};

pub(super) struct WrongSqid;

impl Defect for WrongSqid {
    fn name(&self) -> &'static str {
        "wrong-sqid"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["cqe.identifiers", "queue.shared-cq"]
    }

    fn story(&self) -> &'static str {
        "The queue identifier left out of the entry: harmless for a host with one \
         Submission Queue on each Completion Queue."
    }

    fn on_cqe(&self, _: &mut Scene, posting: &mut Posting) {
        posting.cqe.dw[2] &= 0xffff;
    }
}
