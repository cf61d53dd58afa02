//! The admin Completion Queue goes on with the phase tag that it had before a reset.

use crate::seam::{Defect, Posting, ResetWork, Scene};

pub(super) struct PhaseKeptOverReset;

impl Defect for PhaseKeptOverReset {
    fn name(&self) -> &'static str {
        "phase-kept-over-reset"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["reset.phase-restarts", "cqe.phase", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "A reset that clears the pointers of the queues and forgets their phase tags: the \
         first completion after it is never seen, if the reset came in an odd pass."
    }

    fn on_cqe(&self, scene: &mut Scene, posting: &mut Posting) {
        if scene.ctrl != 0 || !scene.sqid.is_admin() {
            return;
        }
        let phase = posting.cqe.phase() ^ (scene.notes[1] != 0);
        scene.notes[0] = u64::from(!phase);
        posting.cqe = posting.cqe.with_phase(phase);
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        if scene.ctrl == 0 {
            // The first of the new queue is as the last of the old one.
            scene.notes[1] = scene.notes[0];
        }
    }
}
