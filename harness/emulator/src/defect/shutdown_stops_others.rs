//! When one controller is shut down, the others fetch no commands any more.

use spec::register::{CC, Cc};

use crate::config::Config;
use crate::seam::{Defect, ResetWork, Scene, Unit};

pub(super) struct ShutdownStopsOthers;

impl Defect for ShutdownStopsOthers {
    fn name(&self) -> &'static str {
        "shutdown-stops-others"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["controller.own-shutdown", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "A shutdown that stops the back end, which the controllers share."
    }

    fn configure(&self, config: &mut Config) {
        config.controllers = config.controllers.max(2);
    }

    fn on_reg_write(&self, scene: &mut Scene, offset: u32, value: u32) -> Option<u32> {
        if offset == CC && Cc::from_bits(value).shn() != 0 {
            scene.notes[0] = scene.ctrl as u64 + 1;
        }
        Some(value)
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        if scene.notes[0] == scene.ctrl as u64 + 1 {
            scene.notes[0] = 0;
        }
    }

    fn next_work(&self, scene: &mut Scene, unit: Unit) -> Unit {
        let by_another = scene.notes[0] != 0 && scene.notes[0] != scene.ctrl as u64 + 1;
        if by_another && matches!(unit, Unit::Fetch(_)) { Unit::Nothing } else { unit }
    }
}
