//! Two controllers of one NVM subsystem. Base-2.3 §2.4.1, §3.7.2, §3.6.1.

use lab::{Capability, Ctl, Lab, Outcome, Shutdown, Stop, conformance};
use log::ResetKind;
use spec::command::Identify;
use spec::register::DoorbellKind;
use spec::{Cns, Entries, Lba, Nsid, Qid};

use super::given::{self, A_WHILE, flushes};

/// Controllers 0 and 1, both enabled and identified.
fn both<'d>(lab: &mut Lab<'d>) -> Result<(Ctl<'d>, Ctl<'d>), Stop> {
    let first = lab.enabled_controller()?;
    let mut second = lab.controller(1)?;
    given::bring_back(&mut second)?;
    Ok((first, second))
}

/// A queue pair with a command behind it, and an event request that waits.
fn busy(ctrl: &mut Ctl<'_>) -> Result<lab::Pending, Stop> {
    ctrl.io_pair(Qid(1), Entries(16))?;
    flushes(ctrl, Qid(1), Qid(1), 4)?;
    given::waiting_request(ctrl)
}

/// The controller is ready, its queues work, and its event request still waits.
fn undisturbed(ctrl: &mut Ctl<'_>, event: lab::Pending) -> Outcome {
    ctrl.csts()?;
    flushes(ctrl, Qid(1), Qid(1), 15)?;
    ctrl.wait(event, A_WHILE)?;
    ctrl.claim_in_flight(event)
}

/// Each controller has an identifier of its own; serial, model, name and NN are the subsystem's.
#[conformance(reqs = [controller::OWN_CNTLID, controller::SAME_SERIAL_AND_MODEL,
    controller::SAME_NN, controller::SAME_SUBNQN, controller::CMIC])]
fn describe_themselves_as_parts_of_one_subsystem(lab: &mut Lab<'_>) -> Outcome {
    both(lab)?;
    Ok(())
}

/// A shared namespace is the same on both, and marked as shareable.
#[conformance(reqs = [controller::SAME_NAMESPACE_DATA, controller::SHARED_MARKED])]
fn describe_the_same_namespace(lab: &mut Lab<'_>) -> Outcome {
    let (mut first, _) = both(lab)?;
    // NSIDs of two controllers name the same namespace for sure if a unique identifier says so.
    let nsid = Nsid(given::namespace(lab, &first)?.nsid);
    let ns = first.identify_with(Identify { nsid, ..Identify::default() })?.identify_namespace()?;
    let unique = ns.nguid() != [0; 16] || ns.eui64() != [0; 8];
    lab.needs(unique, "a namespace with an NGUID or EUI64")
}

/// What is written through one controller is read through the other.
#[conformance(reqs = [data::SHARED, data::LAST_WRITTEN])]
fn share_their_data(lab: &mut Lab<'_>) -> Outcome {
    let (mut first, mut second) = both(lab)?;
    let ns = given::namespace(lab, &first)?;
    let nsid = Nsid(ns.nsid);
    for lba in [0, 3, 0, 7] {
        first.write_blocks(nsid, Lba(lba), 4)?.accepted()?;
        second.read_blocks(nsid, Lba(0), 12)?.accepted()?;
        second.write_blocks(nsid, Lba(lba + 1), 2)?.accepted()?;
        first.read_blocks(nsid, Lba(0), 12)?.accepted()?;
    }
    Ok(())
}

/// Writes through both controllers at once: each block is one or the other, and then stays.
#[conformance(req = data::LAST_WRITTEN)]
fn agree_on_blocks_that_both_wrote(lab: &mut Lab<'_>) -> Outcome {
    let (mut first, mut second) = both(lab)?;
    let ns = given::namespace(lab, &first)?;
    let nsid = Nsid(ns.nsid);
    first.io_pair(Qid(1), Entries(16))?;
    second.io_pair(Qid(1), Entries(16))?;
    for _ in 0..6 {
        let (one, _) = given::good_write(&mut first, ns, 0, 4)?;
        let (two, _) = given::good_write(&mut second, ns, 2, 4)?;
        first.submit(Qid(1), one)?;
        second.submit(Qid(1), two)?;
        first.ring(Qid(1))?;
        second.ring(Qid(1))?;
        first.wait_all()?;
        second.wait_all()?;
        first.release(Qid(1))?;
        second.release(Qid(1))?;
        first.read_blocks(nsid, Lba(0), 6)?.accepted()?;
        second.read_blocks(nsid, Lba(0), 6)?.accepted()?;
    }
    Ok(())
}

/// A Controller Reset of one leaves the other's queues, commands and data alone.
#[conformance(reqs = [controller::OWN_RESET, controller::OWN_STATE, data::LAST_WRITTEN])]
fn are_reset_one_at_a_time(lab: &mut Lab<'_>) -> Outcome {
    let (mut first, mut second) = both(lab)?;
    let ns = given::namespace(lab, &first)?;
    let nsid = Nsid(ns.nsid);
    let event = busy(&mut second)?;
    busy(&mut first)?;
    first.write_blocks(nsid, Lba(0), 4)?.accepted()?;
    first.disable()?;
    undisturbed(&mut second, event)?;
    second.read_blocks(nsid, Lba(0), 4)?.accepted()?;
    given::bring_back(&mut first)?;
    undisturbed(&mut second, event)?;
    first.read_blocks(nsid, Lba(0), 4)?.accepted()
}

/// Commands in flight on one controller complete although the other is reset meanwhile.
#[conformance(reqs = [controller::OWN_RESET, queue::OWED_COMPLETION, data::LAST_WRITTEN])]
fn finish_their_commands_while_the_other_is_reset(lab: &mut Lab<'_>) -> Outcome {
    let (mut first, mut second) = both(lab)?;
    let ns = given::namespace(lab, &first)?;
    second.io_pair(Qid(1), Entries(32))?;
    let mut last = None;
    for lba in 0..24 {
        let (write, _) = given::good_write(&mut second, ns, lba, 1)?;
        last = Some(second.submit(Qid(1), write)?);
    }
    second.ring(Qid(1))?;
    if let Some(last) = last {
        second.claim_in_flight(last)?;
    }
    first.disable()?;
    second.wait_all()?;
    second.release(Qid(1))?;
    given::bring_back(&mut first)?;
    first.read_blocks(Nsid(ns.nsid), Lba(16), 8)?.accepted()
}

/// A Function Level Reset of one leaves the other alone.
#[conformance(reqs = [controller::OWN_RESET, reset::STOPS_EVERYTHING])]
fn are_reset_one_function_at_a_time(lab: &mut Lab<'_>) -> Outcome {
    let (mut first, mut second) = both(lab)?;
    let flr = lab.capabilities().resets.contains(&ResetKind::FunctionLevel);
    lab.needs_transport(Capability::Resets, flr, "Function Level Reset")?;
    let event = busy(&mut second)?;
    busy(&mut first)?;
    first.reset(ResetKind::FunctionLevel)?;
    first.csts()?;
    undisturbed(&mut second, event)?;
    given::bring_back(&mut first)?;
    undisturbed(&mut second, event)
}

/// A shutdown of one does not stop the other.
#[conformance(reqs = [controller::OWN_SHUTDOWN, shutdown::NORMAL])]
fn are_shut_down_one_at_a_time(lab: &mut Lab<'_>) -> Outcome {
    let (mut first, mut second) = both(lab)?;
    let event = busy(&mut second)?;
    first.shutdown(Shutdown::Normal)?;
    undisturbed(&mut second, event)?;
    first.disable()?;
    given::bring_back(&mut first)?;
    undisturbed(&mut second, event)
}

/// Abort finds commands of its own controller only, though the other has one of that name.
#[conformance(reqs = [controller::OWN_ABORT, async_event_request::ONLY_FOR_EVENTS])]
fn abort_only_their_own_commands(lab: &mut Lab<'_>) -> Outcome {
    let (mut first, mut second) = both(lab)?;
    let event = busy(&mut second)?;
    let command = second.abort(event);
    first.admin(command)?.accepted()?;
    undisturbed(&mut second, event)
}

/// Queue identifiers are each controller's own: deleting queue 1 of one leaves the other's.
#[conformance(reqs = [controller::OWN_QUEUES, delete_io_sq::SUCCEEDS, delete_io_cq::SUCCEEDS])]
fn have_queues_of_their_own(lab: &mut Lab<'_>) -> Outcome {
    let (mut first, mut second) = both(lab)?;
    let event = busy(&mut second)?;
    busy(&mut first)?;
    first.delete_io_sq(Qid(1))?.accepted()?;
    first.delete_io_cq(Qid(1))?.accepted()?;
    undisturbed(&mut second, event)?;
    first.io_pair(Qid(1), Entries(8))?;
    flushes(&mut first, Qid(1), Qid(1), 7)
}

/// An invalid doorbell value is reported by its own controller only.
#[conformance(reqs = [async_event::INVALID_SQ_TAIL, async_event_request::ONLY_FOR_EVENTS])]
fn report_their_own_events(lab: &mut Lab<'_>) -> Outcome {
    let (mut first, mut second) = both(lab)?;
    let event = busy(&mut second)?;
    let mine = busy(&mut first)?;
    first.doorbell(DoorbellKind::SqTail, Qid(1), 16)?;
    first.answer(mine)?.accepted()?;
    undisturbed(&mut second, event)
}

/// The number of queues is set for each controller by itself.
#[conformance(reqs = [controller::OWN_NUMBER_OF_QUEUES, number_of_queues::STABLE])]
fn are_granted_queues_one_by_one(lab: &mut Lab<'_>) -> Outcome {
    let mut first = lab.enabled_controller()?;
    let mut second = lab.controller(1)?;
    first.get_feature(spec::Fid::NUMBER_OF_QUEUES)?.accepted()?;
    second.enable()?;
    // That it is one of several stands in its Identify structure.
    let own = Identify { cns: Cns::IDENTIFY_CONTROLLER, ..Identify::default() };
    second.identify_with(own)?.identify_controller()?;
    second.ask_queues(1, 1)?.accepted()?;
    first.get_feature(spec::Fid::NUMBER_OF_QUEUES)?.accepted()?;
    second.get_feature(spec::Fid::NUMBER_OF_QUEUES)?.accepted()
}
