//! A Submission Queue posts to the Completion Queue of its own number.

use spec::Sqe;
use spec::command::{Command, CreateIoSq};

use crate::seam::{Defect, Scene};

pub(super) struct CompletionsBySubmissionQueue;

impl Defect for CompletionsBySubmissionQueue {
    fn name(&self) -> &'static str {
        "completions-by-submission-queue"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["queue.independent-identifiers", "queue.shared-cq", "create-io-sq.succeeds"]
    }

    fn story(&self) -> &'static str {
        "Queues kept as pairs, because every host at hand made pairs: the CQID of Create I/O \
         Submission Queue is not looked at."
    }

    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        if scene.sqid.is_admin() && sqe.opcode() == CreateIoSq::OPCODE {
            let qid = CreateIoSq::project(sqe).qid;
            sqe.dw[11] = sqe.dw[11] & 0xffff | u32::from(qid.0) << 16;
        }
    }
}
