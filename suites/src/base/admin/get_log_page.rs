//! Get Log Page, what holds for every page, and page 01h (Error Information). Base-2.3 §5.2.12.

use lab::{Answer, Ctl, Lab, Outcome, Stop, conformance};
use spec::command::{DeleteIoSq, GetLogPage};
use spec::register::DoorbellKind;
use spec::requirement::get_log_page;
use spec::{Bytes, Entries, Lid, Nsid, Qid};

use crate::base::given::{self, A_WHILE};

/// A good read of `entries` entries of the error log.
pub(super) fn read_error_log<'d>(
    ctrl: &mut Ctl<'d>,
    entries: u64,
    rae: bool,
) -> Result<Answer<'d>, Stop> {
    let bytes = 64 * entries;
    let command = GetLogPage { nsid: Nsid::BROADCAST, lid: Lid::ERROR_INFORMATION, rae, ..good() };
    ctrl.admin_in(command.with_bytes(Bytes(bytes)), bytes)
}

/// A log page identifier that no text gives a meaning. Base-2.3 figure 206.
const RESERVED: Lid = Lid(0x6f);

fn good() -> GetLogPage {
    GetLogPage::default()
}

/// The error log can be read, in part and as a whole, and its entries are in order.
#[conformance(reqs = [get_log_page::SHORT_READ, error_log::ORDER, error_log::RESERVED_ZERO])]
fn returns_the_error_log(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    // Given: two commands that failed.
    for _ in 0..2 {
        ctrl.admin(DeleteIoSq { qid: Qid(1) })?.ruled()?;
    }
    // A part of an entry is less than any page has.
    let part = GetLogPage { lid: Lid::ERROR_INFORMATION, rae: true, ..good() };
    ctrl.admin_in(part.with_bytes(Bytes(4)), 4)?.accepted()?;
    for entries in [1, 2] {
        let answer = read_error_log(&mut ctrl, entries, false)?;
        answer.accepted()?;
        answer.bytes()?;
    }
    Ok(())
}

/// No more is written than the host asked for.
#[conformance(req = get_log_page::NUMD)]
fn writes_no_more_than_was_asked_for(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    for bytes in [4, 16, 60, 64] {
        let command = GetLogPage { lid: Lid::ERROR_INFORMATION, ..good() };
        let answer = ctrl.admin_in(command.with_bytes(Bytes(bytes)), bytes)?;
        answer.accepted()?;
        answer.bytes()?;
    }
    ctrl.sweep()?;
    Ok(())
}

/// A page that does not exist cannot be read.
#[conformance(req = get_log_page::LID_UNKNOWN)]
fn refuses_an_unknown_page(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.vs()? >= spec::Version::new(2, 3), "VS of at least 2.3")?;
    let command = GetLogPage { lid: RESERVED, ..good() }.with_bytes(Bytes(64));
    ctrl.admin_in(command, 64)?.refused_by(get_log_page::LID_UNKNOWN)
}

/// Up to 2.2 an unknown page is refused as an invalid field or as an invalid page.
#[conformance(req = get_log_page::LID_UNKNOWN_BEFORE_2_3)]
fn refuses_an_unknown_page_before_2_3(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.vs()? < spec::Version::new(2, 3), "VS below 2.3")?;
    let command = GetLogPage { lid: RESERVED, ..good() }.with_bytes(Bytes(64));
    ctrl.admin_in(command, 64)?.refused_by(get_log_page::LID_UNKNOWN_BEFORE_2_3)
}

/// An offset beyond the end of the page is refused, where offsets are supported.
#[conformance(req = get_log_page::OFFSET_BEYOND)]
fn refuses_an_offset_beyond_the_page(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let lpa = given::identified(&mut ctrl)?.lpa();
    lab.needs(lpa >> 2 & 1 != 0, "extended data for Get Log Page (LPA bit 2)")?;
    lab.needs(ctrl.vs()? >= spec::Version::new(2, 0), "VS of at least 2.0")?;
    let command = GetLogPage { lid: Lid::ERROR_INFORMATION, lpo: 1 << 20, ..good() };
    ctrl.admin_in(command.with_bytes(Bytes(64)), 64)?.refused_by(get_log_page::OFFSET_BEYOND)
}

/// Each failed command adds to the error count, newest first.
#[conformance(req = error_log::ORDER)]
fn counts_errors_upwards(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    for _ in 0..3 {
        ctrl.admin(DeleteIoSq { qid: Qid(7) })?.ruled()?;
        let answer = read_error_log(&mut ctrl, 3, false)?;
        answer.accepted()?;
        answer.bytes()?;
    }
    Ok(())
}

/// The health page counts at least as many errors as the newest entry of the error log has as its number.
#[conformance(req = error_log::SMART_COUNT)]
fn counts_logged_errors_in_its_health_page(lab: &mut Lab<'_>) -> Outcome {
    // Given: an invalid doorbell value in the error log.
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.queue_entries_max() >= Entries(16), "CAP.MQES of at least 15")?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let event = given::waiting_request(&mut ctrl)?;
    ctrl.doorbell(DoorbellKind::SqTail, Qid(1), 16)?;
    ctrl.answer(event)?.accepted()?;
    // Read again, the entry is the same: its number is not one that this read made up.
    for retain in [true, false] {
        let answer = read_error_log(&mut ctrl, 1, retain)?;
        answer.accepted()?;
        let logged = answer.bytes()?.iter().take(8).any(|byte| *byte != 0);
        lab.needs(logged, "an error log that lists an invalid doorbell value")?;
    }
    // When: the health page is read.
    let lid = Lid::SMART_HEALTH_INFORMATION;
    let command = GetLogPage { nsid: Nsid::BROADCAST, lid, ..good() };
    let answer = ctrl.admin_in(command.with_bytes(Bytes(512)), 512)?;
    answer.accepted()?;
    answer.bytes().map(drop)
}

/// An error keeps its count and its entry: read again it is the same, and later errors stand before it.
#[conformance(req = error_log::UNIQUE)]
fn shows_an_error_again_as_it_was(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let two = ctrl.granted_io_cqs() >= 2 && ctrl.granted_io_sqs() >= 2;
    lab.needs(two, "two I/O queue pairs")?;
    lab.needs(ctrl.queue_entries_max() >= Entries(16), "CAP.MQES of at least 15")?;
    for qid in [Qid(1), Qid(2)] {
        // Given: one more invalid doorbell value, which is no command's error.
        ctrl.io_pair(qid, Entries(16))?;
        let event = given::waiting_request(&mut ctrl)?;
        ctrl.doorbell(DoorbellKind::SqTail, qid, 16)?;
        ctrl.answer(event)?.accepted()?;
        // When: the log is read twice.
        for retain in [true, false] {
            let answer = read_error_log(&mut ctrl, 2, retain)?;
            answer.accepted()?;
            let logged = answer.bytes()?.iter().take(8).any(|byte| *byte != 0);
            lab.needs(logged, "an error log that lists an invalid doorbell value")?;
        }
    }
    Ok(())
}

/// A read with Retain Asynchronous Event leaves error events masked: an error after it is not
/// reported, although a request waits, until the page is read without.
#[conformance(req = get_log_page::RETAIN_EVENT)]
fn masks_errors_after_a_read_that_retains_the_event(lab: &mut Lab<'_>) -> Outcome {
    // Given: an error event that was reported, and a second request that waits.
    let mut ctrl = lab.enabled_controller()?;
    let two = ctrl.granted_io_cqs() >= 2 && ctrl.granted_io_sqs() >= 2;
    lab.needs(two, "two I/O queue pairs")?;
    lab.needs(ctrl.queue_entries_max() >= Entries(16), "CAP.MQES of at least 15")?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    ctrl.io_pair(Qid(2), Entries(16))?;
    let first = given::waiting_request(&mut ctrl)?;
    ctrl.doorbell(DoorbellKind::SqTail, Qid(1), 16)?;
    ctrl.answer(first)?.accepted()?;
    let second = given::waiting_request(&mut ctrl)?;

    // When: the host reads the log and retains the event, and then makes another error.
    read_error_log(&mut ctrl, 1, true)?.ruled()?;
    ctrl.doorbell(DoorbellKind::SqTail, Qid(2), 16)?;
    ctrl.wait(second, A_WHILE)?;

    // Then: no event, and a read that clears the first one is as good as any.
    ctrl.claim_in_flight(second)?;
    read_error_log(&mut ctrl, 1, false)?.ruled()?;
    ctrl.wait(second, A_WHILE)?;
    Ok(())
}
