//! Feature 06h, Volatile Write Cache. Base-2.3 §5.2.26.1.4.

use lab::{Lab, Outcome, conformance};
use spec::command::SetFeatures;
use spec::requirement::volatile_write_cache;
use spec::{Fid, Lba, Nsid};

use crate::base::given;

const FID: Fid = Fid::VOLATILE_WRITE_CACHE;

/// The cache can be switched off and on, and the feature tells how it stands.
#[conformance(req = volatile_write_cache::WCE)]
fn switches_the_cache(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let present = ctrl.facts().is_some_and(|facts| facts.volatile_write_cache);
    lab.needs(present, "a volatile write cache (VWC bit 0)")?;
    for wce in [0, 1, 0, 1] {
        let set = SetFeatures { fid: FID, cdw11: wce, ..SetFeatures::default() };
        ctrl.admin(set)?.accepted()?;
        ctrl.get_feature(FID)?.accepted()?;
    }
    Ok(())
}

/// Without a cache there is nothing to switch.
#[conformance(req = volatile_write_cache::SET_WITHOUT_VWC)]
fn refuses_without_a_cache(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let present = ctrl.facts().is_some_and(|facts| facts.volatile_write_cache);
    lab.needs(!present, "no volatile write cache (VWC bit 0 = 0)")?;
    ctrl.admin(SetFeatures { fid: FID, cdw11: 1, ..SetFeatures::default() })?
        .refused_by(volatile_write_cache::SET_WITHOUT_VWC)
}

/// With the cache switched off, what was written survives a loss of power without a Flush.
#[conformance(req = data::WRITE_THROUGH)]
fn writes_through_when_switched_off(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let present = ctrl.facts().is_some_and(|facts| facts.volatile_write_cache);
    lab.needs(present, "a volatile write cache (VWC bit 0)")?;
    given::needs_power_cycle(lab)?;
    let ns = given::namespace(lab, &ctrl)?;
    lab.needs(ns.nsid == 1, "namespace 1")?;
    let set = SetFeatures { fid: FID, cdw11: 0, ..SetFeatures::default() };
    ctrl.admin(set)?.accepted()?;
    ctrl.write_blocks(Nsid(1), Lba(8), 8)?.accepted()?;
    ctrl.reset(log::ResetKind::PowerCycle)?;
    ctrl.enable()?;
    ctrl.identify()?;
    ctrl.read_blocks(Nsid(1), Lba(8), 8)?.accepted()
}
