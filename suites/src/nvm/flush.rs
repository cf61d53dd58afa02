//! Flush. Base-2.3 §7.2.

use lab::{Lab, Outcome, conformance};
use log::ResetKind;
use spec::command::Flush;
use spec::requirement::{common, flush};
use spec::{Entries, Lba, Nsid, Qid};

use crate::base::given::{self, good_write};

/// Flush succeeds for every active namespace, with and without something to flush.
#[conformance(req = flush::WITHOUT_CACHE, hazard = erasing)]
fn succeeds_for_every_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let namespaces = ctrl.namespaces();
    lab.needs(!namespaces.is_empty(), "an active namespace")?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    for namespace in namespaces {
        let nsid = Nsid(namespace.nsid);
        ctrl.io(Qid(1), Flush { nsid })?.accepted()?;
        if namespace.metadata_bytes == 0 {
            ctrl.write_blocks(nsid, Lba(0), 2)?.accepted()?;
        }
        ctrl.io(Qid(1), Flush { nsid })?.accepted()?;
    }
    Ok(())
}

/// What was written before a Flush survives a loss of power.
#[conformance(reqs = [flush::DURABLE, flush::OWN_WRITES, power::FLUSHED_DATA_KEPT])]
fn makes_completed_writes_durable(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    given::needs_power_cycle(lab)?;
    given::needs_cache(lab, &mut ctrl)?;
    let ns = given::namespace(lab, &ctrl)?;
    let nsid = Nsid(ns.nsid);
    ctrl.write_blocks(nsid, Lba(0), 8)?.accepted()?;
    ctrl.write_blocks(nsid, Lba(4), 8)?.accepted()?;
    ctrl.write_blocks(nsid, Lba(ns.last()), 1)?.accepted()?;
    ctrl.io(Qid(1), Flush { nsid })?.accepted()?;
    ctrl.reset(ResetKind::PowerCycle)?;
    given::bring_back(&mut ctrl)?;
    ctrl.read_blocks(nsid, Lba(0), 12)?.accepted()?;
    ctrl.read_blocks(nsid, Lba(ns.last()), 1)?.accepted()
}

/// A Flush through one queue covers what completed through another.
#[conformance(reqs = [flush::DURABLE, data::LAST_WRITTEN])]
fn covers_writes_of_other_queues(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    given::needs_power_cycle(lab)?;
    given::needs_cache(lab, &mut ctrl)?;
    let two = ctrl.granted_io_cqs() >= 2 && ctrl.granted_io_sqs() >= 2;
    lab.needs(two, "two I/O queue pairs")?;
    let ns = given::namespace(lab, &ctrl)?;
    let nsid = Nsid(ns.nsid);
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.io_pair(Qid(2), Entries(16))?;
    let (write, _) = good_write(&mut ctrl, ns, 6, 4)?;
    ctrl.io(Qid(2), write)?.accepted()?;
    ctrl.io(Qid(1), Flush { nsid })?.accepted()?;
    ctrl.reset(ResetKind::PowerCycle)?;
    given::bring_back(&mut ctrl)?;
    ctrl.read_blocks(nsid, Lba(6), 4)?.accepted()
}

/// A Flush beside Writes in flight does no harm: every block ends as it was written last.
#[conformance(reqs = [flush::WITHOUT_CACHE, data::LAST_WRITTEN], hazard = erasing)]
fn runs_beside_writes(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let nsid = Nsid(ns.nsid);
    ctrl.io_pair(Qid(1), Entries(32))?;
    for _ in 0..4 {
        for lba in 0..8 {
            let (write, _) = good_write(&mut ctrl, ns, lba, 1)?;
            ctrl.submit(Qid(1), write)?;
            ctrl.submit(Qid(1), Flush { nsid })?;
        }
        ctrl.ring(Qid(1))?;
        ctrl.wait_all()?;
        ctrl.release(Qid(1))?;
        ctrl.read_blocks(nsid, Lba(0), 8)?.accepted()?;
    }
    Ok(())
}

/// NSID 0 and one above NN name no namespace.
#[conformance(req = common::NSID_INVALID)]
fn refuses_an_invalid_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let nn = ctrl.facts().map_or(0, |facts| facts.nn);
    lab.needs(nn < 0xffff_fffe, "an NSID above NN")?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    for nsid in [Nsid(0), Nsid(nn + 1)] {
        ctrl.io(Qid(1), Flush { nsid })?.refused_by(common::NSID_INVALID)?;
    }
    Ok(())
}

/// NSID FFFFFFFFh flushes all namespaces, where the controller says so (VWC bits 2:1 = 11b).
#[conformance(req = flush::WITHOUT_CACHE)]
fn flushes_all_namespaces_at_once(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let vwc = given::identified(&mut ctrl)?.vwc();
    lab.needs(vwc >> 1 & 3 == 3, "Flush with NSID FFFFFFFFh (VWC bits 2:1 = 11b)")?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.io(Qid(1), Flush { nsid: Nsid::BROADCAST })?.accepted()
}

/// NSID FFFFFFFFh is refused where the controller says so (VWC bits 2:1 = 10b).
#[conformance(req = flush::BROADCAST_UNSUPPORTED)]
fn refuses_all_namespaces_where_it_cannot_flush_them(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let vwc = given::identified(&mut ctrl)?.vwc();
    lab.needs(vwc >> 1 & 3 == 2, "no Flush with NSID FFFFFFFFh (VWC bits 2:1 = 10b)")?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.io(Qid(1), Flush { nsid: Nsid::BROADCAST })?.refused_by(flush::BROADCAST_UNSUPPORTED)
}
