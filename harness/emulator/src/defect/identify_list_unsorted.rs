//! The Active Namespace ID List begins with its second entry.

use spec::Cns;
use spec::command::{Command, Identify};

use crate::config::{Config, NamespaceConfig};
use crate::seam::{Defect, Scene};

pub(super) struct IdentifyListUnsorted;

impl Defect for IdentifyListUnsorted {
    fn name(&self) -> &'static str {
        "identify-list-unsorted"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["identify-active-list.order"]
    }

    fn story(&self) -> &'static str {
        "The list in the order of creation."
    }

    fn configure(&self, config: &mut Config) {
        while config.namespaces.len() < 2 {
            config.namespaces.push(NamespaceConfig::default());
        }
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let asked = Identify::project(scene.sqe).cns == Cns::ACTIVE_NAMESPACE_ID_LIST;
        let second = data.get(4..8).is_some_and(|entry| entry != [0; 4]);
        if scene.sqe.opcode() == Identify::OPCODE && asked && second {
            let (first, rest) = data.split_at_mut(4);
            first.swap_with_slice(&mut rest[..4]);
        }
    }
}
