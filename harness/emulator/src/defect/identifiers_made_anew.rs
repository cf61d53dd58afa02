//! Identifiers are other ones after each reset.

use spec::Cns;
use spec::identify::{IdentifyController, IdentifyNamespace};

use super::identifies;
use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct IdentifiersMadeAnew;

impl Defect for IdentifiersMadeAnew {
    fn name(&self) -> &'static str {
        "identifiers-made-anew"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["identify-descriptors.constant", "identify-controller.fguid"]
    }

    fn story(&self) -> &'static str {
        "Identifiers made of random numbers at each start: Linux has a quirk for controllers whose \
         identifiers are not to be believed (NVME_QUIRK_BOGUS_NID)."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let life = scene.notes[0] as u8;
        if identifies(scene, Cns::IDENTIFY_NAMESPACE)
            && let Some(bytes) = data.first_chunk_mut()
        {
            let mut ns: IdentifyNamespace = IdentifyNamespace(*bytes);
            let mut nguid = ns.nguid();
            nguid[15] ^= life;
            ns.set().nguid(nguid);
            *bytes = ns.0;
        }
        if identifies(scene, Cns::IDENTIFY_CONTROLLER)
            && let Some(bytes) = data.first_chunk_mut()
        {
            let mut id: IdentifyController = IdentifyController(*bytes);
            id.set().fguid([life; 16]);
            *bytes = id.0;
        }
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        scene.notes[0] += 1;
    }
}
