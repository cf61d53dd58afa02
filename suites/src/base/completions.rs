//! Completion queue entries: whose they are and what they hold. Base-2.3 §4.2.1, §4.2.4.

use lab::{Lab, Outcome, conformance};
use spec::command::{Abort, DeleteIoSq, GetFeatures, Identify};
use spec::{Cid, Cns, Entries, Fid, Nsid, Qid};

use super::given::{A_WHILE, FLUSH, flushes};

/// A completion carries the identifiers of its command, whatever command identifier that has.
#[conformance(req = cqe::IDENTIFIERS)]
fn carries_the_identifiers_of_the_command(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let mut cids = vec![0, 1, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe];
    cids.extend((0..32).map(|_| lab.random().below(0xffff) as u16));
    cids.sort_unstable();
    cids.dedup();
    for some in cids.chunks(8) {
        for cid in some {
            ctrl.submit_as(Qid(1), Cid(*cid), FLUSH)?;
        }
        ctrl.ring(Qid(1))?;
        ctrl.wait_all()?;
        ctrl.release(Qid(1))?;
    }
    Ok(())
}

/// A command identifier may be used again as soon as its command has completed.
#[conformance(req = cqe::IDENTIFIERS)]
fn takes_an_identifier_again_at_once(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    for _ in 0..20 {
        let command = ctrl.submit_as(Qid(1), Cid(7), FLUSH)?;
        ctrl.ring(Qid(1))?;
        ctrl.answer(command)?.ruled()?;
    }
    Ok(())
}

/// The same command identifier may be in flight on several queues.
#[conformance(req = cqe::IDENTIFIERS)]
fn tells_queues_apart_that_use_the_same_identifiers(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.granted_io_sqs() >= 2, "two I/O Submission Queues")?;
    ctrl.create_io_cq(Qid(1), Entries(32))?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(16))?;
    ctrl.create_io_sq(Qid(2), Qid(1), Entries(16))?;
    for _ in 0..8 {
        for cid in 0..12 {
            ctrl.submit_as(Qid(1), Cid(cid), FLUSH)?;
            ctrl.submit_as(Qid(2), Cid(cid), FLUSH)?;
        }
        ctrl.ring_all()?;
        ctrl.wait_all()?;
        ctrl.release(Qid(1))?;
    }
    Ok(())
}

/// What a completion does not define is 0, after success and after failure.
#[conformance(reqs = [cqe::CRD_RESERVED, cqe::SUCCESS_DNR_CRD, cqe::RESERVED_DWORDS])]
fn leaves_undefined_fields_zero(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.io(Qid(1), FLUSH)?.ruled()?;
    ctrl.io(Qid(1), spec::command::Flush { nsid: Nsid(0) })?.ruled()?;
    ctrl.admin(DeleteIoSq { qid: Qid(0) })?.ruled()?;
    ctrl.admin(Abort { sqid: Qid(1), cid: Cid(0x1234) })?.ruled()?;
    ctrl.admin(GetFeatures { fid: Fid::NUMBER_OF_QUEUES, ..GetFeatures::default() })?.ruled()?;
    ctrl.identify_with(Identify { cns: Cns(0xbf), ..Identify::default() })?.ruled()?;
    ctrl.delete_io_sq(Qid(1))?.accepted()?;
    ctrl.delete_io_cq(Qid(1))?.accepted()
}

/// SQHD is a slot that the host may use again: past the command, and never past the tail.
#[conformance(req = cqe::SQHD)]
fn reports_a_head_between_command_and_tail(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.create_io_cq(Qid(1), Entries(64.min(ctrl.queue_entries_max().0)))?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(11))?;
    for _ in 0..12 {
        let count = lab.random().between(1, 10) as u32;
        flushes(&mut ctrl, Qid(1), Qid(1), count)?;
    }
    Ok(())
}

/// Each command completes once, and when all have, nothing more comes.
#[conformance(reqs = [cqe::ONCE, queue::COMMAND_EXECUTED_ONCE, queue::OWED_COMPLETION])]
fn completes_each_command_once(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let entries = ctrl.queue_entries_max().min(Entries(32));
    ctrl.io_pair(Qid(1), entries)?;
    for _ in 0..4 {
        flushes(&mut ctrl, Qid(1), Qid(1), 20.min(entries.0 - 1))?;
    }
    ctrl.wait_idle(A_WHILE)
}

/// The first completion of a new queue has phase tag 1, also if the identifier was used before.
#[conformance(reqs = [cqe::PHASE_OF_NEW_QUEUE, cqe::PHASE])]
fn begins_a_new_queue_with_phase_1(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    for used in [1, 3, 4, 6, 8] {
        ctrl.io_pair(Qid(1), Entries(4))?;
        for _ in 0..used {
            flushes(&mut ctrl, Qid(1), Qid(1), 1)?;
        }
        ctrl.delete_io_sq(Qid(1))?.accepted()?;
        ctrl.delete_io_cq(Qid(1))?.accepted()?;
    }
    Ok(())
}
