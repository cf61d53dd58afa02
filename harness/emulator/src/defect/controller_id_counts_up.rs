//! Identify Controller tells another controller identifier each time.

use spec::Cns;

use super::identifies;
use crate::seam::{Defect, Scene};

pub(super) struct ControllerIdCountsUp;

impl Defect for ControllerIdCountsUp {
    fn name(&self) -> &'static str {
        "controller-id-counts-up"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["controller.own-cntlid"]
    }

    fn story(&self) -> &'static str {
        "NVMeVirt counts a variable up in the routine that makes the structure."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        if identifies(scene, Cns::IDENTIFY_CONTROLLER) {
            data[78] = data[78].wrapping_add(scene.notes[0] as u8);
            scene.notes[0] += 1;
        }
    }
}
