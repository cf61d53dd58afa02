//! A second Completion Queue on a vector is refused.

use spec::command::{Command, CreateIoCq, DeleteIoCq};
use spec::{Qid, Sqe, Status};

use crate::seam::{Check, Defect, ResetWork, Scene};

/// Where the notes keep the vector of a queue: which word, and how far up in it.
fn place(qid: Qid) -> (usize, u32) {
    (usize::from(qid.0 / 8 % 8), u32::from(qid.0 % 8) * 8)
}

pub(super) struct SharedVectorRefused;

impl Defect for SharedVectorRefused {
    fn name(&self) -> &'static str {
        "shared-vector-refused"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["interrupt.shared-vector", "create-io-cq.succeeds"]
    }

    fn story(&self) -> &'static str {
        "A vector table that has room for one Completion Queue: hosts with fewer vectors than \
         queues get no further."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        if check != Check::Vector || scene.ctrl != 0 {
            return found;
        }
        let cmd = CreateIoCq::project(scene.sqe);
        let (place, shift) = place(cmd.qid);
        // The vector of each queue, and one more, in one byte.
        let wanted = u64::from(cmd.iv) + 1;
        let bytes = scene.notes.iter().flat_map(|word| word.to_le_bytes());
        let taken = cmd.ien && bytes.into_iter().any(|byte| u64::from(byte) == wanted);
        if cmd.ien && !taken {
            scene.notes[place] |= wanted << shift;
        }
        found.or(taken.then_some(Status::INVALID_INTERRUPT_VECTOR))
    }

    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        if scene.ctrl == 0 && scene.sqid.is_admin() && sqe.opcode() == DeleteIoCq::OPCODE {
            let (place, shift) = place(DeleteIoCq::project(sqe).qid);
            scene.notes[place] &= !(0xff << shift);
        }
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        if scene.ctrl == 0 {
            scene.notes.fill(0);
        }
    }
}
