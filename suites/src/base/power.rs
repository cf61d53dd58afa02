//! Loss of main power: what is gone, and what has to be there. Base-2.3 §3.7.2, §7.2.

use lab::{Lab, Outcome, Shutdown, conformance};
use log::ResetKind;
use spec::command::{GetFeatures, SetFeatures};
use spec::{Entries, Fid, Lba, Nsid, Qid};

use super::given::{self, FLUSH};

const CACHE: Fid = Fid::VOLATILE_WRITE_CACHE;

/// When power comes back the controller is disabled, and works once it is enabled.
#[conformance(reqs = [reset::RDY_CLEAR, shutdown::SHST_NORMAL, ready::ENABLE,
    create_io_sq::SUCCEEDS])]
fn comes_back_disabled(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    given::needs_power_cycle(lab)?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.reset(ResetKind::PowerCycle)?;
    ctrl.csts()?;
    ctrl.cc()?;
    given::bring_back(&mut ctrl)?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.io(Qid(1), FLUSH)?.ruled()
}

/// The controller is the same one as before: same revision, capabilities, Identify data.
#[conformance(reqs = [register::READ_ONLY, identify_controller::VER])]
fn comes_back_as_the_same_controller(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    given::needs_power_cycle(lab)?;
    ctrl.cap()?;
    ctrl.reset(ResetKind::PowerCycle)?;
    ctrl.cap()?;
    ctrl.vs()?;
    given::bring_back(&mut ctrl)
}

/// What was written before a normal shutdown survives the loss of power.
#[conformance(reqs = [shutdown::KEEPS_DATA, data::LAST_WRITTEN])]
fn keeps_data_over_a_normal_shutdown(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    given::needs_power_cycle(lab)?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.write_blocks(Nsid(ns.nsid), Lba(30), 8)?.accepted()?;
    ctrl.delete_io_sq(Qid(1))?.accepted()?;
    ctrl.delete_io_cq(Qid(1))?.accepted()?;
    ctrl.shutdown(Shutdown::Normal)?;
    ctrl.reset(ResetKind::PowerCycle)?;
    given::bring_back(&mut ctrl)?;
    ctrl.read_blocks(Nsid(ns.nsid), Lba(30), 8)?.accepted()
}

/// Of what was written after the last Flush each block is old or new, and never anything else.
#[conformance(req = data::LAST_WRITTEN)]
fn leaves_unflushed_blocks_old_or_new(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    given::needs_power_cycle(lab)?;
    let ns = given::namespace(lab, &ctrl)?;
    let nsid = Nsid(ns.nsid);
    ctrl.write_blocks(nsid, Lba(8), 8)?.accepted()?;
    ctrl.io(Qid(1), spec::command::Flush { nsid })?.accepted()?;
    ctrl.write_blocks(nsid, Lba(8), 4)?.accepted()?;
    ctrl.reset(ResetKind::PowerCycle)?;
    given::bring_back(&mut ctrl)?;
    for _ in 0..2 {
        ctrl.read_blocks(nsid, Lba(8), 8)?.accepted()?;
    }
    Ok(())
}

/// A saved feature has its saved value when power comes back; an unsaved change is gone.
#[conformance(req = volatile_write_cache::WCE)]
fn keeps_saved_features(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    given::needs_power_cycle(lab)?;
    let facts = ctrl.facts();
    let cache = facts.is_some_and(|facts| facts.volatile_write_cache);
    lab.needs(cache, "a volatile write cache (VWC bit 0)")?;
    let select = facts.is_some_and(|facts| facts.oncs >> 4 & 1 != 0);
    lab.needs(select, "Save and Select (ONCS bit 4)")?;
    let get = GetFeatures { fid: CACHE, ..GetFeatures::default() };
    let capabilities = ctrl.admin(GetFeatures { sel: 3, ..get })?;
    capabilities.accepted()?;
    lab.needs(capabilities.dw0() & 1 != 0, "a Volatile Write Cache feature that can be saved")?;
    let before = ctrl.admin(GetFeatures { sel: 2, ..get })?;
    before.accepted()?;

    let set = SetFeatures { fid: CACHE, ..SetFeatures::default() };
    for wce in [1 - (before.dw0() & 1), before.dw0() & 1] {
        ctrl.admin(SetFeatures { sv: true, cdw11: wce, ..set })?.accepted()?;
        ctrl.admin(SetFeatures { cdw11: 1 - wce, ..set })?.accepted()?;
        ctrl.reset(ResetKind::PowerCycle)?;
        given::bring_back(&mut ctrl)?;
        ctrl.admin(get)?.accepted()?;
        ctrl.admin(GetFeatures { sel: 2, ..get })?.accepted()?;
    }
    Ok(())
}
