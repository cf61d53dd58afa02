//! Deleting the admin queues succeeds (and does nothing).

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct QueueZeroDeletable;

impl Defect for QueueZeroDeletable {
    fn name(&self) -> &'static str {
        "queue-zero-deletable"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["delete-io-sq.qid", "delete-io-cq.qid"]
    }

    fn story(&self) -> &'static str {
        "A queue table where the admin queue is entry 0 like any other."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        match check {
            Check::QidExists if scene.sqe.dw[10] & 0xffff == 0 => {
                found.map(|_| Status::SUCCESSFUL_COMPLETION)
            }
            _ => found,
        }
    }
}
