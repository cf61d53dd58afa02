//! Feature Identifiers Supported and Effects (LID 12h). Base-2.3 §5.2.12.1.18, figures 266 and 267.

use spec::Lid;
use spec::log_page::effects::scope;
use spec::log_page::{FeatureIdentifiersSupportedAndEffects, FidEffects};

use super::LogPageDef;
use crate::feature;
use crate::run::Run;

pub(super) const DEFINITION: LogPageDef = LogPageDef {
    lid: Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS,
    since: (2, 0),
    bytes: |_| FeatureIdentifiersSupportedAndEffects::BYTES,
    fill,
    clears: None,
};

fn fill(run: &mut Run, to: &mut [u8]) {
    let config = run.config;
    let mut page = FeatureIdentifiersSupportedAndEffects::zeroed();
    for feature in feature::TABLE.iter().filter(|one| feature::is_supported(one, config)) {
        let of_namespaces = (feature.capabilities)(config).namespace_specific();
        let fsp = if of_namespaces { scope::NAMESPACE } else { scope::CONTROLLER };
        page.set_fis(feature.fid, FidEffects::new().with_fsupp(true).with_fsp(fsp));
    }
    to.copy_from_slice(page.bytes());
}
