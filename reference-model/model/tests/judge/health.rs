//! Temperatures, their thresholds and their events; pages and features that a list names.

use log::{Body, LookReason};
use model::FindingKind;
use spec::command::{AsyncEventRequest, GetFeatures, GetLogPage, SetFeatures};
use spec::log_page::{
    FeatureIdentifiersSupportedAndEffects, FidEffects, LidSupported, SmartHealth, SupportedLogPages,
};
use spec::register::{self, DoorbellKind};
use spec::requirement as req;
use spec::{Bytes, Cqe, Fid, Lid, Nsid, Req, Sqe, Status};

use super::script::*;

const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;
/// Temperature Threshold, log page 02h.
const HOT: u32 = 0x02_0101;
/// Invalid Doorbell Write Value, log page 01h.
const DOORBELL: u32 = 0x01_0100;

fn set(fid: Fid, cdw11: u32) -> Sqe {
    SetFeatures { fid, cdw11, ..SetFeatures::default() }.into()
}

/// Which critical warnings raise an event.
fn enable(bits: u32) -> Sqe {
    set(Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, bits)
}

/// The over threshold of the composite temperature, which is 310 K throughout.
fn over(kelvins: u32) -> Sqe {
    set(Fid::TEMPERATURE_THRESHOLD, kelvins)
}

fn read(lid: Lid, rae: bool, bytes: u64) -> Sqe {
    let page = GetLogPage { lid, rae, nsid: Nsid(0), prp1: buffer(9), ..GetLogPage::default() };
    page.with_bytes(Bytes(bytes)).into()
}

/// What the host sees in the buffer of [`read`].
fn show(s: &mut Script, bytes: &[u8]) {
    let payload = s.log.store(bytes);
    s.add(Body::BytesSeen { at: buffer(9), payload });
}

fn show_page(s: &mut Script, warns: bool) {
    let mut page = SmartHealth::zeroed();
    page.set().avsp(100).avspt(10).ctemp(310).cw(u8::from(warns) << 1);
    show(s, page.bytes());
}

/// The host reads log page 02h, which warns or not.
fn page(s: &mut Script, rae: bool, warns: bool) {
    s.done(0, read(Lid::SMART_HEALTH_INFORMATION, rae, 512));
    show_page(s, warns);
}

fn event(s: &mut Script, request: Sent, dw0: u32) {
    let cqe: Cqe = s.cqe(request, SUCCESS, dw0);
    s.post(0, cqe);
}

/// Thresholds at 340 K, nothing masked, the event enabled or not.
fn calm(enabled: bool) -> Script {
    let mut s = Script::new();
    s.done(0, over(340));
    s.done(0, enable(u32::from(enabled) << 1));
    page(&mut s, false, false);
    page(&mut s, true, false);
    s
}

/// The threshold is crossed while a request waits; the page says so.
fn crossed(enabled: bool) -> (Script, Sent) {
    let mut s = calm(enabled);
    let request = s.send(0, AsyncEventRequest {}.into());
    page(&mut s, true, false);
    s.done(0, over(290));
    page(&mut s, true, true);
    (s, request)
}

/// How often the requirement was judged, where nothing is found.
#[track_caller]
fn judged(s: &Script, req: Req) -> u32 {
    s.passes();
    s.judge().coverage().judged[usize::from(req.0)]
}

#[test]
fn a_warning_that_is_raised_and_enabled_owes_its_event() {
    let (mut s, request) = crossed(true);
    s.passes();
    event(&mut s, request, HOT);
    assert!(judged(&s, req::async_event::TEMPERATURE) > 0);
    let (mut s, _) = crossed(true);
    s.empty_look(0, LookReason::Idle);
    s.is_silent(req::async_event::TEMPERATURE);
    // A page that says nothing of the crossed threshold.
    let mut s = calm(true);
    s.done(0, over(290));
    page(&mut s, true, false);
    s.diverges(req::smart::TEMPERATURE_WARNING);
}

#[test]
fn no_event_is_owed_where_the_text_is_not_sure() {
    // Without a request, it should be kept, and may be lost.
    let mut s = calm(true);
    s.done(0, over(290));
    page(&mut s, true, true);
    s.send(0, AsyncEventRequest {}.into());
    s.empty_look(0, LookReason::Idle);
    s.passes();
    // The read that shows the warning clears its event.
    let mut s = calm(true);
    s.send(0, AsyncEventRequest {}.into());
    page(&mut s, true, false);
    s.done(0, over(290));
    page(&mut s, false, true);
    s.empty_look(0, LookReason::Idle);
    s.passes();
    // The same warning as before, after its event was cleared.
    let (mut s, request) = crossed(true);
    event(&mut s, request, HOT);
    page(&mut s, false, true);
    s.send(0, AsyncEventRequest {}.into());
    page(&mut s, true, true);
    s.empty_look(0, LookReason::Idle);
    s.passes();
    // Between the making of a page that clears and its completion the event may still be masked.
    let mut s = Script::new();
    s.done(0, enable(2));
    s.send(0, AsyncEventRequest {}.into());
    page(&mut s, false, false);
    s.done(0, over(290));
    page(&mut s, true, true);
    s.empty_look(0, LookReason::Idle);
    s.passes();
    // Whether the event was enabled was never read.
    let mut s = Script::new();
    s.done(0, over(340));
    page(&mut s, false, false);
    s.send(0, AsyncEventRequest {}.into());
    page(&mut s, true, false);
    s.done(0, over(290));
    page(&mut s, true, true);
    s.empty_look(0, LookReason::Idle);
    s.passes();
}

#[test]
fn a_page_made_beside_a_new_threshold_may_warn_or_not() {
    for warns in [false, true] {
        let mut s = calm(true);
        let changes = s.send(0, over(290));
        let reads = s.send(0, read(Lid::SMART_HEALTH_INFORMATION, true, 512));
        s.complete(reads, SUCCESS);
        s.complete(changes, SUCCESS);
        show_page(&mut s, warns);
        s.passes();
        // The next one is made by the new threshold.
        page(&mut s, true, true);
        s.passes();
    }
}

#[test]
fn an_event_that_is_not_enabled_is_not_sent() {
    let (mut s, request) = crossed(false);
    assert!(judged(&s, req::async_event::SMART_DISABLED) > 0);
    event(&mut s, request, HOT);
    s.diverges(req::async_event::SMART_DISABLED);
    // Another warning is enabled.
    let mut s = calm(false);
    s.done(0, enable(0x1d));
    page(&mut s, false, false);
    let request = s.send(0, AsyncEventRequest {}.into());
    s.done(0, over(290));
    event(&mut s, request, HOT);
    s.diverges(req::async_event::SMART_DISABLED);
    // It was enabled before, and no read has cleared what was caused then.
    let mut s = calm(true);
    s.done(0, over(290));
    s.done(0, enable(0));
    let request = s.send(0, AsyncEventRequest {}.into());
    event(&mut s, request, HOT);
    s.passes();
}

#[test]
fn an_event_that_nothing_explains_is_an_anomaly() {
    let mut s = Script::new();
    let request = s.send(0, AsyncEventRequest {}.into());
    event(&mut s, request, HOT);
    s.findings_are(&[FindingKind::Anomaly]);
    // Reliability: no threshold of the host's raises it.
    let mut s = calm(true);
    s.done(0, enable(0x1f));
    let request = s.send(0, AsyncEventRequest {}.into());
    event(&mut s, request, 0x02_0001);
    s.findings_are(&[FindingKind::Anomaly]);
}

#[test]
fn a_warning_that_stands_is_reported_when_it_is_enabled() {
    let stands = || {
        let mut s = calm(false);
        s.done(0, over(290));
        page(&mut s, true, true);
        let request = s.send(0, AsyncEventRequest {}.into());
        s.done(0, enable(2));
        (s, request)
    };
    let (mut s, request) = stands();
    event(&mut s, request, HOT);
    assert!(judged(&s, req::event_configuration::ALREADY_TRUE) > 0);
    let (mut s, _) = stands();
    s.empty_look(0, LookReason::Idle);
    s.passes();
    page(&mut s, true, true);
    s.empty_look(0, LookReason::Idle);
    s.is_silent(req::event_configuration::ALREADY_TRUE);
}

#[test]
fn health_events_mask_their_own_type_and_no_other() {
    let (mut s, request) = crossed(true);
    event(&mut s, request, HOT);
    let again = |mut s: Script| {
        let next = s.send(0, AsyncEventRequest {}.into());
        s.done(0, over(340));
        page(&mut s, true, false);
        s.done(0, over(290));
        page(&mut s, true, true);
        (s, next)
    };
    let (held, next) = again(s.clone());
    assert!(judged(&held, req::async_event::MASKED_UNTIL_CLEARED) > 0);
    assert!(judged(&held, req::get_log_page::RETAIN_EVENT) > 0);
    let mut early = held.clone();
    event(&mut early, next, HOT);
    early.diverges(req::async_event::MASKED_UNTIL_CLEARED);
    // The read that sets it free is answered after it.
    let mut freed = held;
    let clears = freed.send(0, read(Lid::SMART_HEALTH_INFORMATION, false, 512));
    event(&mut freed, next, HOT);
    freed.complete(clears, SUCCESS);
    freed.passes();
    // An error is reported all the same.
    s.queue_pair(1);
    let next = s.send(0, AsyncEventRequest {}.into());
    s.done(0, Script::create_cq(2));
    s.doorbell(DoorbellKind::SqTail, 1, ENTRIES);
    let mut silent = s.clone();
    event(&mut s, next, DOORBELL);
    assert!(judged(&s, req::async_event::MASKED_BY_TYPE) > 0);
    silent.empty_look(0, LookReason::Idle);
    silent.is_silent(req::async_event::MASKED_BY_TYPE);
}

#[test]
fn two_events_that_nobody_waited_for_should_be_queued() {
    let both = || {
        let mut s = calm(true);
        s.queue_pair(1);
        s.done(0, over(290));
        page(&mut s, true, true);
        s.doorbell(DoorbellKind::SqTail, 1, ENTRIES);
        let first = s.send(0, AsyncEventRequest {}.into());
        let second = s.send(0, AsyncEventRequest {}.into());
        (s, first, second)
    };
    let (mut s, first, second) = both();
    event(&mut s, first, DOORBELL);
    event(&mut s, second, HOT);
    assert!(judged(&s, req::async_event::QUEUED) > 0);
    let (mut s, first, _) = both();
    event(&mut s, first, HOT);
    s.empty_look(0, LookReason::Idle);
    s.findings_are(&[FindingKind::Warning]);
}

#[test]
fn after_a_reset_only_what_is_enabled_is_sent() {
    let reset = || {
        let mut s = calm(true);
        s.done(0, over(290));
        s.write(register::CC, 4, CC_OFF);
        s.csts(0);
        s.enable();
        let fid = Fid::ASYNCHRONOUS_EVENT_CONFIGURATION;
        s.done(0, GetFeatures { fid, ..GetFeatures::default() }.into());
        let request = s.send(0, AsyncEventRequest {}.into());
        (s, request)
    };
    let (mut s, request) = reset();
    s.passes();
    // The event was enabled and caused before.
    event(&mut s, request, HOT);
    s.diverges(req::reset::PENDING_EVENTS_DROPPED);
    // Spare below threshold, and a changed namespace: nobody ever asked for them.
    let (mut s, request) = reset();
    event(&mut s, request, 0x02_0201);
    s.diverges(req::async_event::SMART_DISABLED);
    let (mut s, request) = reset();
    event(&mut s, request, 0x04_0002);
    s.diverges(req::async_event::OPTIONAL_DISABLED);
}

/// A controller that lists pages 00h, 12h and 06h, and the features of its list.
fn with_lists(lists_test: bool, lists_timestamp: bool) -> Script {
    let mut s = Script::new();
    let mut pages = SupportedLogPages::zeroed();
    let entry = LidSupported::new().with_lsupp(true);
    for lid in [0, 1, 2, 3, 5, 0x12] {
        pages.set_lids(Lid(lid), entry);
    }
    pages.set_lids(Lid::DEVICE_SELF_TEST, entry.with_lsupp(lists_test));
    s.done(0, read(Lid::SUPPORTED_LOG_PAGES, false, 1024));
    show(&mut s, pages.bytes());
    let mut features = FeatureIdentifiersSupportedAndEffects::zeroed();
    features.set_fis(Fid::TIMESTAMP, FidEffects::new().with_fsupp(lists_timestamp));
    s.done(0, read(Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS, false, 1024));
    show(&mut s, features.bytes());
    s
}

#[test]
fn a_page_is_there_if_it_is_listed() {
    let asks = |listed: bool, status: Status| {
        let mut s = with_lists(listed, false);
        let sent = s.send(0, read(Lid::DEVICE_SELF_TEST, true, 512));
        s.complete(sent, status);
        s
    };
    let refused = Status::INVALID_LOG_PAGE;
    let mut there = asks(true, SUCCESS);
    assert!(judged(&there, req::supported_log_pages::AS_ANSWERED) > 0);
    assert!(judged(&asks(false, refused), req::supported_log_pages::AS_ANSWERED) > 0);
    asks(true, refused).diverges(req::supported_log_pages::AS_ANSWERED);
    asks(false, SUCCESS).diverges(req::get_log_page::LID_UNKNOWN);
    // The page may want more than its identifier.
    asks(true, Status::INVALID_FIELD_IN_COMMAND).passes();
    // What it says is not modelled.
    show(&mut there, &[0; 512]);
    there.findings_are(&[FindingKind::Gap]);
}

#[test]
fn a_feature_is_there_if_it_is_listed() {
    let asks = |listed: bool, cdw11: u32, status: Status| {
        let mut s = with_lists(false, listed);
        let get = GetFeatures { fid: Fid::TIMESTAMP, cdw11, ..GetFeatures::default() };
        let sent = s.send(0, get.into());
        s.complete(sent, status);
        s
    };
    let refused = Status::INVALID_FIELD_IN_COMMAND;
    asks(true, 0, refused).diverges(req::features_supported::ENTRIES);
    asks(true, 1, refused).passes();
    assert!(judged(&asks(false, 0, refused), req::features_supported::ENTRIES) > 0);
    asks(false, 0, SUCCESS).diverges(req::get_features::FID_UNKNOWN);
    // Its value is not modelled.
    asks(true, 0, SUCCESS).findings_are(&[FindingKind::Gap]);
}
