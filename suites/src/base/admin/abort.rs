//! Abort. Base-2.3 §5.2.1.

use lab::{Lab, Outcome, Patience, Shape, conformance};
use spec::command::{Abort, Flush, Write};
use spec::{Cid, Entries, Lba, Nsid, Qid};

use crate::base::given::{self, A_WHILE};

/// Where there is nothing to abort, the command succeeds and says so in dword 0.
#[conformance(req = abort::NOT_ABORTED)]
fn says_that_an_unknown_command_was_not_aborted(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.admin(Abort { sqid: Qid(1), cid: Cid(0x4321) })?.accepted()?;
    ctrl.io(Qid(1), Flush { nsid: Nsid(1) })?.ruled()
}

/// A command that has completed can no longer be aborted.
#[conformance(req = abort::NOT_ABORTED)]
fn says_that_a_completed_command_was_not_aborted(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let done = ctrl.submit(Qid(1), Flush { nsid: Nsid(1) })?;
    ctrl.ring(Qid(1))?;
    ctrl.answer(done)?.ruled()?;
    let command = ctrl.abort(done);
    ctrl.admin(command)?.accepted()
}

/// A pending Asynchronous Event Request may be aborted: then it completes with Command Abort
/// Requested, and otherwise it stays.
#[conformance(req = abort::ASYNC_EVENT_REQUEST)]
fn aborts_a_pending_event_request_or_leaves_it(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let event = ctrl.request_event()?;
    let command = ctrl.abort(event);
    let answer = ctrl.admin(command)?;
    answer.accepted()?;
    if answer.dw0() & 1 == 0 {
        ctrl.wait(event, Patience::Default)?;
    }
    Ok(())
}

/// Aborted or completed: a victim in flight gets exactly one completion, and its status agrees with
/// what the Abort said.
#[conformance(reqs = [abort::VICTIM_STATUS, cqe::ONCE], hazard = erasing)]
fn accounts_for_the_victim(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.queue_entries_max() >= Entries(64), "CAP.MQES of at least 63")?;
    ctrl.io_pair(Qid(1), Entries(64))?;
    let mut aborted = false;
    for _ in 0..8 {
        // Given: a long queue of Writes, so that the last one waits.
        let data = ctrl.data(4096, log::Perm::ToController, Shape::default())?;
        ctrl.fill(&data, Nsid(1), Lba(0))?;
        let mut victim = None;
        for slba in (0..32).map(Lba) {
            let write = Write { nsid: Nsid(1), slba, ..Write::default() };
            victim = Some(ctrl.submit(Qid(1), data.at(write))?);
        }
        let Some(victim) = victim else { return Ok(()) };
        // When: the host aborts it while its doorbell is hardly rung.
        let command = ctrl.abort(victim);
        let command = ctrl.submit(Qid::ADMIN, command)?;
        ctrl.ring_all()?;
        let answer = ctrl.answer(command)?;
        answer.ruled()?;
        aborted |= answer.dw0() & 1 == 0;
        // Then: everything completes, the victim once.
        ctrl.wait_all()?;
        ctrl.release(Qid(1))?;
        ctrl.free_data(&data)?;
    }
    lab.needs(aborted, "a controller that aborts a command at once at least once")
}

/// An Abort names a queue that does not exist: there is nothing to abort.
#[conformance(req = abort::SQID_UNKNOWN)]
fn finds_nothing_in_a_queue_that_does_not_exist(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let answer = ctrl.admin(Abort { sqid: Qid(9), cid: Cid(1) })?;
    answer.ruled()?;
    // No text covers such a queue: an error is as good an answer, and says nothing of dword 0.
    lab.needs(answer.status().is_success(), "an Abort that succeeds for any queue")?;
    ctrl.io_pair(Qid(1), Entries(16))
}

/// A command that was aborted at once does nothing more: it leaves its buffer alone, and blocks that
/// the host writes next keep what the host wrote.
#[conformance(reqs = [abort::VICTIM_STATUS, data::LAST_WRITTEN], hazard = erasing)]
fn keeps_an_aborted_command_from_any_effect(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    lab.needs(ctrl.queue_entries_max() >= Entries(64), "CAP.MQES of at least 63")?;
    ctrl.io_pair(Qid(1), Entries(64))?;
    let mut aborted = false;
    for _ in 0..8 {
        // Given: a queue of Writes, the last one to a block and from a buffer of its own.
        for lba in 0..31 {
            let (write, _) = given::good_write(&mut ctrl, ns, lba, 1)?;
            ctrl.submit(Qid(1), write)?;
        }
        let (write, _) = given::good_write(&mut ctrl, ns, 40, 1)?;
        let victim = ctrl.submit(Qid(1), write)?;
        // When: the host aborts it while its doorbell is hardly rung, and writes the block anew.
        let command = ctrl.abort(victim);
        let command = ctrl.submit(Qid::ADMIN, command)?;
        ctrl.ring_all()?;
        let answer = ctrl.answer(command)?;
        answer.ruled()?;
        aborted |= answer.dw0() & 1 == 0;
        ctrl.wait_all()?;
        ctrl.release(Qid(1))?;
        ctrl.write_blocks(Nsid(ns.nsid), Lba(40), 1)?.accepted()?;
        // Then: that is what the block holds from now on.
        ctrl.wait_idle(A_WHILE)?;
        ctrl.read_blocks(Nsid(ns.nsid), Lba(40), 1)?.accepted()?;
    }
    lab.needs(aborted, "a controller that aborts a command at once at least once")
}
