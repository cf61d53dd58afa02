//! A completion for which there is no room is dropped.

use crate::config::Config;
use crate::seam::{Bound, Defect, Posting, Scene};

pub(super) struct CompletionLostWhenCqFull;

impl Defect for CompletionLostWhenCqFull {
    fn name(&self) -> &'static str {
        "completion-lost-when-cq-full"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "A posting routine that returns early on a full queue and whose caller does not \
         look: the command times out."
    }

    fn configure(&self, config: &mut Config) {
        config.policy.overcommit = true;
    }

    fn on_bound(&self, scene: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound == Bound::CqFree {
            scene.notes[0] = u64::from(value == 0);
            return value.max(1);
        }
        value
    }

    fn on_cqe(&self, scene: &mut Scene, posting: &mut Posting) {
        if scene.notes[0] != 0 {
            posting.copies = 0;
        }
    }
}
