//! A Submission Queue of as many entries as CAP.MQES says is refused.

use spec::command::{Command, CreateIoSq};
use spec::{Entries, Status};

use crate::config::Config;
use crate::seam::{Check, Defect, Scene};

/// As many as the controller says that it supports.
const ENTRIES: u32 = 1024;

pub(super) struct LargestSubmissionQueueRefused;

impl Defect for LargestSubmissionQueueRefused {
    fn name(&self) -> &'static str {
        "largest-submission-queue-refused"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["create-io-sq.qsize-mqes-legal", "create-io-sq.succeeds"]
    }

    fn story(&self) -> &'static str {
        "CAP.MQES and QSIZE are both 0's based; a check that adds one to only one of them is \
         off by one."
    }

    fn configure(&self, config: &mut Config) {
        config.max_queue_entries = ENTRIES;
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let creates = scene.sqid.is_admin() && scene.sqe.opcode() == CreateIoSq::OPCODE;
        let wrong = creates
            && check == Check::QueueSize
            && CreateIoSq::project(scene.sqe).entries == Entries(ENTRIES);
        found.or(wrong.then_some(Status::INVALID_QUEUE_SIZE))
    }
}
