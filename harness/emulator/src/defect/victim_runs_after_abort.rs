//! A command whose abort was reported runs all the same.

use crate::config::Config;
use crate::seam::{Bound, Defect, Scene};

pub(super) struct VictimRunsAfterAbort;

impl Defect for VictimRunsAfterAbort {
    fn name(&self) -> &'static str {
        "victim-runs-after-abort"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["abort.no-effect"]
    }

    fn story(&self) -> &'static str {
        "Abort that completes the victim in the queue logic while the back end still \
         works on it."
    }

    fn configure(&self, config: &mut Config) {
        config.io_latency_ns = config.io_latency_ns.max(50_000);
    }

    fn on_bound(&self, _: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound == Bound::VictimRuns { 1 } else { value }
    }
}
