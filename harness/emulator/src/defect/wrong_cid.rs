//! The command identifier is echoed without its high bits.

use crate::seam::{Defect, Posting, Scene};

pub(super) struct WrongCid;

impl Defect for WrongCid {
    fn name(&self) -> &'static str {
        "wrong-cid"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["cqe.identifiers", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "Apple's controllers echo the identifier only as far as their tags go: Linux \
         keeps its counter out of it (NVME_QUIRK_SKIP_CID_GEN)."
    }

    fn on_cqe(&self, _: &mut Scene, posting: &mut Posting) {
        posting.cqe.dw[3] &= !0xfff8;
    }
}
