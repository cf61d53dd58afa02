//! Asynchronous Event Request. Base-2.3 §5.2.2.

use lab::{Ctl, Lab, Outcome, Patience, Pending, Stop, conformance};
use spec::command::{AsyncEventRequest, Flush};
use spec::register::DoorbellKind;
use spec::{Entries, Lid, Nsid, Qid};

use super::get_log_page::read_error_log;
use crate::base::given::{self, A_WHILE, waiting_request};

/// A request waits: without an event it does not complete.
#[conformance(req = async_event_request::ONLY_FOR_EVENTS)]
fn waits_for_an_event(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let event = ctrl.request_event()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.io(Qid(1), Flush { nsid: Nsid(1) })?.ruled()?;
    ctrl.wait(event, A_WHILE)?;
    ctrl.claim_in_flight(event)
}

/// AERL + 1 requests may wait, and of more at least one is refused.
#[conformance(req = async_event_request::ONE_REFUSED)]
fn refuses_more_requests_than_its_limit(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let limit = ctrl.facts().map_or(1, |facts| facts.event_limit);
    lab.needs(limit < 24, "AERL below 23, so that all requests fit into the admin queue")?;
    let mut last = None;
    for _ in 0..=limit {
        last = Some(ctrl.request_event()?);
    }
    let Some(last) = last else { return Ok(()) };
    ctrl.wait(last, Patience::Default)?;
    ctrl.release(Qid::ADMIN)
}

/// An out-of-range tail is reported as Invalid Doorbell Write Value, with log page 01h.
#[conformance(reqs = [async_event::INVALID_SQ_TAIL, async_event::ERROR_EVENT])]
fn reports_an_invalid_submission_queue_tail(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let event = waiting_request(&mut ctrl)?;
    ctrl.doorbell(DoorbellKind::SqTail, Qid(1), 16)?;
    ctrl.answer(event)?.accepted()
}

/// An out-of-range head is reported as Invalid Doorbell Write Value, with log page 01h.
#[conformance(reqs = [async_event::INVALID_CQ_HEAD, async_event::ERROR_EVENT])]
fn reports_an_invalid_completion_queue_head(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let event = waiting_request(&mut ctrl)?;
    ctrl.doorbell(DoorbellKind::CqHead, Qid(1), 16)?;
    ctrl.answer(event)?.accepted()
}

/// Two queues break one after the other; the second event is masked by the first.
fn break_two_queues<'d>(ctrl: &mut Ctl<'d>) -> Result<Pending, Stop> {
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.io_pair(Qid(2), Entries(16))?;
    let first = waiting_request(ctrl)?;
    let second = waiting_request(ctrl)?;
    ctrl.doorbell(DoorbellKind::SqTail, Qid(1), 16)?;
    let left = given::other_than_completed(ctrl, [first, second])?;
    ctrl.doorbell(DoorbellKind::SqTail, Qid(2), 16)?;
    ctrl.wait(left, A_WHILE)?;
    Ok(left)
}

/// After an error event the next one waits until the host has read the error log.
#[conformance(req = async_event::MASKED_UNTIL_CLEARED)]
fn masks_further_events_until_the_log_is_read(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.granted_io_sqs() >= 2, "two I/O Submission Queues")?;
    lab.needs(ctrl.facts().is_some_and(|f| f.event_limit >= 2), "AERL of at least 1")?;
    let left = break_two_queues(&mut ctrl)?;
    ctrl.claim_in_flight(left)?;
    read_error_log(&mut ctrl, 1, false)?.ruled()?;
    ctrl.wait(left, A_WHILE)?;
    Ok(())
}

/// Reading the log with Retain Asynchronous Event leaves the event masked.
#[conformance(req = get_log_page::RETAIN_EVENT)]
fn keeps_events_masked_when_the_host_retains_them(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.granted_io_sqs() >= 2, "two I/O Submission Queues")?;
    lab.needs(ctrl.facts().is_some_and(|f| f.event_limit >= 2), "AERL of at least 1")?;
    let left = break_two_queues(&mut ctrl)?;
    read_error_log(&mut ctrl, 1, true)?.ruled()?;
    ctrl.wait(left, A_WHILE)?;
    ctrl.claim_in_flight(left)?;
    read_error_log(&mut ctrl, 1, false)?.ruled()?;
    ctrl.wait(left, A_WHILE)?;
    Ok(())
}

/// The command has no use for a namespace, a buffer or dwords: plain, it is taken.
#[conformance(req = async_event_request::ONLY_FOR_EVENTS)]
fn is_outstanding_beside_other_admin_commands(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let event = ctrl.submit(Qid::ADMIN, AsyncEventRequest::default())?;
    let page = ctrl.destination(64)?;
    let log = spec::command::GetLogPage { lid: Lid::ERROR_INFORMATION, ..Default::default() };
    let log = spec::command::GetLogPage { prp1: page.at, ..log.with_bytes(spec::Bytes(64)) };
    let log = ctrl.submit(Qid::ADMIN, log)?;
    ctrl.ring(Qid::ADMIN)?;
    ctrl.answer(log)?.ruled()?;
    ctrl.claim_in_flight(event)
}
