//! Get Features. Base-2.3 §5.2.11.

use lab::{Lab, Outcome, conformance};
use spec::Fid;
use spec::command::{GetFeatures, SetFeatures};
use spec::feature::SupportedCapabilities;
use spec::requirement::get_features;

/// A feature that does not exist cannot be read.
#[conformance(req = get_features::FID_UNKNOWN)]
fn refuses_an_unknown_feature(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.admin(GetFeatures { fid: Fid(0), ..GetFeatures::default() })?
        .refused_by(get_features::FID_UNKNOWN)
}

/// Current, default, saved value and capabilities of a feature can be selected.
#[conformance(req = get_features::SELECT)]
fn selects_current_default_and_saved(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let select = ctrl.facts().is_some_and(|facts| facts.oncs >> 4 & 1 != 0);
    lab.needs(select, "Save and Select (ONCS bit 4)")?;
    for sel in [0, 1, 2, 3, 1, 0] {
        let fid = Fid::NUMBER_OF_QUEUES;
        ctrl.admin(GetFeatures { fid, sel, ..GetFeatures::default() })?.ruled()?;
    }
    // The number of queues may be the same by default as now, which shows nothing of Select: so a value
    // that surely differs from its default, where it can be set.
    let get = GetFeatures { fid: Fid::TEMPERATURE_THRESHOLD, ..GetFeatures::default() };
    let told = ctrl.admin(GetFeatures { sel: 3, ..get })?;
    told.ruled()?;
    if SupportedCapabilities::from_bits(told.dw0()).changeable() {
        let default = ctrl.admin(GetFeatures { sel: 1, ..get })?;
        default.ruled()?;
        let kelvins = default.dw0() as u16;
        let other = kelvins.checked_add(1).unwrap_or(kelvins - 1);
        let set = SetFeatures { fid: get.fid, cdw11: other.into(), ..SetFeatures::default() };
        ctrl.admin(set)?.ruled()?;
        for sel in [0, 1, 0] {
            ctrl.admin(GetFeatures { sel, ..get })?.ruled()?;
        }
    }
    Ok(())
}

/// A reserved value of Select is refused.
#[conformance(req = get_features::SEL_RESERVED)]
fn refuses_a_reserved_select(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let select = ctrl.facts().is_some_and(|facts| facts.oncs >> 4 & 1 != 0);
    lab.needs(select, "Save and Select (ONCS bit 4)")?;
    let fid = Fid::NUMBER_OF_QUEUES;
    ctrl.admin(GetFeatures { fid, sel: 7, ..GetFeatures::default() })?
        .refused_by(get_features::SEL_RESERVED)
}
