//! Error Recovery set for all namespaces is set for the first one.

use spec::command::{Command, SetFeatures};
use spec::{Fid, Nsid, Sqe};

use crate::config::{Config, NamespaceConfig};
use crate::seam::{Defect, Scene};

pub(super) struct BroadcastSetsFirst;

impl Defect for BroadcastSetsFirst {
    fn name(&self) -> &'static str {
        "broadcast-sets-first"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["set-features.broadcast"]
    }

    fn story(&self) -> &'static str {
        "A product with one namespace, to which every NSID leads; then it got a second one."
    }

    fn configure(&self, config: &mut Config) {
        while config.namespaces.len() < 2 {
            config.namespaces.push(NamespaceConfig::default());
        }
    }

    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        let set = SetFeatures::project(sqe);
        let all = set.nsid == Nsid::BROADCAST && set.fid == Fid::ERROR_RECOVERY;
        if scene.sqid.is_admin() && sqe.opcode() == SetFeatures::OPCODE && all {
            *sqe = sqe.with_nsid(Nsid(1));
        }
    }
}
