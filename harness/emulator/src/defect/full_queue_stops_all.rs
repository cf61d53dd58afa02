//! Nothing is completed any more while one Completion Queue is full.

use crate::config::Config;
use crate::seam::{Bound, Defect, Scene, Unit};

pub(super) struct FullQueueStopsAll;

impl Defect for FullQueueStopsAll {
    fn name(&self) -> &'static str {
        "full-queue-stops-all"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["queue.full-cq-spares-others", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "One list of completions for all queues, posted in order: a host thread that does not \
         look at its queue stops those of all others."
    }

    fn configure(&self, config: &mut Config) {
        config.policy.overcommit = true;
    }

    fn on_bound(&self, scene: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound == Bound::CqFree && value == 0 {
            scene.notes[0] = 1;
        }
        value
    }

    fn next_work(&self, scene: &mut Scene, unit: Unit) -> Unit {
        let full = std::mem::take(&mut scene.notes[0]) != 0;
        if full && matches!(unit, Unit::Post(_)) { Unit::Nothing } else { unit }
    }
}
