//! Features whose value stands in one dword: what was set comes back, reserved and unsupported
//! values are refused. Base-2.3 §5.2.26.1, NVM-CS-1.0 §4.1.3.

use lab::{Ctl, Lab, Outcome, conformance};
use log::ResetKind;
use spec::command::{CreateIoCq, GetFeatures, Identify, SetFeatures};
use spec::feature::SupportedCapabilities;
use spec::requirement::{
    event_configuration, features, get_features, interrupt_vector, power_management,
    temperature_threshold,
};
use spec::{Cns, Entries, Fid, Nsid, Qid, Version};

use crate::base::given;

/// Whether Select and Save are supported (ONCS bit 4).
pub(super) fn selects(ctrl: &Ctl<'_>) -> bool {
    ctrl.facts().is_some_and(|facts| facts.oncs >> 4 & 1 != 0)
}

/// Whether the feature can be changed, as far as the controller tells.
pub(super) fn needs_changeable(lab: &mut Lab<'_>, ctrl: &mut Ctl<'_>, get: GetFeatures) -> Outcome {
    if !selects(ctrl) {
        return Ok(());
    }
    let told = ctrl.admin(GetFeatures { sel: 3, ..get })?;
    told.accepted()?;
    let can = SupportedCapabilities::from_bits(told.dw0()).changeable();
    lab.needs(can, "a feature that can be changed")
}

/// Sets each value and gets it.
fn round_trips(lab: &mut Lab<'_>, set: SetFeatures, values: &[u32]) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let get = GetFeatures { fid: set.fid, nsid: set.nsid, ..GetFeatures::default() };
    needs_changeable(lab, &mut ctrl, get)?;
    for cdw11 in values {
        ctrl.admin(SetFeatures { cdw11: *cdw11, ..set })?.accepted()?;
        ctrl.admin(get)?.accepted()?;
    }
    Ok(())
}

fn of(fid: Fid) -> SetFeatures {
    SetFeatures { fid, ..SetFeatures::default() }
}

/// The arbitration burst comes back as it was set.
#[conformance(req = set_features::EFFECTIVE_AT_COMPLETION)]
fn keeps_the_arbitration_burst(lab: &mut Lab<'_>) -> Outcome {
    round_trips(lab, of(Fid::ARBITRATION), &[0, 7, 3])
}

/// The power state that was set is the current one.
#[conformance(req = power_management::STATE)]
fn enters_a_power_state(lab: &mut Lab<'_>) -> Outcome {
    round_trips(lab, of(Fid::POWER_MANAGEMENT), &[0, 0])
}

/// A power state beyond the last is refused.
#[conformance(req = power_management::UNSUPPORTED_STATE)]
fn refuses_an_unsupported_power_state(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let npss = given::identified(&mut ctrl)?.npss();
    lab.needs(npss < 31, "fewer than 32 power states")?;
    let get = GetFeatures { fid: Fid::POWER_MANAGEMENT, ..GetFeatures::default() };
    needs_changeable(lab, &mut ctrl, get)?;
    let beyond = SetFeatures { cdw11: u32::from(npss) + 1, ..of(Fid::POWER_MANAGEMENT) };
    ctrl.admin(beyond)?.refused_by(power_management::UNSUPPORTED_STATE)
}

/// The over temperature threshold comes back as it was set.
#[conformance(req = temperature_threshold::OVER)]
fn keeps_the_over_temperature_threshold(lab: &mut Lab<'_>) -> Outcome {
    round_trips(lab, of(Fid::TEMPERATURE_THRESHOLD), &[400, 401, 65_535])
}

/// The under temperature threshold comes back as it was set.
#[conformance(req = temperature_threshold::UNDER)]
fn keeps_the_under_temperature_threshold(lab: &mut Lab<'_>) -> Outcome {
    const UNDER: u32 = 1 << 20;
    let mut ctrl = lab.enabled_controller()?;
    let told = given::identified(&mut ctrl)?.wctemp() != 0;
    lab.needs(told, "a warning temperature threshold (WCTEMP)")?;
    let get = GetFeatures { fid: Fid::TEMPERATURE_THRESHOLD, cdw11: UNDER, ..Default::default() };
    needs_changeable(lab, &mut ctrl, get)?;
    for kelvins in [1, 2, 0] {
        let set = of(Fid::TEMPERATURE_THRESHOLD);
        ctrl.admin(SetFeatures { cdw11: UNDER | kelvins, ..set })?.accepted()?;
        ctrl.admin(get)?.accepted()?;
    }
    Ok(())
}

/// Reserved threshold types and reserved sensors are refused, to set and to get.
#[conformance(req = temperature_threshold::RESERVED_SELECTORS)]
fn refuses_reserved_thresholds(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let get = GetFeatures { fid: Fid::TEMPERATURE_THRESHOLD, ..GetFeatures::default() };
    needs_changeable(lab, &mut ctrl, get)?;
    let reserved = temperature_threshold::RESERVED_SELECTORS;
    for selection in [2 << 20, 3 << 20, 9 << 16, 14 << 16] {
        ctrl.admin(GetFeatures { cdw11: selection, ..get })?.refused_by(reserved)?;
        let set = of(Fid::TEMPERATURE_THRESHOLD);
        ctrl.admin(SetFeatures { cdw11: selection | 400, ..set })?.refused_by(reserved)?;
    }
    ctrl.admin(GetFeatures { cdw11: 15 << 16, ..get })?.refused_by(reserved)
}

/// Error recovery comes back as it was set, for the namespace for which it was set.
#[conformance(req = error_recovery::VALUE)]
fn keeps_error_recovery_of_each_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let namespaces: Vec<u32> = ctrl.namespaces().iter().map(|ns| ns.nsid).collect();
    lab.needs(!namespaces.is_empty(), "an active namespace")?;
    let get =
        |nsid| GetFeatures { fid: Fid::ERROR_RECOVERY, nsid: Nsid(nsid), ..GetFeatures::default() };
    needs_changeable(lab, &mut ctrl, get(namespaces[0]))?;
    for nsid in &namespaces {
        ctrl.admin(get(*nsid))?.accepted()?;
    }
    for (n, nsid) in namespaces.iter().enumerate() {
        let cdw11 = 10 + n as u32;
        let nsid = Nsid(*nsid);
        ctrl.admin(SetFeatures { nsid, cdw11, ..of(Fid::ERROR_RECOVERY) })?.accepted()?;
        for nsid in &namespaces {
            ctrl.admin(get(*nsid))?.accepted()?;
        }
    }
    Ok(())
}

/// What is set for all namespaces at once is set for each of them.
#[conformance(req = set_features::BROADCAST)]
fn sets_error_recovery_of_all_namespaces_at_once(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let namespaces: Vec<Nsid> = ctrl.namespaces().iter().map(|ns| Nsid(ns.nsid)).collect();
    lab.needs(!namespaces.is_empty(), "an active namespace")?;
    let set = of(Fid::ERROR_RECOVERY);
    let get = |nsid| GetFeatures { fid: set.fid, nsid, ..GetFeatures::default() };
    needs_changeable(lab, &mut ctrl, get(namespaces[0]))?;
    // Given: another value in each.
    for (n, nsid) in namespaces.iter().enumerate() {
        let cdw11 = 10 + n as u32;
        ctrl.admin(SetFeatures { nsid: *nsid, cdw11, ..set })?.accepted()?;
    }
    for cdw11 in [40, 0] {
        ctrl.admin(SetFeatures { nsid: Nsid::BROADCAST, cdw11, ..set })?.accepted()?;
        for nsid in &namespaces {
            ctrl.admin(get(*nsid))?.accepted()?;
        }
    }
    Ok(())
}

/// Where no namespace has the error that DULBE switches on, what a controller makes of it is its own choice:
/// it goes on, and the time limit beside it stays what the last Set Features that succeeded made it.
#[conformance(req = error_recovery::DULBE_UNSUPPORTED)]
fn survives_dulbe_of_a_namespace_without_it(lab: &mut Lab<'_>) -> Outcome {
    const DULBE: u32 = 1 << 16;
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.vs()? >= Version::new(1, 2), "VS of at least 1.2")?;
    let nsid = given::namespace(lab, &ctrl)?.nsid;
    let nsid = Nsid(nsid);
    let told = Identify { cns: Cns::IDENTIFY_NAMESPACE, nsid, ..Identify::default() };
    let nsfeat = ctrl.identify_with(told)?.identify_namespace()?.nsfeat();
    lab.needs(nsfeat & 1 << 2 == 0, "a namespace without DULBE (NSFEAT bit 2 = 0)")?;
    let (set, get) = (SetFeatures { nsid, ..of(Fid::ERROR_RECOVERY) }, GetFeatures::default());
    let get = GetFeatures { fid: set.fid, nsid, ..get };
    needs_changeable(lab, &mut ctrl, get)?;
    for cdw11 in [5, DULBE | 7, 0] {
        ctrl.admin(SetFeatures { cdw11, ..set })?.ruled()?;
        ctrl.admin(get)?.accepted()?;
    }
    Ok(())
}

/// Without a namespace there is no error recovery to set or get.
#[conformance(req = features::NSID_NAMESPACE_SCOPE)]
fn refuses_error_recovery_of_no_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let fid = Fid::ERROR_RECOVERY;
    ctrl.get_feature(fid)?.refused_by(features::NSID_NAMESPACE_SCOPE)
}

/// Error recovery of all namespaces at once cannot be read.
#[conformance(req = get_features::BROADCAST)]
fn refuses_to_get_error_recovery_of_all_namespaces(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let (fid, nsid) = (Fid::ERROR_RECOVERY, Nsid::BROADCAST);
    let all = GetFeatures { fid, nsid, ..GetFeatures::default() };
    ctrl.admin(all)?.refused_by(get_features::BROADCAST)
}

/// Threshold and time of interrupt coalescing come back as they were set.
#[conformance(req = interrupt_coalescing::VALUE)]
fn keeps_interrupt_coalescing(lab: &mut Lab<'_>) -> Outcome {
    round_trips(lab, of(Fid::INTERRUPT_COALESCING), &[0x0504, 0x0100, 0])
}

/// A reset switches interrupt coalescing off, unless a value was saved.
#[conformance(req = interrupt_coalescing::RESET)]
fn resets_interrupt_coalescing(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let get = GetFeatures { fid: Fid::INTERRUPT_COALESCING, ..GetFeatures::default() };
    needs_changeable(lab, &mut ctrl, get)?;
    if selects(&ctrl) {
        let told = ctrl.admin(GetFeatures { sel: 3, ..get })?.dw0();
        lab.needs(told & 1 == 0, "a value that cannot be saved")?;
    }
    ctrl.admin(SetFeatures { cdw11: 0x0504, ..of(Fid::INTERRUPT_COALESCING) })?.accepted()?;
    ctrl.reset(ResetKind::Controller)?;
    given::bring_back(&mut ctrl)?;
    ctrl.admin(get)?.accepted()
}

/// Coalescing is switched off for the vector of a queue.
#[conformance(req = interrupt_vector::VALUE)]
fn switches_coalescing_of_a_vector(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let fid = Fid::INTERRUPT_VECTOR_CONFIGURATION;
    let get = GetFeatures { fid, ..GetFeatures::default() };
    needs_changeable(lab, &mut ctrl, get)?;
    for cd in [1, 0, 1] {
        ctrl.admin(SetFeatures { cdw11: cd << 16, ..of(fid) })?.ruled()?;
        ctrl.admin(get)?.ruled()?;
    }
    Ok(())
}

/// Coalescing is not switched off for a vector before the host does so, and after a reset.
#[conformance(req = interrupt_vector::DEFAULT)]
fn leaves_coalescing_of_a_vector_on_by_default(lab: &mut Lab<'_>) -> Outcome {
    const IV: u16 = 1;
    let mut ctrl = given::with_vectors(lab, 2)?;
    let fid = Fid::INTERRUPT_VECTOR_CONFIGURATION;
    let get = GetFeatures { fid, cdw11: IV.into(), ..GetFeatures::default() };
    needs_changeable(lab, &mut ctrl, get)?;
    // The second life is one after a reset that the host has given something to undo.
    for _ in 0..2 {
        let queue = ctrl.io_cq(Qid(1), given::at_most(&ctrl, 16))?;
        ctrl.admin(CreateIoCq { ien: true, iv: IV, ..queue })?.accepted()?;
        ctrl.admin(get)?.accepted()?;
        if selects(&ctrl) {
            ctrl.admin(GetFeatures { sel: 1, ..get })?.accepted()?;
        }
        ctrl.admin(SetFeatures { cdw11: 1 << 16 | u32::from(IV), ..of(fid) })?.accepted()?;
        ctrl.reset(ResetKind::Controller)?;
        given::bring_back(&mut ctrl)?;
    }
    Ok(())
}

/// A vector that no queue uses is not configured.
#[conformance(req = interrupt_vector::UNUSED)]
fn refuses_a_vector_without_queue(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let fid = Fid::INTERRUPT_VECTOR_CONFIGURATION;
    let get = GetFeatures { fid, ..GetFeatures::default() };
    needs_changeable(lab, &mut ctrl, get)?;
    let answer = ctrl.admin(SetFeatures { cdw11: 0xffff, ..of(fid) })?;
    match answer.status().is_success() {
        true => answer.ruled(),
        false => answer.refused_by(interrupt_vector::UNUSED),
    }
}

/// Write atomicity comes back as it was set.
#[conformance(req = write_atomicity::VALUE)]
fn keeps_write_atomicity(lab: &mut Lab<'_>) -> Outcome {
    round_trips(lab, of(Fid::WRITE_ATOMICITY_NORMAL), &[1, 0])
}

/// The critical warnings that raise an event come back as they were set.
#[conformance(req = event_configuration::VALUE)]
fn keeps_the_event_configuration(lab: &mut Lab<'_>) -> Outcome {
    round_trips(lab, of(Fid::ASYNCHRONOUS_EVENT_CONFIGURATION), &[0x1f, 0, 2])
}

/// Notices of endurance groups are not enabled where there are none.
#[conformance(req = event_configuration::ENDURANCE_GROUPS)]
fn refuses_notices_of_endurance_groups(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.vs()? >= Version::new(2, 0), "VS of at least 2.0")?;
    let without = given::identified(&mut ctrl)?.ctratt() & 1 << 4 == 0;
    lab.needs(without, "no endurance groups (CTRATT bit 4 = 0)")?;
    let set = SetFeatures { cdw11: 1 << 14, ..of(Fid::ASYNCHRONOUS_EVENT_CONFIGURATION) };
    ctrl.admin(set)?.refused_by(event_configuration::ENDURANCE_GROUPS)
}
