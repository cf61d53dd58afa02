//! Set Features, what holds for every feature. Base-2.3 §5.2.26.

use lab::{Lab, Outcome, conformance};
use spec::Fid;
use spec::command::SetFeatures;
use spec::requirement::set_features;

/// A feature that does not exist cannot be set.
#[conformance(req = set_features::FID_UNKNOWN)]
fn refuses_an_unknown_feature(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.admin(SetFeatures { fid: Fid(0), ..SetFeatures::default() })?
        .refused_by(set_features::FID_UNKNOWN)
}
