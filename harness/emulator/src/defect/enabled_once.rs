//! The controller becomes ready once, and never again after a Controller Reset.

use log::ResetKind;
use spec::register::CSTS;

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct EnabledOnce;

impl Defect for EnabledOnce {
    fn name(&self) -> &'static str {
        "enabled-once"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["ready.repeatable", "ready.enable", "ready.rises-in-time"]
    }

    fn story(&self) -> &'static str {
        "Initialisation that leaves a flag behind: the host's first driver works, its crash \
         kernel finds no disk."
    }

    fn on_reg_read(&self, scene: &mut Scene, offset: u32, value: u32) -> u32 {
        if offset == CSTS && scene.notes[scene.ctrl % 8] != 0 { value & !1 } else { value }
    }

    fn on_reset(&self, scene: &mut Scene, work: &mut ResetWork) {
        scene.notes[scene.ctrl % 8] = u64::from(work.kind == ResetKind::Controller);
    }
}
