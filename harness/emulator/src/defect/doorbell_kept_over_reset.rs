//! The tail doorbell of the admin queue keeps its value over a Controller Reset, and a write of that value
//! changes nothing.

use log::ResetKind;
use spec::register::{DoorbellKind, doorbell_at};

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct DoorbellKeptOverReset;

impl Defect for DoorbellKeptOverReset {
    fn name(&self) -> &'static str {
        "doorbell-kept-over-reset"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["queue.doorbells-reset", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "Doorbells in a block that looks for changes and that only power on clears: the next driver waits \
         for its first command, if the one before left off after as many."
    }

    fn on_reg_write(&self, scene: &mut Scene, offset: u32, value: u32) -> Option<u32> {
        if doorbell_at(offset, 0) != Some((DoorbellKind::SqTail, 0)) {
            return Some(value);
        }
        let kept = &mut scene.notes[scene.ctrl % 8];
        let changes = *kept != u64::from(value);
        *kept = value.into();
        changes.then_some(value)
    }

    fn on_reset(&self, scene: &mut Scene, work: &mut ResetWork) {
        if work.kind != ResetKind::Controller {
            scene.notes[scene.ctrl % 8] = 0;
        }
    }
}
