//! Commands that are surely in flight, because the transport holds them: Abort, Delete I/O Submission Queue,
//! resets, shutdown and a full Completion Queue meet them there. Base-2.3 §3.3.1, §3.6, §3.7, §5.2.1.
//!
//! Every test claims that its commands are in flight before it goes on, so none passes without its race.

use lab::{Ctl, Lab, NamespaceFacts, Outcome, Pending, Shutdown, Stop, conformance};
use log::ResetKind;
use spec::command::DeleteIoSq;
use spec::register;
use spec::{Entries, Lba, Nsid, Qid};

use super::given::{self, A_WHILE};

/// Blocks that the tests write, from 0 on.
const BLOCKS: u64 = 6;

/// An enabled controller with queue pair 1 and known blocks.
fn start<'d>(lab: &mut Lab<'d>) -> Result<(Ctl<'d>, NamespaceFacts), Stop> {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.write_blocks(Nsid(ns.nsid), Lba(0), BLOCKS as u32)?.accepted()?;
    Ok((ctrl, ns))
}

/// Reads and Writes, alternating, one for each block; all of them held.
fn held(ctrl: &mut Ctl<'_>, ns: NamespaceFacts) -> Result<Vec<Pending>, Stop> {
    ctrl.hold()?;
    let mut pending = Vec::new();
    for lba in 0..BLOCKS {
        pending.push(if lba % 2 == 0 {
            let (write, _) = given::good_write(ctrl, ns, lba, 1)?;
            ctrl.submit(Qid(1), write)?
        } else {
            let (read, _) = given::good_read(ctrl, ns, lba, 1)?;
            ctrl.submit(Qid(1), read)?
        });
    }
    ctrl.ring(Qid(1))?;
    ctrl.await_held(&pending)?;
    Ok(pending)
}

/// Reads all of the blocks back: each is as it was, or as it was to become.
fn read_back(ctrl: &mut Ctl<'_>, ns: NamespaceFacts) -> Outcome {
    ctrl.read_blocks(Nsid(ns.nsid), Lba(0), BLOCKS as u32)?.accepted()
}

/// A command in flight is aborted, or is not: it gets one completion, whose status agrees with what
/// the Abort said (the judge holds it against that), and the others complete as if nothing had been.
#[conformance(reqs = [cqe::ONCE, queue::OWED_COMPLETION, data::LAST_WRITTEN], hazard = erasing)]
fn aborts_a_command_in_flight_or_leaves_it(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns) = start(lab)?;
    for victim in 0..2 {
        let pending = held(&mut ctrl, ns)?;
        let command = ctrl.abort(pending[victim]);
        let abort = ctrl.submit(Qid::ADMIN, command)?;
        ctrl.ring(Qid::ADMIN)?;
        // A controller may wait with its answer until the victim has ended.
        ctrl.wait(abort, A_WHILE)?;
        ctrl.let_go()?;
        ctrl.answer(abort)?.accepted()?;
        ctrl.wait_all()?;
        ctrl.release(Qid(1))?;
        read_back(&mut ctrl, ns)?;
    }
    Ok(())
}

/// The delete completes although commands are in flight, each of which completes before it or never.
#[conformance(reqs = [delete_io_sq::SUCCEEDS, delete_io_sq::NO_LATER_CQE, data::LAST_WRITTEN],
    hazard = erasing)]
fn deletes_a_queue_with_commands_in_flight(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns) = start(lab)?;
    held(&mut ctrl, ns)?;
    let delete = ctrl.submit(Qid::ADMIN, DeleteIoSq { qid: Qid(1) })?;
    ctrl.ring(Qid::ADMIN)?;
    ctrl.let_go()?;
    ctrl.answer(delete)?.accepted()?;
    ctrl.release(Qid(1))?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(8))?;
    given::flushes(&mut ctrl, Qid(1), Qid(1), 4)?;
    ctrl.wait_idle(A_WHILE)?;
    read_back(&mut ctrl, ns)
}

/// A reset ends commands in flight, whichever it is: none of them is heard of again, and every block is
/// as it was or as it was to become.
#[conformance(reqs = [reset::STOPS_EVERYTHING, reset::NOTHING_POSTED_AFTER, data::LAST_WRITTEN],
    hazard = erasing)]
fn ends_commands_in_flight_with_a_reset(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns) = start(lab)?;
    for kind in given::resets(lab) {
        lab.note(&format!("When: a reset of kind {kind:?}"))?;
        held(&mut ctrl, ns)?;
        if kind == ResetKind::Controller {
            let enabled = ctrl.cc()?;
            ctrl.write(register::CC, 4, u64::from(enabled.with_en(false).into_bits()))?;
            ctrl.let_go()?;
        }
        ctrl.reset(kind)?;
        given::bring_back(&mut ctrl)?;
        ctrl.io_pair(Qid(1), Entries(16))?;
        given::flushes(&mut ctrl, Qid(1), Qid(1), 4)?;
        ctrl.wait_idle(A_WHILE)?;
        read_back(&mut ctrl, ns)?;
        ctrl.sweep()?;
    }
    Ok(())
}

/// While completions fill their queue the rest wait for room, although their commands are done.
#[conformance(reqs = [queue::FULL_CQ_WAITS, queue::CQE_SLOT_ORDER, queue::OWED_COMPLETION])]
fn fills_a_completion_queue_at_once(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let room = 2;
    ctrl.create_io_cq(Qid(1), Entries(room + 1))?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(16))?;
    // Given: more commands than their queue has room for. When: all of them end together.
    ctrl.hold()?;
    let mut pending = Vec::new();
    for lba in 0..BLOCKS {
        let (read, _) = given::good_read(&mut ctrl, ns, lba, 1)?;
        pending.push(ctrl.submit(Qid(1), read)?);
    }
    ctrl.ring(Qid(1))?;
    // A controller may leave in their queue what it has no room to complete.
    ctrl.await_held(&pending[..room as usize])?;
    ctrl.let_go()?;
    // Then: no slot is used that the host has not given back.
    given::see_completions(&mut ctrl, Qid(1), room)?;
    let left = pending.into_iter().find(|command| ctrl.is_in_flight(*command));
    if let Some(left) = left {
        ctrl.wait(left, A_WHILE)?;
        ctrl.claim_in_flight(left)?;
    }
    ctrl.release(Qid(1))?;
    ctrl.wait_all()?;
    Ok(())
}

/// Admin commands and other queues that need no media go on while commands are in flight.
#[conformance(reqs = [queue::OWED_COMPLETION, cqe::ONCE], hazard = erasing)]
fn answers_admin_commands_meanwhile(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns) = start(lab)?;
    let pending = held(&mut ctrl, ns)?;
    for _ in 0..4 {
        ctrl.get_feature(spec::Fid::NUMBER_OF_QUEUES)?.accepted()?;
        ctrl.identify()?;
    }
    for command in pending {
        ctrl.claim_in_flight(command)?;
    }
    ctrl.let_go()?;
    ctrl.wait_all()?;
    ctrl.release(Qid(1))?;
    read_back(&mut ctrl, ns)
}

/// A shutdown that is asked for while commands are in flight ends, and what was completed is kept.
#[conformance(reqs = [shutdown::NORMAL, data::LAST_WRITTEN], hazard = erasing)]
fn shuts_down_with_commands_in_flight(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns) = start(lab)?;
    held(&mut ctrl, ns)?;
    ctrl.ask_shutdown(Shutdown::Normal)?;
    ctrl.let_go()?;
    let done = ctrl.wait_for(register::CSTS, 4, 0xc, 0x8)?;
    if !done {
        return Err(Stop::PatienceOver("CSTS.SHST = 10b".into()));
    }
    ctrl.reset(ResetKind::Controller)?;
    given::bring_back(&mut ctrl)?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    read_back(&mut ctrl, ns)
}
