//! A first PRP entry with an offset into its page is refused.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct Prp1OffsetRefused;

impl Defect for Prp1OffsetRefused {
    fn name(&self) -> &'static str {
        "prp1-offset-refused"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["prp.prp1-offset-legal", "common.last-lba"]
    }

    fn story(&self) -> &'static str {
        "A data path that was only ever given whole pages by its first driver; direct I/O from \
         buffers that are aligned to sectors fails."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let offset = scene.sqe.prp1().0 & 0xffc;
        let wrong = check == Check::PrpOffset && !scene.sqid.is_admin() && offset != 0;
        found.or(wrong.then_some(Status::PRP_OFFSET_INVALID))
    }
}
