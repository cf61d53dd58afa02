//! Create I/O Submission Queue is refused if QPRIO is not 0, although the arbitration is round robin.

use spec::Status;
use spec::command::{Command, CreateIoSq};

use crate::seam::{Check, Defect, Scene};

pub(super) struct QprioChecked;

impl Defect for QprioChecked {
    fn name(&self) -> &'static str {
        "qprio-checked"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["create-io-sq.qprio-ignored", "create-io-sq.succeeds"]
    }

    fn story(&self) -> &'static str {
        "Firmware without weighted round robin that takes the priority of a queue for a reserved \
         field and checks it; drivers that always ask for a priority find no queues."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let creates = scene.sqe.opcode() == CreateIoSq::OPCODE && scene.sqid.is_admin();
        let wrong =
            creates && check == Check::EntrySize && CreateIoSq::project(scene.sqe).qprio != 0;
        found.or(wrong.then_some(Status::INVALID_FIELD_IN_COMMAND))
    }
}
