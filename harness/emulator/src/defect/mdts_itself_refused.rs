//! A transfer of exactly as much as MDTS allows is refused.

use spec::Status;

use crate::config::Config;
use crate::seam::{Check, Defect, Scene};

pub(super) struct MdtsItselfRefused;

impl Defect for MdtsItselfRefused {
    fn name(&self) -> &'static str {
        "mdts-itself-refused"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["common.mdts-legal", "common.last-lba"]
    }

    fn story(&self) -> &'static str {
        "A comparison that is greater-or-equal where it has to be greater; hosts split at \
         MDTS, so that their largest transfers are the ones to fail."
    }

    fn configure(&self, config: &mut Config) {
        (config.mpsmin, config.mdts) = (0, 7);
        config.namespaces.iter_mut().for_each(|namespace| namespace.block_bytes = 512);
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        // 128 pages of 4 KiB, in blocks of 512 bytes.
        let most = !scene.sqid.is_admin() && scene.sqe.dw[12] & 0xffff == 128 * 8 - 1;
        found.or((most && check == Check::Mdts).then_some(Status::INVALID_FIELD_IN_COMMAND))
    }
}
