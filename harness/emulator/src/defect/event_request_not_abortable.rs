//! Abort of an Asynchronous Event Request is refused.

use spec::Sqe;
use spec::Status;
use spec::command::{Abort, AsyncEventRequest, Command};

use crate::seam::{Check, Defect, Scene};

pub(super) struct EventRequestNotAbortable;

impl Defect for EventRequestNotAbortable {
    fn name(&self) -> &'static str {
        "event-request-not-abortable"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["abort.async-event-request", "abort.not-aborted"]
    }

    fn story(&self) -> &'static str {
        "Outstanding requests are no entries of the table of commands; Abort finds something \
         there and does not know what to do."
    }

    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        if scene.sqid.is_admin() && sqe.opcode() == AsyncEventRequest::OPCODE {
            scene.notes[0] = u64::from(sqe.cid().0) + 1;
        }
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let aborts = scene.sqid.is_admin() && scene.sqe.opcode() == Abort::OPCODE;
        let cmd = Abort::project(scene.sqe);
        let request = cmd.sqid.is_admin() && u64::from(cmd.cid.0) + 1 == scene.notes[0];
        let wrong = aborts && request && check == Check::Psdt;
        found.or(wrong.then_some(Status::INVALID_FIELD_IN_COMMAND))
    }
}
