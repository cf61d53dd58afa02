//! SQHD is one slot too far.

use crate::seam::{Defect, Posting, Scene};

pub(super) struct SqhdBeyondTail;

impl Defect for SqhdBeyondTail {
    fn name(&self) -> &'static str {
        "sqhd-beyond-tail"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["cqe.sqhd"]
    }

    fn story(&self) -> &'static str {
        "The head pointer incremented before it is reported as well as after: the host \
         then overwrites a command that was not fetched."
    }

    fn on_cqe(&self, _: &mut Scene, posting: &mut Posting) {
        let dw2 = posting.cqe.dw[2];
        posting.cqe.dw[2] = dw2 & 0xffff_0000 | (dw2 + 1) & 0xffff;
    }
}
