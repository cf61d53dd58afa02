//! A queue of as many entries as CAP.MQES says is refused.

use spec::command::{Command, CreateIoCq, CreateIoSq};
use spec::{Entries, Status};

use crate::config::Config;
use crate::seam::{Check, Defect, Scene};

/// As many as the controller says that it supports.
const ENTRIES: u32 = 1024;

/// In which kind of queue the check is off by one.
pub(super) enum LargestQueueRefused {
    Completion,
    Submission,
}

impl Defect for LargestQueueRefused {
    fn name(&self) -> &'static str {
        match self {
            Self::Completion => "largest-completion-queue-refused",
            Self::Submission => "largest-submission-queue-refused",
        }
    }

    fn breaks(&self) -> &'static [&'static str] {
        match self {
            Self::Completion => &["create-io-cq.qsize-mqes-legal", "create-io-cq.succeeds"],
            Self::Submission => &["create-io-sq.qsize-mqes-legal", "create-io-sq.succeeds"],
        }
    }

    fn story(&self) -> &'static str {
        "CAP.MQES and QSIZE are both 0's based; a check that adds one to only one of them is \
         off by one."
    }

    fn configure(&self, config: &mut Config) {
        config.max_queue_entries = ENTRIES;
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let (opcode, entries) = match self {
            Self::Completion => (CreateIoCq::OPCODE, CreateIoCq::project(scene.sqe).entries),
            Self::Submission => (CreateIoSq::OPCODE, CreateIoSq::project(scene.sqe).entries),
        };
        let creates = scene.sqid.is_admin() && scene.sqe.opcode() == opcode;
        let wrong = creates && check == Check::QueueSize && entries == Entries(ENTRIES);
        found.or(wrong.then_some(Status::INVALID_QUEUE_SIZE))
    }
}
