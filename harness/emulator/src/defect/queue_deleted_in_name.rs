//! Delete I/O Submission Queue is answered, and the queue goes on.

use spec::Status;
use spec::command::{Command, DeleteIoSq};

use crate::seam::{Check, Defect, Scene};

pub(super) struct QueueDeletedInName;

impl Defect for QueueDeletedInName {
    fn name(&self) -> &'static str {
        "queue-deleted-in-name"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["delete-io-sq.no-later-cqe"]
    }

    fn story(&self) -> &'static str {
        "Answered before the queue has stopped: a driver that frees its memory is written to."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let deletes = scene.sqid.is_admin() && scene.sqe.opcode() == DeleteIoSq::OPCODE;
        let here = deletes && check == Check::QidExists;
        found.or(here.then_some(Status::SUCCESSFUL_COMPLETION))
    }
}
