//! Data under way: commands that meet on the same blocks. NVM-1.0 §2.1.4; Base-2.3 §3.4.1.

use lab::{Ctl, Lab, NamespaceFacts, Outcome, Stop, conformance};
use spec::{Entries, Lba, Nsid, Qid};

use crate::base::given::{self, good_read, good_write};

/// A controller with two queue pairs.
fn two_queues<'d>(lab: &mut Lab<'d>) -> Result<(Ctl<'d>, NamespaceFacts), Stop> {
    let mut ctrl = lab.enabled_controller()?;
    let two = ctrl.granted_io_cqs() >= 2 && ctrl.granted_io_sqs() >= 2;
    lab.needs(two, "two I/O queue pairs")?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.io_pair(Qid(1), Entries(32))?;
    ctrl.io_pair(Qid(2), Entries(32))?;
    Ok((ctrl, ns))
}

fn finish(ctrl: &mut Ctl<'_>) -> Outcome {
    ctrl.wait_all()?;
    ctrl.release(Qid(1))?;
    ctrl.release(Qid(2))
}

/// A completed Write is visible to a Read submitted afterwards, through any queue.
#[conformance(reqs = [data::VISIBLE_AFTER_COMPLETION, data::LAST_WRITTEN], hazard = erasing)]
fn shows_a_completed_write_to_every_queue(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns) = two_queues(lab)?;
    for (one, other) in [(1, 2), (2, 1), (1, 2)] {
        let (write, _) = good_write(&mut ctrl, ns, 3, 4)?;
        ctrl.io(Qid(one), write)?.accepted()?;
        let (read, data) = good_read(&mut ctrl, ns, 3, 4)?;
        ctrl.io(Qid(other), read)?.accepted()?;
        ctrl.see_blocks(&data, Nsid(ns.nsid))?;
    }
    Ok(())
}

/// Of two Writes in flight on one block either may win, and the winner stays.
#[conformance(req = data::LAST_WRITTEN, hazard = erasing)]
fn lets_one_of_two_overlapping_writes_win(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns) = two_queues(lab)?;
    for _ in 0..8 {
        let lba = lab.random().below(4);
        let (one, _) = good_write(&mut ctrl, ns, 0, 6)?;
        let (two, _) = good_write(&mut ctrl, ns, lba, 4)?;
        ctrl.submit(Qid(1), one)?;
        let second = ctrl.submit(Qid(2), two)?;
        ctrl.ring_all()?;
        ctrl.claim_in_flight(second)?;
        finish(&mut ctrl)?;
        for _ in 0..2 {
            ctrl.read_blocks(Nsid(ns.nsid), Lba(0), 8)?.accepted()?;
        }
    }
    Ok(())
}

/// A Read beside a Write of the same block returns the old or the new data.
#[conformance(req = data::LAST_WRITTEN, hazard = erasing)]
fn returns_old_or_new_data_beside_a_write(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns) = two_queues(lab)?;
    ctrl.write_blocks(Nsid(ns.nsid), Lba(0), 8)?.accepted()?;
    for _ in 0..8 {
        let (write, _) = good_write(&mut ctrl, ns, 2, 4)?;
        let (read, data) = good_read(&mut ctrl, ns, 0, 8)?;
        ctrl.submit(Qid(1), write)?;
        let read = ctrl.submit(Qid(2), read)?;
        ctrl.ring_all()?;
        ctrl.claim_in_flight(read)?;
        finish(&mut ctrl)?;
        ctrl.see_blocks(&data, Nsid(ns.nsid))?;
        ctrl.read_blocks(Nsid(ns.nsid), Lba(0), 8)?.accepted()?;
    }
    Ok(())
}

/// Writes in flight to blocks side by side do not disturb each other.
#[conformance(req = data::LAST_WRITTEN, hazard = erasing)]
fn keeps_writes_side_by_side_apart(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns) = two_queues(lab)?;
    for _ in 0..4 {
        for lba in 0..32 {
            let (write, _) = good_write(&mut ctrl, ns, lba, 1)?;
            ctrl.submit(Qid(1 + (lba % 2) as u16), write)?;
        }
        ctrl.ring_all()?;
        finish(&mut ctrl)?;
        for lba in [0, 8, 16, 24] {
            ctrl.read_blocks(Nsid(ns.nsid), Lba(lba), 8)?.accepted()?;
        }
    }
    Ok(())
}

/// Reads and Writes at random, four in flight on two queues: every Read is explained by some order.
#[conformance(req = data::LAST_WRITTEN, hazard = erasing)]
fn explains_reads_and_writes_at_random(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns) = two_queues(lab)?;
    for _ in 0..40 {
        let mut reads = Vec::new();
        let mut writes = Vec::new();
        for _ in 0..4 {
            let qid = Qid(lab.random().between(1, 2) as u16);
            let (lba, blocks) = (lab.random().below(12), lab.random().between(1, 4) as u32);
            if lab.random().one_in(2) {
                let (write, data) = good_write(&mut ctrl, ns, lba, blocks)?;
                ctrl.submit(qid, write)?;
                writes.push(data);
            } else {
                let (read, data) = good_read(&mut ctrl, ns, lba, blocks)?;
                ctrl.submit(qid, read)?;
                reads.push(data);
            }
        }
        ctrl.ring_all()?;
        finish(&mut ctrl)?;
        for data in &reads {
            ctrl.see_blocks(data, Nsid(ns.nsid))?;
        }
        for data in reads.iter().chain(&writes) {
            ctrl.free_data(data)?;
        }
    }
    ctrl.read_blocks(Nsid(ns.nsid), Lba(0), 16)?.accepted()
}
