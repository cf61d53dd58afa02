//! Set Features, what holds for every feature. Base-2.3 §5.2.26.

use lab::{Lab, Outcome, conformance};
use spec::Fid;
use spec::command::{GetFeatures, SetFeatures};
use spec::requirement::set_features;

/// A feature that does not exist cannot be set.
#[conformance(req = set_features::FID_UNKNOWN, hazard = irreversible)]
fn refuses_an_unknown_feature(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.admin(SetFeatures { fid: Fid(0), ..SetFeatures::default() })?
        .refused_by(set_features::FID_UNKNOWN)
}

/// A feature that cannot be saved is not set with Save = 1, not even to the value that it has.
#[conformance(req = set_features::NOT_SAVEABLE, hazard = erasing)]
fn refuses_to_save_what_cannot_be_saved(lab: &mut Lab<'_>) -> Outcome {
    const FID: Fid = Fid::NUMBER_OF_QUEUES;
    let mut ctrl = lab.enabled_controller()?;
    let select = ctrl.facts().is_some_and(|facts| facts.oncs >> 4 & 1 != 0);
    lab.needs(select, "Save and Select (ONCS bit 4)")?;
    let told = ctrl.admin(GetFeatures { fid: FID, sel: 3, ..GetFeatures::default() })?;
    told.accepted()?;
    lab.needs(told.dw0() & 1 == 0, "a Number of Queues feature that cannot be saved")?;
    let current = ctrl.get_feature(FID)?;
    current.accepted()?;
    let same = SetFeatures { fid: FID, cdw11: current.dw0(), ..SetFeatures::default() };
    ctrl.admin(SetFeatures { sv: true, ..same })?.refused_by(set_features::NOT_SAVEABLE)?;
    ctrl.get_feature(FID)?.accepted()
}
