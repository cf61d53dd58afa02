//! A namespace can be accessed through a controller that it is not attached to.

use spec::Status;

use crate::config::{Config, NamespaceConfig};
use crate::seam::{Check, Defect, Scene};

pub(super) struct InactiveNamespaceReadable;

impl Defect for InactiveNamespaceReadable {
    fn name(&self) -> &'static str {
        "inactive-namespace-readable"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["common.nsid-inactive"]
    }

    fn story(&self) -> &'static str {
        "Attachment looked at by Identify alone."
    }

    fn configure(&self, config: &mut Config) {
        config.controllers = config.controllers.max(2);
        config.namespaces.push(NamespaceConfig { controllers: vec![1], ..Default::default() });
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::NsidActive)
    }
}
