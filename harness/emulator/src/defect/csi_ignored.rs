//! A command set that is not there is taken for the NVM command set.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct CsiIgnored;

impl Defect for CsiIgnored {
    fn name(&self) -> &'static str {
        "csi-ignored"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &[
            "identify-nvm-namespace.csi-unsupported",
            "identify-nvm-controller.csi-unsupported",
            "identify-io-active-list.csi-unsupported",
        ]
    }

    fn story(&self) -> &'static str {
        "CSI came with 2.0 and is reserved for firmware that goes back to 1.4."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::Csi)
    }
}
