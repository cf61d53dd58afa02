//! Abort finds the event requests of other controllers, and says that it aborted them.

use spec::Sqe;
use spec::command::{Abort, AsyncEventRequest, Command};

use crate::config::Config;
use crate::seam::{Defect, Posting, Scene};

pub(super) struct AbortReachesOthers;

impl Defect for AbortReachesOthers {
    fn name(&self) -> &'static str {
        "abort-reaches-others"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["controller.own-abort", "abort.not-aborted"]
    }

    fn story(&self) -> &'static str {
        "A table of commands by queue and identifier, without the controller; two functions \
         with drivers of the same kind use the same numbers."
    }

    fn configure(&self, config: &mut Config) {
        config.controllers = config.controllers.max(2);
    }

    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        if scene.sqid.is_admin() && sqe.opcode() == AsyncEventRequest::OPCODE {
            scene.notes[scene.ctrl % 8] = u64::from(sqe.cid().0) + 1;
        }
    }

    fn on_cqe(&self, scene: &mut Scene, posting: &mut Posting) {
        if !scene.sqid.is_admin() || scene.sqe.opcode() != Abort::OPCODE {
            return;
        }
        let cmd = Abort::project(scene.sqe);
        let named = u64::from(cmd.cid.0) + 1;
        let mut requests = scene.notes.iter().enumerate();
        let found = requests.any(|(ctrl, cid)| ctrl != scene.ctrl % 8 && *cid == named);
        if cmd.sqid.is_admin() && found {
            posting.cqe.dw[0] &= !1;
        }
    }
}
