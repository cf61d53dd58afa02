//! An event that was reported holds back those of all types, until a log page is read.

use spec::Sqe;
use spec::command::{Command, GetLogPage};

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct EventTypesMaskedTogether;

impl Defect for EventTypesMaskedTogether {
    fn name(&self) -> &'static str {
        "event-types-masked-together"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["async-event.masked-by-type", "async-event.queued"]
    }

    fn story(&self) -> &'static str {
        "One flag where there is one for each type."
    }

    fn on_event(&self, scene: &mut Scene, masked: bool) -> bool {
        let reported = &mut scene.notes[scene.ctrl % 8];
        let held = masked || *reported != 0;
        if !held {
            *reported = 1;
        }
        held
    }

    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        let reads = scene.sqid.is_admin() && sqe.opcode() == GetLogPage::OPCODE;
        if reads && !GetLogPage::project(sqe).rae {
            scene.notes[scene.ctrl % 8] = 0;
        }
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        scene.notes[scene.ctrl % 8] = 0;
    }
}
