//! Error Recovery set for one namespace is set for all.

use spec::command::{Command, SetFeatures};
use spec::{Fid, Nsid, Sqe};

use crate::config::{Config, NamespaceConfig};
use crate::seam::{Defect, Scene};

pub(super) struct ErrorRecoveryOfAll;

impl Defect for ErrorRecoveryOfAll {
    fn name(&self) -> &'static str {
        "error-recovery-of-all"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["error-recovery.value"]
    }

    fn story(&self) -> &'static str {
        "One variable for a feature that 1.0 had for the controller."
    }

    fn configure(&self, config: &mut Config) {
        while config.namespaces.len() < 2 {
            config.namespaces.push(NamespaceConfig::default());
        }
    }

    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        let set = SetFeatures::project(sqe);
        let one = set.nsid.0 != 0 && set.fid == Fid::ERROR_RECOVERY;
        if scene.sqid.is_admin() && sqe.opcode() == SetFeatures::OPCODE && one {
            *sqe = sqe.with_nsid(Nsid::BROADCAST);
        }
    }
}
