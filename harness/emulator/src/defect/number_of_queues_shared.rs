//! The number of queues can be set by one controller of the subsystem only.

use spec::Status;

use crate::config::Config;
use crate::seam::{Check, Defect, ResetWork, Scene};

pub(super) struct NumberOfQueuesShared;

impl Defect for NumberOfQueuesShared {
    fn name(&self) -> &'static str {
        "number-of-queues-shared"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["controller.own-number-of-queues", "number-of-queues.dw0"]
    }

    fn story(&self) -> &'static str {
        "The allocation of queues kept once for the subsystem: the driver of the second \
         function is told that it comes too late."
    }

    fn configure(&self, config: &mut Config) {
        config.controllers = config.controllers.max(2);
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        if check != Check::QueueCountTime || found.is_some() {
            return found;
        }
        let own = scene.ctrl as u64 + 1;
        let late = scene.notes[0] != 0 && scene.notes[0] != own;
        if !late {
            scene.notes[0] = own;
        }
        late.then_some(Status::COMMAND_SEQUENCE_ERROR)
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        if scene.notes[0] == scene.ctrl as u64 + 1 {
            scene.notes[0] = 0;
        }
    }
}
