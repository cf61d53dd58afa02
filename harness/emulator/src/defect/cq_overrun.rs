//! A full Completion Queue is written to all the same.

use crate::config::Config;
use crate::seam::{Bound, Defect, Scene};

pub(super) struct CqOverrun;

impl Defect for CqOverrun {
    fn name(&self) -> &'static str {
        "cq-overrun"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["queue.full-cq-waits", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "A controller that never looks at the head doorbell: correct as long as the host \
         is fast enough."
    }

    fn configure(&self, config: &mut Config) {
        config.policy.overcommit = true;
    }

    fn on_bound(&self, _: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound == Bound::CqFree { value.max(1) } else { value }
    }
}
