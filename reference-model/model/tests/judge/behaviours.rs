//! One behaviour, one test: right passes, wrong is flagged.

use log::{Body, Claim, Interval, LookReason, ResetKind};
use model::{FindingKind, Ruled, Verdict};
use spec::command::{Abort, AsyncEventRequest, Command, CreateIoSq, DeleteIoSq, Flush};
use spec::register::{self, DoorbellKind};
use spec::requirement as req;
use spec::{Addr, Cqe, Nsid, Qid, Status};

use super::script::*;

const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;
const ABORTED: Status = Status::new(0, 0x07);
const FLUSH: Flush = Flush { nsid: Nsid(1) };

fn with_pair() -> Script {
    let mut s = Script::new();
    s.queue_pair(1);
    s
}

#[test]
fn a_conforming_log_passes() {
    let mut s = with_pair();
    let written = s.writes(1, 5);
    s.reads(1, 5, written);
    s.done(1, FLUSH.into());
    s.empty_look(0, LookReason::Idle);
    s.empty_look(1, LookReason::Idle);
    s.passes();
    assert_eq!(s.judge().verdict(), Verdict::Passed);
}

/// A Flush whose CQE is `wrong`, and which would have been right.
fn wrong_cqe(wrong: impl Fn(Cqe) -> Cqe) -> Script {
    let mut s = with_pair();
    let sent = s.send(1, FLUSH.into());
    let cqe = s.cqe(sent, SUCCESS, 0);
    s.post(1, wrong(cqe));
    s
}

#[test]
fn the_fields_of_a_cqe_are_held() {
    wrong_cqe(|cqe| cqe).passes();
    wrong_cqe(|cqe| cqe.with_phase(!cqe.phase())).diverges(req::cqe::PHASE);
    let field = |dw: usize, bits: u32| {
        wrong_cqe(move |mut cqe| {
            cqe.dw[dw] ^= bits;
            cqe
        })
    };
    field(2, 2).diverges(req::cqe::SQHD);
    field(3, 0x40).diverges(req::cqe::IDENTIFIERS);
    field(2, 0x4_0000).diverges(req::cqe::IDENTIFIERS);
    field(3, 1 << 28).diverges(req::cqe::CRD_RESERVED);
    field(1, 1).diverges(req::cqe::RESERVED_DWORDS);
    field(3, 1 << 17).diverges(req::flush::WITHOUT_CACHE);
}

#[test]
fn a_cqe_comes_once_in_slot_order() {
    let mut s = with_pair();
    let sent = s.send(1, FLUSH.into());
    let cqe = s.cqe(sent, SUCCESS, 0);
    s.post(1, cqe);
    s.post(1, cqe);
    s.diverges(req::cqe::ONCE);
    let mut s = with_pair();
    let sent = s.send(1, FLUSH.into());
    let cqe = s.cqe(sent, SUCCESS, 0);
    s.add(Body::Completion { cqid: Qid(1), slot: 1, cqe });
    s.diverges(req::queue::CQE_SLOT_ORDER);
}

#[test]
fn a_full_queue_waits_for_the_host() {
    let fill = |count: u32| {
        let mut s = with_pair();
        for n in 0..count {
            let sent = s.send(1, FLUSH.into());
            let cqe = s.cqe(sent, SUCCESS, 0);
            s.post_unreleased(1, cqe);
            assert!(n < ENTRIES);
        }
        s
    };
    fill(ENTRIES - 1).passes();
    fill(ENTRIES).diverges(req::queue::FULL_CQ_WAITS);
}

#[test]
fn silence_is_found_when_the_controller_is_idle() {
    let mut s = with_pair();
    s.send(1, FLUSH.into());
    let waiting = s.clone();
    s.empty_look(1, LookReason::GaveUp);
    s.passes();
    let mut s = waiting.clone();
    s.empty_look(1, LookReason::Idle);
    s.is_silent(req::queue::OWED_COMPLETION);
    // The quiet window: a look begun within it decides nothing.
    let mut s = waiting.clone();
    s.now += 9_000_000_000;
    s.empty_look(1, LookReason::GaveUp);
    s.passes();
    s.now += 2_000_000_000;
    s.empty_look(1, LookReason::GaveUp);
    s.is_silent(req::queue::OWED_COMPLETION);
}

#[test]
fn rdy_must_rise_and_fall_in_time() {
    let until_enable = || {
        let mut s = Script::bare();
        s.enable();
        s.write(register::CC, 4, CC_OFF);
        s.csts(0);
        s.write(register::CC, 4, CC_ON);
        s
    };
    // CRTO.CRWMT is 10 s, the margin 1 s. A look begun before is no evidence.
    let mut s = until_enable();
    let begun = s.now + 10_900_000_000;
    let late = Interval { not_before: begun, seen: begun + 5_000_000_000 };
    let rdy = log::RegisterWrite { offset: register::CSTS, width: 4, value: 0 };
    s.log.push(0, 0, late, Body::RegisterRead(rdy));
    s.passes();
    let mut s = until_enable();
    s.now += 11_100_000_000;
    s.csts(0);
    s.diverges(req::ready::RISES_IN_TIME);
    let mut s = Script::new();
    s.write(register::CC, 4, CC_OFF);
    s.now += 11_100_000_000;
    s.csts(1);
    s.diverges(req::ready::FALLS_IN_TIME);
}

#[test]
fn registers_keep_what_they_said() {
    let read = |offset, width, value| {
        let mut s = Script::new();
        s.read(offset, width, value);
        s
    };
    read(register::CC, 4, CC_ON).passes();
    read(register::CC, 4, CC_ON | 1 << 20).diverges(req::register::CC_READS_BACK);
    read(register::VS, 4, 0x2_0200).diverges(req::register::READ_ONLY);
    read(register::CSTS, 4, 0x81).diverges(req::register::RESERVED_ZERO);
    read(register::CSTS, 4, 0).diverges(req::ready::ENABLE);
    read(register::CSTS, 4, 9).diverges(req::shutdown::SHST_NORMAL);
    read(register::AQA, 4, 0x0007_0007).passes();
    read(register::AQA, 4, 0x0007_0003).diverges(req::register::ADMIN_QUEUE_PROGRAMMED);
    let dead = read(register::CSTS, 4, 0xffff_ffff).judge();
    assert_eq!(dead.verdict(), Verdict::Diverged);
}

#[test]
fn shutdown_goes_through_its_states() {
    let asked = |shst: &[u64]| {
        let mut s = Script::new();
        s.write(register::CC, 4, CC_ON | 1 << 14);
        for value in shst {
            s.csts(1 | value << 2);
        }
        s
    };
    asked(&[0, 1, 1, 2, 2]).passes();
    asked(&[0, 2]).passes();
    asked(&[1, 0]).diverges(req::shutdown::RDY_UNCHANGED);
    asked(&[2, 1]).diverges(req::shutdown::RDY_UNCHANGED);
    // No clause gives a shutdown its time, but an idle controller does not go on with it.
    let idle = |shst: u64| {
        let mut s = asked(&[]);
        s.add(Body::Idle);
        s.csts(1 | shst << 2);
        s
    };
    idle(2).passes();
    idle(1).is_silent(req::shutdown::NORMAL);
    idle(0).is_silent(req::shutdown::NORMAL);
}

#[test]
fn each_bit_of_the_interrupt_mask_answers_for_what_acted_on_it_last() {
    let without_messages = || {
        let mut s = Script::new();
        s.add(Body::MsixEnable { on: false, vectors: 0 });
        // Power on and every reset clear the mask.
        s.write(register::CC, 4, CC_ON & !1);
        s.csts(0);
        s.enable();
        s.add(Body::MsixEnable { on: false, vectors: 0 });
        s
    };
    let masks = |writes: &[(u32, u64)], seen: u64| {
        let mut s = without_messages();
        for (offset, bits) in writes {
            s.write(*offset, 4, *bits);
        }
        s.read(register::INTMC, 4, seen);
        s
    };
    let (set, clear) = ((register::INTMS, 0b0110), (register::INTMC, 0b0010));
    masks(&[set], 0b0110).passes();
    masks(&[set], 0b0010).diverges(req::register::INTMS);
    masks(&[set, clear], 0b0100).passes();
    masks(&[set, clear], 0b0110).diverges(req::register::INTMC);
    masks(&[set, clear], 0).diverges(req::register::INTMS);
    masks(&[set, clear, set], 0b0100).diverges(req::register::INTMS);
    let disable = (register::CC, CC_ON & !1);
    let reset = |seen: u64| {
        let mut s = without_messages();
        s.write(set.0, 4, set.1);
        s.write(disable.0, 4, disable.1);
        s.csts(0);
        s.read(register::INTMS, 4, seen);
        s
    };
    reset(0).passes();
    reset(0b0110).diverges(req::reset::INTERRUPT_MASK);
}

/// An event that was posted before a reset, and seen after it, is no event of the time after it.
#[test]
fn an_event_from_before_a_reset_may_be_seen_after_it() {
    let mut s = with_pair();
    let aer = s.send(0, AsyncEventRequest {}.into());
    s.doorbell(DoorbellKind::SqTail, 1, ENTRIES);
    s.write(register::CC, 4, CC_OFF);
    let cqe = s.cqe(aer, SUCCESS, 0x01_0100);
    let before = s.now;
    s.csts(0);
    let posted = s
        .log
        .records()
        .iter()
        .filter(|record| matches!(record.body(), Body::Completion { cqid: Qid(0), .. }));
    let slot = posted.count() as u16;
    let when = Interval { not_before: before, seen: s.now + STEP };
    s.log.push(0, 0, when, Body::Completion { cqid: Qid(0), slot, cqe });
    s.passes();
}

/// A queue whose creation was seen after the reset that took it away is not there.
#[test]
fn an_answer_from_before_a_reset_makes_no_queue_after_it() {
    let mut s = Script::new();
    let sent = s.send(0, Script::create_cq(1));
    s.write(register::CC, 4, CC_OFF);
    let cqe = s.cqe(sent, SUCCESS, 0);
    let before = s.now;
    s.csts(0);
    let answers = s.log.records().iter();
    let answers = answers.filter(|r| matches!(r.body(), Body::Completion { cqid: Qid(0), .. }));
    let (slot, seen) = (answers.count() as u16, s.now + STEP);
    let when = Interval { not_before: before, seen };
    s.log.push(0, 0, when, Body::Completion { cqid: Qid(0), slot, cqe });
    s.now = seen;
    s.enable();
    let sent = s.send(0, spec::command::DeleteIoCq { qid: Qid(1) }.into());
    s.complete(sent, Status::new(1, 0x01));
    s.passes();
}

#[test]
fn data_in_closed_memory_cannot_be_written() {
    let write = |status: Status, read: Option<Addr>| {
        let mut s = with_pair();
        let (sqe, _) = s.write_sqe(3, 1);
        s.add(Body::Unmap { at: buffer(1), len: 512 });
        let sent = s.send(1, sqe);
        if let Some(at) = read {
            s.add(Body::Dma { at, len: 512, write: false, fault: false });
        }
        s.complete(sent, status);
        s
    };
    write(Status::DATA_TRANSFER_ERROR, None).passes();
    write(SUCCESS, None).diverges(req::prp::UNMAPPED);
    // Data that was read was there.
    write(SUCCESS, Some(buffer(1))).passes();
}

/// One write of CC with EN = 0 and SHN = 01b: the shutdown may be seen complete before RDY falls.
#[test]
fn a_reset_and_a_shutdown_by_one_write_end_in_any_order() {
    let asked = |csts: &[u64]| {
        let mut s = Script::new();
        s.write(register::CC, 4, CC_OFF | 1 << 14);
        csts.iter().for_each(|value| s.csts(*value));
        s
    };
    asked(&[1, 1 | 1 << 2, 1 | 2 << 2, 1 | 2 << 2, 2 << 2]).passes();
    asked(&[0, 1 << 2, 2 << 2]).passes();
    asked(&[1 | 2 << 2, 2 << 2, 1 | 2 << 2]).diverges(req::reset::RDY_CLEAR);
}

#[test]
fn what_comes_after_a_reset_is_late() {
    let disabled = || {
        let mut s = with_pair();
        let sent = s.send(1, FLUSH.into());
        let cqe = s.cqe(sent, SUCCESS, 0);
        s.write(register::CC, 4, CC_OFF);
        (s, cqe)
    };
    // Between the write and RDY = 0 it is evidence.
    let (mut s, cqe) = disabled();
    s.post_unreleased(1, cqe);
    s.csts(0);
    s.passes();
    // Seen later, but perhaps posted before: the slot was not looked at since.
    let (mut s, cqe) = disabled();
    let before = s.now;
    s.csts(0);
    let when = Interval { not_before: before, seen: s.now + STEP };
    s.log.push(0, 0, when, Body::Completion { cqid: Qid(1), slot: 0, cqe });
    s.passes();
    let (mut s, cqe) = disabled();
    s.csts(0);
    s.post_unreleased(1, cqe);
    s.diverges(req::reset::NOTHING_POSTED_AFTER);
}

#[test]
fn a_deleted_queue_posts_no_more() {
    let deleted = |late: bool| {
        let mut s = with_pair();
        let victim = s.send(1, FLUSH.into());
        let cqe = s.cqe(victim, SUCCESS, 0);
        let delete = s.send(0, DeleteIoSq { qid: Qid(1) }.into());
        if !late {
            s.post(1, cqe);
        }
        s.complete(delete, SUCCESS);
        if late {
            s.post(1, cqe);
        }
        s
    };
    deleted(false).passes();
    deleted(true).diverges(req::delete_io_sq::NO_LATER_CQE);
}

#[test]
fn an_aborted_command_says_so_and_has_no_later_effect() {
    let aborted = |status: Status| {
        let mut s = with_pair();
        let victim = s.send(1, FLUSH.into());
        let abort = s.send(0, Abort { sqid: Qid(1), cid: victim.cid }.into());
        s.complete(abort, SUCCESS);
        s.complete(victim, status);
        s
    };
    aborted(ABORTED).passes();
    aborted(SUCCESS).diverges(req::abort::VICTIM_STATUS);
    // Nothing was there to abort.
    let mut s = with_pair();
    let done = s.done(1, FLUSH.into());
    s.done(0, Abort { sqid: Qid(1), cid: done.cid }.into());
    s.diverges(req::abort::NOT_ABORTED);
    // A write that was aborted wrote all or nothing of its block until then, and nothing later.
    let mut s = with_pair();
    let old = s.writes(1, 3);
    let (sqe, sequence) = s.write_sqe(3, 1);
    let victim = s.send(1, sqe);
    let abort = s.send(0, Abort { sqid: Qid(1), cid: victim.cid }.into());
    s.complete(abort, SUCCESS);
    s.complete(victim, ABORTED);
    s.reads(1, 3, old);
    s.passes();
    s.reads(1, 3, ident(sequence, 3));
    s.diverges(req::data::LAST_WRITTEN);
}

#[test]
fn reads_return_what_was_written_last() {
    let mut s = with_pair();
    let old = s.writes(1, 3);
    let new = s.writes(1, 3);
    let both = s.clone();
    s.reads(1, 3, new);
    s.passes();
    let mut s = both;
    s.reads(1, 3, old);
    s.diverges(req::data::LAST_WRITTEN);
    let mut s = with_pair();
    s.reads(1, 9, log::Ident::ZERO);
    s.reads(1, 9, log::Ident::ZERO);
    s.passes();
    s.reads(1, 9, log::Ident::ONES);
    s.diverges(req::data::UNWRITTEN);
}

#[test]
fn power_loss_keeps_what_was_flushed() {
    let cut = |flushed: bool, lose: bool| {
        let mut s = with_pair();
        let old = s.writes(1, 3);
        s.done(1, FLUSH.into());
        let new = s.writes(1, 3);
        if flushed {
            s.done(1, FLUSH.into());
        }
        s.add(Body::Reset { kind: ResetKind::PowerCycle, all: true });
        s.enable();
        s.queue_pair(1);
        s.reads(1, 3, if lose { old } else { new });
        s
    };
    cut(true, false).passes();
    cut(false, false).passes();
    cut(false, true).passes();
    cut(true, true).diverges(req::flush::DURABLE);
}

#[test]
fn commands_beside_each_other_may_run_in_either_order() {
    const INVALID: Status = Status::new(1, 0x00);
    let race = |sq: Status, cq_first: bool| {
        let mut s = Script::new();
        let first = s.submit(0, Script::create_cq(1));
        let second = s.submit(0, Script::create_sq(1, 1));
        s.ring(0);
        if cq_first {
            s.complete(first, SUCCESS);
            s.complete(second, sq);
        } else {
            s.complete(second, sq);
            s.complete(first, SUCCESS);
        }
        (s, second)
    };
    for cq_first in [true, false] {
        race(SUCCESS, cq_first).0.passes();
        race(INVALID, cq_first).0.passes();
    }
    let (mut s, second) = race(INVALID, true);
    assert!(matches!(s.judge().ruled(second.submit), Ruled::Refused(_)));
    // The queue was refused: it can be created now.
    s.done(0, Script::create_sq(1, 1));
    s.passes();
    // Refused for a fault that no order makes.
    race(Status::INVALID_FIELD_IN_COMMAND, true).0.diverges(req::create_io_sq::SUCCEEDS);
}

#[test]
fn interrupts_come_on_vectors_in_use_and_not_masked() {
    let signalled = |vector: u16, masked: bool| {
        let mut s = Script::new();
        s.queue_pair(1);
        if masked {
            s.add(Body::MsixMask { vector: 1, masked: true });
        }
        s.done(1, FLUSH.into());
        s.add(Body::Interrupt { vector, count: 1 });
        s
    };
    signalled(1, false).passes();
    signalled(0, false).passes();
    signalled(1, true).diverges(req::interrupt::MASKED_PENDING);
    signalled(3, false).diverges(req::interrupt::UNUSED_VECTOR);
}

#[test]
fn dma_stays_within_what_was_given_while_it_is() {
    let access = |at: u64, write: bool, after: bool| {
        let mut s = with_pair();
        let (sqe, _) = s.read_sqe(3, 1);
        let sent = s.send(1, sqe);
        if after {
            s.complete(sent, SUCCESS);
        }
        s.add(Body::Dma { at: Addr(at), len: 512, write, fault: false });
        s
    };
    let buffer = buffer(1).0;
    access(buffer, true, false).passes();
    access(buffer + 512, true, false).diverges(req::dma::WRITE_WITHIN_PRPS);
    // Reading elsewhere is forbidden by no clause, and no healthy controller does it.
    access(buffer, false, false).passes();
    let read = access(0x60_0000, false, false).judge();
    assert_eq!(read.findings()[0].kind, FindingKind::Anomaly);
    access(buffer, true, true).diverges(req::dma::NONE_AFTER_COMPLETION);
    let mut s = with_pair();
    s.add(Body::Sweep { at: Addr(0x30_0000), len: 4096, changed: 1 });
    s.diverges(req::dma::WRITE_WITHIN_PRPS);
}

#[test]
fn controllers_have_their_own_queues_and_share_data() {
    let mut s = with_pair();
    let written = s.writes(1, 7);
    let waiting = s.send(1, FLUSH.into());
    s.ctrl = 1;
    s.enable();
    s.identify();
    s.queue_pair(1);
    s.reads(1, 7, written);
    s.write(register::CC, 4, CC_OFF);
    s.csts(0);
    s.ctrl = 0;
    let both = s.clone();
    s.complete(waiting, SUCCESS);
    s.passes();
    let mut s = both;
    s.empty_look(1, LookReason::Idle);
    s.is_silent(req::queue::OWED_COMPLETION);
    // Stale through the other controller.
    let mut s = with_pair();
    let old = s.writes(1, 7);
    s.writes(1, 7);
    s.ctrl = 1;
    s.enable();
    s.identify();
    s.queue_pair(1);
    s.reads(1, 7, old);
    s.diverges(req::data::SHARED);
}

#[test]
fn claims_are_held_by_what_was_ruled() {
    let wanted = req::create_io_sq::CQID_NOT_CREATED;
    let claimed = |status: Status| {
        let mut s = Script::new();
        let sent = s.send(0, Script::create_sq(1, 1));
        s.complete(sent, status);
        let claim = s.add(Body::Claim(Claim::RefusedBy(sent.submit, wanted)));
        (s, sent, claim)
    };
    let (s, sent, claim) = claimed(Status::new(1, 0x00));
    assert_eq!(s.judge().verdict(), Verdict::Passed);
    assert_eq!(s.judge().ruled(sent.submit), Ruled::Refused(wanted));
    assert_eq!(s.judge().claim_holds(claim), Some(true));
    let (s, _, claim) = claimed(SUCCESS);
    assert_eq!(s.judge().claim_holds(claim), Some(false));
    assert_eq!(s.judge().verdict(), Verdict::Diverged);
    // Another error than the recommended one is a refusal all the same, and a warning.
    let mut s = Script::new();
    let sent = s.send(0, Script::create_cq(0));
    s.complete(sent, Status::new(0, 0x02));
    s.add(Body::Claim(Claim::RefusedBy(sent.submit, req::create_io_cq::QID_ADMIN)));
    assert_eq!(s.judge().verdict(), Verdict::Warned);
    // A claim that does not hold leaves the test unproved.
    let mut s = Script::new();
    let good = Script::create_cq(1);
    let sent = s.done(0, good);
    s.add(Body::Claim(Claim::RefusedBy(sent.submit, wanted)));
    assert!(matches!(s.judge().verdict(), Verdict::Unproved(_)));
}

#[test]
fn what_fits_everything_is_an_anomaly_and_what_is_not_modelled_a_gap() {
    let mut s = with_pair();
    let sent = s.send(1, FLUSH.into());
    s.complete(sent, Status::new(0, 0x06));
    let judge = s.judge();
    assert_eq!(judge.findings()[0].kind, FindingKind::Anomaly);
    assert!(matches!(judge.verdict(), Verdict::Unproved(_)));
    let mut s = with_pair();
    let sent = s.send(1, spec::Sqe::new(0x09).with_nsid(Nsid(1)));
    s.complete(sent, SUCCESS);
    assert_eq!(s.judge().findings()[0].kind, FindingKind::Gap);
}

#[test]
fn a_queue_never_created_is_found_in_words() {
    let mut s = Script::new();
    let sent = s.send(0, Script::create_sq(1, 1));
    s.complete(sent, SUCCESS);
    let judge = s.judge();
    let finding = &judge.findings()[0];
    assert_eq!(finding.req, Some(req::create_io_sq::CQID_NOT_CREATED));
    assert_eq!(finding.observed, "Successful Completion (SCT 0h SC 00h)");
    assert_eq!(finding.allowed[0].answer, "Completion Queue Invalid (SCT 1h SC 00h)");
    assert!(finding.allowed[0].because.contains("I/O CQs = {}"), "{finding:?}");
    assert_eq!(finding.command.map(|sqe| sqe.opcode()), Some(CreateIoSq::OPCODE));
}
