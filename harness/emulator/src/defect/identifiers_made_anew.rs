//! Identifiers are other ones after each reset.

use spec::Cns;
use spec::identify::IdentifyController;

use super::identifies;
use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct IdentifiersMadeAnew;

impl Defect for IdentifiersMadeAnew {
    fn name(&self) -> &'static str {
        "identifiers-made-anew"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["identify-descriptors.constant", "reset.attachments-kept", "identify-controller.fguid"]
    }

    fn story(&self) -> &'static str {
        "Identifiers made of random numbers at each start: Linux has a quirk for controllers whose \
         identifiers are not to be believed (NVME_QUIRK_BOGUS_NID)."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let life = scene.notes[0] as u8;
        if identifies(scene, Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST) {
            // The last byte of the identifier in the first descriptor.
            if let [_, nidl, _, _, nid @ ..] = data
                && let Some(last) = nid.get_mut(usize::from(*nidl).saturating_sub(1))
            {
                *last ^= life;
            }
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
