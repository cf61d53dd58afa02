//! Abort reports success whatever it did.

use spec::command::{Abort, Command};

use crate::seam::{Defect, Posting, Scene};

pub(super) struct AbortLies;

impl Defect for AbortLies {
    fn name(&self) -> &'static str {
        "abort-lies"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["abort.not-aborted", "abort.sqid-unknown"]
    }

    fn story(&self) -> &'static str {
        "The opposite of the usual short cut (QEMU 7.2 answers every Abort with not \
         aborted)."
    }

    fn on_cqe(&self, scene: &mut Scene, posting: &mut Posting) {
        if scene.sqid.is_admin() && scene.sqe.opcode() == Abort::OPCODE {
            posting.cqe.dw[0] &= !1;
        }
    }
}
