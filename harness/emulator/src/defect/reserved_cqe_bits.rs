//! Dword 1 of completions is not cleared.

use crate::seam::{Defect, Posting, Scene};

pub(super) struct ReservedCqeBits;

impl Defect for ReservedCqeBits {
    fn name(&self) -> &'static str {
        "reserved-cqe-bits"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["cqe.reserved-dwords"]
    }

    fn story(&self) -> &'static str {
        "A CQE built in a buffer that held something else: reserved dwords carry old \
         bytes."
    }

    fn on_cqe(&self, scene: &mut Scene, posting: &mut Posting) {
        posting.cqe.dw[1] = scene.sqe.dw[10] | 1;
    }
}
