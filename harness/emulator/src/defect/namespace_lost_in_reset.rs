//! After every other reset of a controller no namespace is attached to it.

use spec::Cns;

use super::identifies;
use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct NamespaceLostInReset;

impl Defect for NamespaceLostInReset {
    fn name(&self) -> &'static str {
        "namespace-lost-in-reset"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["reset.attachments-kept"]
    }

    fn story(&self) -> &'static str {
        "Attachments in one of two banks, of which each start takes the next."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let lost = !scene.notes[scene.ctrl % 8].is_multiple_of(2);
        if lost && identifies(scene, Cns::ACTIVE_NAMESPACE_ID_LIST) {
            data.fill(0);
        }
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        scene.notes[scene.ctrl % 8] += 1;
    }
}
