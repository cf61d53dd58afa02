//! A reset of one controller deletes the I/O queues of the others.

use crate::config::Config;
use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct ResetHarmsOthers;

impl Defect for ResetHarmsOthers {
    fn name(&self) -> &'static str {
        "reset-harms-others"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &[
            "controller.own-reset",
            "controller.own-queues",
            "controller.own-state",
            "queue.owed-completion",
        ]
    }

    fn story(&self) -> &'static str {
        "A queue table that belongs to the subsystem instead of the controller."
    }

    fn configure(&self, config: &mut Config) {
        config.controllers = config.controllers.max(2);
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.harms_others = true;
    }
}
