//! Becoming ready and ceasing to be. Base-2.3 §3.5.1, §3.1.4.5, §3.1.4.6.

use lab::{Ctl, Lab, Outcome, conformance};
use spec::command::Identify;
use spec::{Cns, Entries, Qid};

use super::given::{self, A_WHILE, FLUSH};

/// With its admin queues set up and CC.EN = 1 the controller becomes ready, in the time that it
/// tells, and takes admin commands.
#[conformance(reqs = [ready::ENABLE, ready::RISES_IN_TIME, ready::ACCEPTS_ADMIN])]
fn becomes_ready_in_time(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    if ctrl.vs()? >= spec::Version::new(2, 0) {
        ctrl.cap()?;
        ctrl.read(spec::register::CRTO, 4)?;
    }
    ctrl.enable()?;
    identify(&mut ctrl, 1)
}

/// With CC.EN = 0 the controller ceases to be ready, in the time that it tells.
#[conformance(reqs = [ready::DISABLE, ready::FALLS_IN_TIME, reset::RDY_CLEAR])]
fn ceases_to_be_ready_in_time(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.disable()?;
    ctrl.csts()?;
    Ok(())
}

/// The controller can be enabled and disabled any number of times.
#[conformance(reqs = [ready::REPEATABLE, ready::DISABLE, queue::DOORBELLS_RESET])]
fn can_be_enabled_again_and_again(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    for _ in 0..8 {
        ctrl.enable()?;
        ctrl.ask_queues(1, 1)?.ruled()?;
        ctrl.io_pair(Qid(1), Entries(8))?;
        ctrl.io(Qid(1), FLUSH)?.ruled()?;
        ctrl.disable()?;
    }
    Ok(())
}

/// The controller stays not ready while nobody enables it.
#[conformance(reqs = [reset::RDY_CLEAR, ready::NOTHING_WHILE_DISABLED,
    reset::NOTHING_POSTED_AFTER])]
fn stays_disabled(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(8))?;
    ctrl.request_event()?;
    ctrl.disable()?;
    ctrl.wait_idle(A_WHILE)?;
    ctrl.csts()?;
    ctrl.sweep()?;
    Ok(())
}

/// A command that is left in a slot of the old admin queue is not fetched after the next enable.
#[conformance(reqs = [ready::REPEATABLE, queue::COMMAND_EXECUTED_ONCE, queue::DOORBELLS_RESET])]
fn forgets_what_was_never_rung(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.submit(Qid::ADMIN, Identify { cns: Cns(0xbf), ..Identify::default() })?;
    ctrl.disable()?;
    given::bring_back(&mut ctrl)?;
    identify(&mut ctrl, 4)?;
    ctrl.wait_idle(A_WHILE)
}

/// Admin queues may have 2 to 4,096 entries, whatever CAP.MQES says, and need not be of one size.
#[conformance(reqs = [ready::NEW_ADMIN_QUEUE, register::ADMIN_QUEUE_PROGRAMMED, cqe::SQHD,
    cqe::PHASE, queue::WRAPS])]
fn uses_admin_queues_of_each_size(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    for (sq, cq) in [(2, 2), (2, 4096), (4096, 2), (3, 5), (64, 33), (4096, 4096)] {
        ctrl.enable_with(Entries(sq), Entries(cq))?;
        identify(&mut ctrl, 2 * sq.min(cq).min(64) + 1)?;
        ctrl.disable()?;
    }
    Ok(())
}

/// The largest admin queues are used to their last slot, and wrap.
#[conformance(reqs = [queue::WRAPS, cqe::PHASE, cqe::SQHD, queue::CQE_SLOT_ORDER])]
fn wraps_the_largest_admin_queues(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    ctrl.enable_with(Entries(4096), Entries(4096))?;
    let get = spec::command::GetFeatures {
        fid: spec::Fid::NUMBER_OF_QUEUES,
        ..spec::command::GetFeatures::default()
    };
    for _ in 0..9 {
        for _ in 0..512 {
            ctrl.submit(Qid::ADMIN, get)?;
        }
        ctrl.ring(Qid::ADMIN)?;
        ctrl.wait_all()?;
        ctrl.release(Qid::ADMIN)?;
    }
    Ok(())
}

/// Asks for Identify Controller so many times.
fn identify(ctrl: &mut Ctl<'_>, times: u32) -> Outcome {
    let page = ctrl.destination(4096)?;
    let command = Identify { cns: Cns::IDENTIFY_CONTROLLER, prp1: page.at, ..Identify::default() };
    for _ in 0..times {
        ctrl.admin(command)?.accepted()?;
    }
    Ok(())
}
