//! Read. NVM-1.0 §3.2.4, §3.1.2.

use lab::{Lab, Outcome, conformance};
use spec::command::Read;
use spec::requirement::common;
use spec::{Entries, Lba, Nsid, Qid};

use crate::base::given::{self, good_read};

/// A Read returns what was written, whole and in parts.
#[conformance(req = data::LAST_WRITTEN, hazard = erasing)]
fn returns_what_was_written(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let nsid = Nsid(ns.nsid);
    ctrl.write_blocks(nsid, Lba(0), 8)?.accepted()?;
    for (lba, blocks) in [(0, 8), (0, 1), (7, 1), (2, 5)] {
        ctrl.read_blocks(nsid, Lba(lba), blocks)?.accepted()?;
    }
    Ok(())
}

/// NLB = 0 reads one block, and writes no more than that to the host.
#[conformance(reqs = [common::NLB, data::LAST_WRITTEN, dma::WRITE_WITHIN_PRPS], hazard = erasing)]
fn reads_one_block_with_nlb_0(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.write_blocks(Nsid(ns.nsid), Lba(4), 3)?.accepted()?;
    ctrl.read_blocks(Nsid(ns.nsid), Lba(5), 1)?.accepted()?;
    ctrl.sweep()?;
    Ok(())
}

/// The last block can be read, and the one after it cannot.
#[conformance(reqs = [common::LAST_LBA, common::LBA_RANGE])]
fn reads_up_to_the_last_block_and_no_further(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let (good, _) = good_read(&mut ctrl, ns, ns.last() - 1, 2)?;
    ctrl.io(Qid(1), good)?.accepted()?;
    for (slba, nlb) in [(ns.last(), 2), (ns.last() + 1, 1), (ns.last() - 1, 3)] {
        let (good, _) = good_read(&mut ctrl, ns, 0, nlb)?;
        ctrl.io(Qid(1), Read { slba: Lba(slba), ..good })?.refused_by(common::LBA_RANGE)?;
    }
    Ok(())
}

/// A range that goes past the largest block address there can be does not wrap to block 0.
#[conformance(req = common::LBA_RANGE)]
fn refuses_a_range_that_overflows(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let (good, _) = good_read(&mut ctrl, ns, 0, 4)?;
    for slba in [u64::MAX, u64::MAX - 1, u64::MAX - 3, 1 << 63, 1 << 32 | ns.blocks] {
        ctrl.io(Qid(1), Read { slba: Lba(slba), ..good })?.refused_by(common::LBA_RANGE)?;
    }
    ctrl.io(Qid(1), good)?.accepted()
}

/// A block that was never written reads the same each time.
#[conformance(req = data::UNWRITTEN)]
fn reads_unwritten_blocks_the_same_each_time(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    for _ in 0..3 {
        ctrl.read_blocks(Nsid(ns.nsid), Lba(ns.blocks / 2), 8)?.accepted()?;
    }
    Ok(())
}

/// A Read of exactly MDTS bytes is legal, and one block more is refused.
#[conformance(reqs = [common::MDTS, common::MDTS_LEGAL])]
fn reads_as_much_as_mdts_allows(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let limit = given::transfer_bytes(&ctrl, u64::MAX);
    lab.needs(limit <= 4 << 20, "MDTS of at most 4 MiB")?;
    let most = (limit / u64::from(ns.block_bytes)) as u32;
    let room = most < 0x1_0000 && ns.blocks > u64::from(most);
    lab.needs(room, "a namespace and an NLB larger than MDTS")?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let (good, _) = good_read(&mut ctrl, ns, 0, most)?;
    ctrl.io(Qid(1), good)?.accepted()?;
    let (more, _) = good_read(&mut ctrl, ns, 0, most + 1)?;
    ctrl.io(Qid(1), more)?.refused_by(common::MDTS)
}

/// FUA, Limited Retry and one hint of Dataset Management change nothing in the data.
#[conformance(req = data::LAST_WRITTEN, hazard = erasing)]
fn returns_the_same_data_with_every_option(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.write_blocks(Nsid(ns.nsid), Lba(9), 4)?.accepted()?;
    for (fua, lr, dsm) in [(true, false, 0), (false, true, 0), (false, false, 0x40)] {
        let (good, data) = good_read(&mut ctrl, ns, 9, 4)?;
        ctrl.io(Qid(1), Read { fua, lr, dsm, ..good })?.accepted()?;
        ctrl.see_blocks(&data, Nsid(ns.nsid))?;
    }
    Ok(())
}

/// NSID 0 and one above NN name no namespace.
#[conformance(req = common::NSID_INVALID)]
fn refuses_an_invalid_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let nn = ctrl.facts().map_or(0, |facts| facts.nn);
    lab.needs(nn < 0xffff_fffe, "an NSID above NN")?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let (good, _) = good_read(&mut ctrl, ns, 0, 1)?;
    for nsid in [Nsid(0), Nsid(nn + 1)] {
        ctrl.io(Qid(1), Read { nsid, ..good })?.refused_by(common::NSID_INVALID)?;
    }
    ctrl.io(Qid(1), good)?.accepted()
}

/// An inactive namespace cannot be read.
#[conformance(req = common::NSID_INACTIVE)]
fn refuses_an_inactive_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let nn = ctrl.facts().map_or(0, |facts| facts.nn);
    let active = ctrl.namespaces();
    let inactive = (1..=nn.min(1024)).find(|nsid| active.iter().all(|n| n.nsid != *nsid));
    lab.needs(inactive.is_some(), "an inactive namespace")?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let (good, _) = good_read(&mut ctrl, ns, 0, 1)?;
    let nsid = Nsid(inactive.unwrap_or_default());
    ctrl.io(Qid(1), Read { nsid, ..good })?.refused_by(common::NSID_INACTIVE)
}

/// A Read names one namespace: FFFFFFFFh is refused.
#[conformance(req = common::NSID_BROADCAST)]
fn refuses_all_namespaces_at_once(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let (good, _) = good_read(&mut ctrl, ns, 0, 1)?;
    ctrl.io(Qid(1), Read { nsid: Nsid::BROADCAST, ..good })?.refused_by(common::NSID_BROADCAST)
}
