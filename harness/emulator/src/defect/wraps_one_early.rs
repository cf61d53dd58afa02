//! A Submission Queue has one entry less than it was created with.

use spec::command::{Command, CreateIoSq};
use spec::{Entries, Sqe};

use crate::seam::{Defect, Scene};

pub(super) struct WrapsOneEarly;

impl Defect for WrapsOneEarly {
    fn name(&self) -> &'static str {
        "wraps-one-early"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["queue.wraps", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "QSIZE taken for the number of entries, and not for one less: the pointers wrap one \
         too early, and the tail of the last slot is taken for an invalid one."
    }

    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        let creates = scene.sqid.is_admin() && sqe.opcode() == CreateIoSq::OPCODE;
        if creates && CreateIoSq::project(sqe).entries > Entries(2) {
            sqe.dw[10] -= 1 << 16;
        }
    }
}
