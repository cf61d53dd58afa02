//! Queues of two entries are refused.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct TwoSlotsRefused;

impl Defect for TwoSlotsRefused {
    fn name(&self) -> &'static str {
        "two-slots-refused"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["queue.two-slots", "create-io-cq.succeeds"]
    }

    fn story(&self) -> &'static str {
        "A check that takes QSIZE for the number of entries and refuses 1 as it should refuse \
         0."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let wrong = check == Check::QueueSize && scene.sqe.dw[10] >> 16 == 1;
        found.or(wrong.then_some(Status::INVALID_QUEUE_SIZE))
    }
}
