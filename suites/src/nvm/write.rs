//! Write. NVM-1.0 §3.2.6, §3.1.2.

use lab::{Lab, Outcome, conformance};
use spec::command::Write;
use spec::requirement::common;
use spec::{Entries, Lba, Nsid, Qid};

use crate::base::given::{self, good_write};

/// Of several Writes to one block the last one counts.
#[conformance(req = data::LAST_WRITTEN, hazard = erasing)]
fn replaces_what_was_written_before(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let nsid = Nsid(ns.nsid);
    for (lba, blocks) in [(0, 8), (2, 4), (0, 8), (3, 1), (7, 2)] {
        ctrl.write_blocks(nsid, Lba(lba), blocks)?.accepted()?;
        ctrl.read_blocks(nsid, Lba(0), 10)?.accepted()?;
    }
    Ok(())
}

/// A Write changes the blocks that it names, and not their neighbours.
#[conformance(reqs = [data::NEIGHBOURS, data::LAST_WRITTEN], hazard = erasing)]
fn leaves_the_neighbours_alone(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let nsid = Nsid(ns.nsid);
    // Given: blocks 0 to 15 are written, and blocks 16 to 23 are what they are.
    ctrl.write_blocks(nsid, Lba(0), 16)?.accepted()?;
    ctrl.read_blocks(nsid, Lba(16), 8)?.accepted()?;
    for _ in 0..8 {
        let lba = lab.random().between(1, 15);
        let blocks = lab.random().between(1, 4) as u32;
        ctrl.write_blocks(nsid, Lba(lba), blocks)?.accepted()?;
        ctrl.read_blocks(nsid, Lba(lba - 1), blocks + 2)?.accepted()?;
    }
    ctrl.read_blocks(nsid, Lba(0), 16)?.accepted()?;
    ctrl.read_blocks(nsid, Lba(16), 8)?.accepted()
}

/// NLB = 0 writes one block.
#[conformance(reqs = [common::NLB, data::LAST_WRITTEN], hazard = erasing)]
fn writes_one_block_with_nlb_0(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let nsid = Nsid(ns.nsid);
    ctrl.write_blocks(nsid, Lba(20), 3)?.accepted()?;
    ctrl.write_blocks(nsid, Lba(21), 1)?.accepted()?;
    ctrl.read_blocks(nsid, Lba(20), 3)?.accepted()
}

/// The last block can be written. A range that goes beyond it is refused, and changes nothing.
#[conformance(reqs = [common::LAST_LBA, common::LBA_RANGE], hazard = erasing)]
fn writes_up_to_the_last_block_and_no_further(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let nsid = Nsid(ns.nsid);
    ctrl.write_blocks(nsid, Lba(ns.last() - 3), 4)?.accepted()?;
    for (slba, nlb) in [(ns.last(), 2), (ns.last() + 1, 1), (ns.last() - 2, 8)] {
        let (good, _) = good_write(&mut ctrl, ns, ns.last() - 8, nlb)?;
        ctrl.io(Qid(1), Write { slba: Lba(slba), ..good })?.refused_by(common::LBA_RANGE)?;
    }
    ctrl.read_blocks(nsid, Lba(ns.last() - 3), 4)?.accepted()
}

/// A range that goes past the largest block address there can be does not wrap to block 0.
#[conformance(reqs = [common::LBA_RANGE], hazard = erasing)]
fn refuses_a_range_that_overflows(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.write_blocks(Nsid(ns.nsid), Lba(0), 4)?.accepted()?;
    let (good, _) = good_write(&mut ctrl, ns, 0, 4)?;
    for slba in [u64::MAX, u64::MAX - 1, u64::MAX - 3, 1 << 63, 1 << 32 | ns.blocks] {
        ctrl.io(Qid(1), Write { slba: Lba(slba), ..good })?.refused_by(common::LBA_RANGE)?;
    }
    ctrl.read_blocks(Nsid(ns.nsid), Lba(0), 4)?.accepted()
}

/// A Write of exactly MDTS bytes is legal, and one block more is refused and changes nothing.
#[conformance(reqs = [common::MDTS, common::MDTS_LEGAL], hazard = erasing)]
fn writes_as_much_as_mdts_allows(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let limit = given::transfer_bytes(&ctrl, u64::MAX);
    lab.needs(limit <= 4 << 20, "MDTS of at most 4 MiB")?;
    let most = (limit / u64::from(ns.block_bytes)) as u32;
    let room = most < 0x1_0000 && ns.blocks > u64::from(most);
    lab.needs(room, "a namespace and an NLB larger than MDTS")?;
    ctrl.write_blocks(Nsid(ns.nsid), Lba(0), most)?.accepted()?;
    let (more, _) = good_write(&mut ctrl, ns, 0, most + 1)?;
    ctrl.io(Qid(1), more)?.refused_by(common::MDTS)?;
    ctrl.read_blocks(Nsid(ns.nsid), Lba(0), most)?.accepted()
}

/// FUA, Limited Retry and one hint of Dataset Management change nothing in what is written.
#[conformance(req = data::LAST_WRITTEN, hazard = erasing)]
fn writes_the_same_with_every_option(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    for (fua, lr, dsm) in [(true, false, 0), (false, true, 0), (false, false, 0x40)] {
        let (good, _) = good_write(&mut ctrl, ns, 12, 4)?;
        ctrl.io(Qid(1), Write { fua, lr, dsm, ..good })?.accepted()?;
        ctrl.read_blocks(Nsid(ns.nsid), Lba(12), 4)?.accepted()?;
    }
    Ok(())
}

/// What was written with FUA is on the media: a loss of power does not take it.
#[conformance(reqs = [write::FUA, data::LAST_WRITTEN])]
fn makes_data_durable_with_fua(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    given::needs_power_cycle(lab)?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let (good, _) = good_write(&mut ctrl, ns, 40, 8)?;
    ctrl.io(Qid(1), Write { fua: true, ..good })?.accepted()?;
    ctrl.reset(log::ResetKind::PowerCycle)?;
    given::bring_back(&mut ctrl)?;
    ctrl.read_blocks(Nsid(ns.nsid), Lba(40), 8)?.accepted()
}

/// NSID 0 and one above NN name no namespace: refused, and nothing is written anywhere.
#[conformance(reqs = [common::NSID_INVALID, data::LAST_WRITTEN], hazard = erasing)]
fn refuses_an_invalid_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let nn = ctrl.facts().map_or(0, |facts| facts.nn);
    lab.needs(nn < 0xffff_fffe, "an NSID above NN")?;
    ctrl.write_blocks(Nsid(ns.nsid), Lba(0), 2)?.accepted()?;
    let (good, _) = good_write(&mut ctrl, ns, 0, 2)?;
    for nsid in [Nsid(0), Nsid(nn + 1)] {
        ctrl.io(Qid(1), Write { nsid, ..good })?.refused_by(common::NSID_INVALID)?;
    }
    ctrl.read_blocks(Nsid(ns.nsid), Lba(0), 2)?.accepted()
}

/// A Write names one namespace: FFFFFFFFh is refused, and nothing is written anywhere.
#[conformance(reqs = [common::NSID_BROADCAST, data::LAST_WRITTEN], hazard = erasing)]
fn refuses_all_namespaces_at_once(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.write_blocks(Nsid(ns.nsid), Lba(0), 2)?.accepted()?;
    let (good, _) = good_write(&mut ctrl, ns, 0, 2)?;
    ctrl.io(Qid(1), Write { nsid: Nsid::BROADCAST, ..good })?.refused_by(common::NSID_BROADCAST)?;
    ctrl.read_blocks(Nsid(ns.nsid), Lba(0), 2)?.accepted()
}
