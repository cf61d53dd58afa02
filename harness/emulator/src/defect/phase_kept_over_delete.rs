//! A queue pair created again begins with the phase tag that the one before would have had next.

use spec::Sqe;
use spec::command::{Command, DeleteIoCq};

use crate::seam::{Defect, Posting, ResetWork, Scene};

pub(super) struct PhaseKeptOverDelete;

impl Defect for PhaseKeptOverDelete {
    fn name(&self) -> &'static str {
        "phase-kept-over-delete"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["cqe.phase-of-new-queue", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "The phase in a table by queue identifier, which only a reset initializes."
    }

    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        if scene.sqid.is_admin() && sqe.opcode() == DeleteIoCq::OPCODE {
            let qid = u32::from(DeleteIoCq::project(sqe).qid.0);
            scene.notes[scene.ctrl % 8] ^= 1u64.checked_shl(qid).unwrap_or(0);
        }
    }

    fn on_cqe(&self, scene: &mut Scene, posting: &mut Posting) {
        // Queues of a pair have the same identifier, nearly always.
        let bit = 1u64.checked_shl(scene.sqid.0.into()).unwrap_or(0);
        if scene.notes[scene.ctrl % 8] & bit != 0 {
            posting.cqe = posting.cqe.with_phase(!posting.cqe.phase());
        }
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        scene.notes[scene.ctrl % 8] = 0;
    }
}
