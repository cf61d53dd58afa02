//! A reset leaves the I/O queues as they are.

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct ResetKeepsQueues;

impl Defect for ResetKeepsQueues {
    fn name(&self) -> &'static str {
        "reset-keeps-queues"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &[
            "reset.queues-deleted",
            "reset.only-admin-queue",
            "reset.stops-everything",
            "create-io-cq.succeeds",
        ]
    }

    fn story(&self) -> &'static str {
        "A Controller Reset that clears the admin queue and forgets the others: they \
         write to freed memory."
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.deletes_queues = false;
    }
}
