//! The NGUID descriptor has its bytes in reverse order.

use spec::Cns;
use spec::identify::Nidt;

use super::identifies;
use crate::seam::{Defect, Scene};

pub(super) struct NguidByteOrder;

impl Defect for NguidByteOrder {
    fn name(&self) -> &'static str {
        "nguid-byte-order"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["identify-descriptors.as-namespace"]
    }

    fn story(&self) -> &'static str {
        "NGUID is big endian, as little else is in NVMe."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        if !identifies(scene, Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST) {
            return;
        }
        let mut rest = data;
        while let [nidt, nidl, _, _, nid @ ..] = rest {
            let length = usize::from(*nidl);
            if length == 0 || length > nid.len() {
                return;
            }
            let (id, behind) = nid.split_at_mut(length);
            if *nidt == Nidt::NGUID.0 {
                id.reverse();
            }
            rest = behind;
        }
    }
}
