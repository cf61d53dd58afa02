//! Abort. Base-2.3 §5.2.1.

use lab::{Lab, Outcome, Patience, Shape, conformance};
use spec::command::{Abort, Flush, Write};
use spec::{Cid, Entries, Lba, Nsid, Qid};

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
#[conformance(reqs = [abort::VICTIM_STATUS, cqe::ONCE])]
fn accounts_for_the_victim(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
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
    ctrl.admin(Abort { sqid: Qid(9), cid: Cid(1) })?.ruled()?;
    ctrl.io_pair(Qid(1), Entries(16))
}
