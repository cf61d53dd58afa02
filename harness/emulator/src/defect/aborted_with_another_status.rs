//! A command that was aborted says that its queue was deleted.

use spec::{Cqe, Status};

use crate::seam::{Defect, Posting, Scene};

pub(super) struct AbortedWithAnotherStatus;

impl Defect for AbortedWithAnotherStatus {
    fn name(&self) -> &'static str {
        "aborted-with-another-status"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["abort.victim-status"]
    }

    fn story(&self) -> &'static str {
        "One path for all commands that end without having run, with the status of the first that needed it."
    }

    fn on_cqe(&self, _: &mut Scene, posting: &mut Posting) {
        let cqe = posting.cqe;
        if cqe.status() == Status::COMMAND_ABORT_REQUESTED {
            let status = Status::COMMAND_ABORTED_DUE_TO_SQ_DELETION;
            let told = Cqe::new(cqe.dw0(), cqe.sqid(), cqe.sqhd(), cqe.cid(), status, false);
            posting.cqe = told.with_phase(cqe.phase());
        }
    }
}
