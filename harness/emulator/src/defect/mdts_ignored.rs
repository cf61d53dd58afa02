//! Transfers above MDTS are made.

use spec::Status;

use crate::config::Config;
use crate::seam::{Check, Defect, Scene};

pub(super) struct MdtsIgnored;

impl Defect for MdtsIgnored {
    fn name(&self) -> &'static str {
        "mdts-ignored"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["common.mdts"]
    }

    fn story(&self) -> &'static str {
        "A limit that is reported and enforced nowhere."
    }

    fn configure(&self, config: &mut Config) {
        config.mdts = 2;
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::Mdts)
    }
}
