//! NIDL counts the whole descriptor.

use spec::Cns;

use super::identifies;
use crate::seam::{Defect, Scene};

pub(super) struct DescriptorLengthWrong;

impl Defect for DescriptorLengthWrong {
    fn name(&self) -> &'static str {
        "descriptor-length-wrong"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["identify-descriptors.format"]
    }

    fn story(&self) -> &'static str {
        "NIDL taken for the length of the descriptor, header included."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let asked = identifies(scene, Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST);
        if asked && let Some(nidl) = data.get_mut(1) {
            *nidl = nidl.wrapping_add(4);
        }
    }
}
