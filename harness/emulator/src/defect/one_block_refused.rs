//! A Read or Write of one block is refused: NLB is taken for the number of blocks.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct OneBlockRefused;

impl Defect for OneBlockRefused {
    fn name(&self) -> &'static str {
        "one-block-refused"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["common.nlb", "common.last-lba"]
    }

    fn story(&self) -> &'static str {
        "NLB is 0's based; a check for at least one block that forgets it refuses the \
         smallest transfer there is."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let none = !scene.sqid.is_admin() && scene.sqe.dw[12] & 0xffff == 0;
        found.or((none && check == Check::Mdts).then_some(Status::INVALID_FIELD_IN_COMMAND))
    }
}
