//! Asynchronous events of type Error.

use log::LookReason;
use model::FindingKind;
use spec::command::{AsyncEventRequest, Flush, GetLogPage, SetFeatures};
use spec::register::{self, DoorbellKind};
use spec::requirement as req;
use spec::{Bytes, Fid, Lid, Nsid, Status};

use super::script::*;

const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;
const FLUSH: Flush = Flush { nsid: Nsid(1) };

fn with_pair() -> Script {
    let mut s = Script::new();
    s.queue_pair(1);
    s
}

#[test]
fn an_invalid_doorbell_stops_the_queue_and_owes_an_event() {
    let errored = || {
        let mut s = with_pair();
        let aer = s.send(0, AsyncEventRequest {}.into());
        s.done(0, Script::create_cq(2));
        s.doorbell(DoorbellKind::SqTail, 1, ENTRIES);
        (s, aer)
    };
    let (mut s, aer) = errored();
    let cqe = s.cqe(aer, SUCCESS, 0x01_0100);
    s.post(0, cqe);
    let later = s.send(1, FLUSH.into());
    s.empty_look(1, LookReason::Idle);
    s.passes();
    s.complete(later, SUCCESS);
    s.diverges(req::queue::ERRORED_CONSUMES_NONE);
    let (mut s, _) = errored();
    s.empty_look(0, LookReason::Idle);
    s.is_silent(req::async_event::INVALID_SQ_TAIL);
    // The queue was there.
    let (mut s, aer) = errored();
    let cqe = s.cqe(aer, SUCCESS, 0x01_0000);
    s.post(0, cqe);
    s.diverges(req::async_event::WHICH_DOORBELL_ERROR);
    let mut s = with_pair();
    let aer = s.send(0, AsyncEventRequest {}.into());
    s.doorbell(DoorbellKind::SqTail, 3, 1);
    let cqe = s.cqe(aer, SUCCESS, 0x01_0000);
    s.post(0, cqe);
    s.passes();
    // An event without any cause.
    let mut s = with_pair();
    let aer = s.send(0, AsyncEventRequest {}.into());
    let cqe = s.cqe(aer, SUCCESS, 0x01_0100);
    s.post(0, cqe);
    s.diverges(req::async_event::NOT_WITHOUT_CAUSE);
}

#[test]
fn a_retained_event_waits_for_the_read_that_clears() {
    let read_log = |rae: bool| {
        let page = GetLogPage { lid: Lid::ERROR_INFORMATION, rae, ..Default::default() };
        GetLogPage { prp1: buffer(9), nsid: Nsid(u32::MAX), ..page.with_bytes(Bytes(64)) }.into()
    };
    let retained = || {
        let mut s = with_pair();
        s.queue_pair(2);
        let first = s.send(0, AsyncEventRequest {}.into());
        let second = s.send(0, AsyncEventRequest {}.into());
        s.done(0, Script::create_cq(3));
        s.doorbell(DoorbellKind::SqTail, 1, ENTRIES);
        let cqe = s.cqe(first, SUCCESS, 0x01_0100);
        s.post(0, cqe);
        s.done(0, read_log(true));
        s.doorbell(DoorbellKind::SqTail, 2, ENTRIES);
        (s, second)
    };
    let judged = |s: &Script| {
        s.passes();
        s.judge().coverage().judged[usize::from(req::get_log_page::RETAIN_EVENT.0)]
    };
    let (mut s, second) = retained();
    let event = s.cqe(second, SUCCESS, 0x01_0100);
    assert_eq!(judged(&s), 0);
    // Before any read that clears: too early.
    s.post(0, event);
    s.diverges(req::async_event::MASKED_UNTIL_CLEARED);
    // The read that clears completes while the request waits, and then the event comes.
    let (mut s, second) = retained();
    s.done(0, read_log(false));
    assert!(judged(&s) > 0);
    let event = s.cqe(second, SUCCESS, 0x01_0100);
    s.post(0, event);
    assert!(judged(&s) > 0);
    // The event is in the queue before the completion of the read that set it free.
    let (mut s, second) = retained();
    let clears = s.send(0, read_log(false));
    let event = s.cqe(second, SUCCESS, 0x01_0100);
    s.post(0, event);
    assert!(judged(&s) > 0);
    s.complete(clears, SUCCESS);
    s.passes();
}

#[test]
fn an_event_from_before_a_reset_is_none_without_cause() {
    let mut s = with_pair();
    s.doorbell(DoorbellKind::SqTail, 1, ENTRIES);
    s.write(register::CC, 4, CC_ON & !1);
    s.csts(0);
    s.enable();
    let aer = s.send(0, AsyncEventRequest {}.into());
    s.passes();
    let cqe = s.cqe(aer, SUCCESS, 0x01_0100);
    s.post(0, cqe);
    s.diverges(req::reset::PENDING_EVENTS_DROPPED);
}

/// A host that moves a threshold to the other side of the temperature asks for the event.
#[test]
fn a_temperature_event_is_no_anomaly_once_the_host_has_moved_a_threshold() {
    /// When the Set Features completes.
    #[derive(Clone, Copy, PartialEq)]
    enum Moved {
        Never,
        Before,
        After,
    }
    let event = |moved: Moved| {
        let mut s = with_pair();
        let aer = s.send(0, AsyncEventRequest {}.into());
        let fid = Fid::TEMPERATURE_THRESHOLD;
        let set = SetFeatures { fid, cdw11: 10, ..Default::default() };
        let set = (moved != Moved::Never).then(|| s.send(0, set.into()));
        if let Some(set) = set.filter(|_| moved == Moved::Before) {
            s.complete(set, SUCCESS);
        }
        let cqe = s.cqe(aer, SUCCESS, 0x02_0101);
        s.post(0, cqe);
        if let Some(set) = set.filter(|_| moved == Moved::After) {
            s.complete(set, SUCCESS);
        }
        s
    };
    event(Moved::Before).passes();
    event(Moved::After).passes();
    let judge = event(Moved::Never).judge();
    let kinds: Vec<_> = judge.findings().iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::Anomaly]);
}
