//! An inactive namespace has an empty list of identifiers instead of none.

use spec::Status;
use spec::command::{Command, Identify};

use crate::config::Config;
use crate::seam::{Check, Defect, Scene};

pub(super) struct InactiveNamespaceIdentified;

impl Defect for InactiveNamespaceIdentified {
    fn name(&self) -> &'static str {
        "inactive-namespace-identified"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["identify-descriptors.nsid-inactive"]
    }

    fn story(&self) -> &'static str {
        "Zeroes for an inactive namespace, as other Identify structures have them."
    }

    fn configure(&self, config: &mut Config) {
        config.nn = Some(config.nn() + 2);
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let asked = scene.sqid.is_admin() && scene.sqe.opcode() == Identify::OPCODE;
        found.filter(|_| !asked || check != Check::NsidActive)
    }
}
