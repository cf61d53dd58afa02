//! The number of queues can be set in one life of the controller only.

use spec::Status;

use crate::seam::{Check, Defect, ResetWork, Scene};

/// Bits of the notes of a controller.
const SET: u64 = 1;
const SET_BEFORE_RESET: u64 = 2;

pub(super) struct QueueCountOnceEver;

impl Defect for QueueCountOnceEver {
    fn name(&self) -> &'static str {
        "queue-count-once-ever"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["number-of-queues.again-after-reset", "reset.number-of-queues", "number-of-queues.dw0"]
    }

    fn story(&self) -> &'static str {
        "A state of the start-up that is left once, and that the reset does not go back to."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        if check != Check::QueueCountTime {
            return found;
        }
        let notes = &mut scene.notes[scene.ctrl % 8];
        *notes |= SET;
        let late = *notes & SET_BEFORE_RESET != 0;
        found.or(late.then_some(Status::COMMAND_SEQUENCE_ERROR))
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        let notes = &mut scene.notes[scene.ctrl % 8];
        if *notes & SET != 0 {
            *notes |= SET_BEFORE_RESET;
        }
    }
}
