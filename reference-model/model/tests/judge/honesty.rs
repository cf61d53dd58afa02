//! What the judge must not do: count as judged what nothing could have shown broken, excuse more than is
//! open, accuse what is legal.

use log::{Body, Claim, LookReason, ResetKind};
use model::{FindingKind, Verdict};
use spec::command::{Abort, AsyncEventRequest, DeleteIoSq, Flush, GetFeatures, Read, SetFeatures};
use spec::register::{self, DoorbellKind};
use spec::requirement as req;
use spec::{Addr, Entries, Fid, Lba, Nsid, Qid, Req, Status};

use super::script::*;

const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;
const FLUSH: Flush = Flush { nsid: Nsid(1) };

fn with_pair() -> Script {
    let mut s = Script::new();
    s.queue_pair(1);
    s
}

/// How often a requirement was judged.
fn judged(s: &Script, req: Req) -> u32 {
    s.judge().coverage().judged[usize::from(req.0)]
}

#[track_caller]
fn is_judged_only_by(without: &Script, with: &Script, req: Req) {
    assert_eq!((judged(without, req), judged(with, req)), (0, 1), "{req}");
}

/// Disables the controller and enables it again.
fn reset(s: &mut Script) {
    s.write(register::CC, 4, CC_OFF);
    s.csts(0);
    s.enable();
    s.grant();
}

#[test]
fn what_does_not_apply_is_not_judged_by_what_agrees_with_it() {
    // NSSR reads as 0 with and without CAP.NSSRS, by one requirement or the other.
    let mut s = Script::new();
    s.read(register::NSSR, 4, 0);
    assert_eq!(judged(&s, req::register::NSSR_RESERVED), 1);
    assert_eq!(judged(&s, req::register::NSSR_ZERO), 0);
}

#[test]
fn bring_up_proves_nothing_for_a_test() {
    let verdict = |again: bool| {
        let mut s = Script::new();
        s.step = 1;
        if again {
            s.read(register::VS, 4, 0x2_0300);
        }
        s.add(Body::Claim(Claim::Judged(req::register::VS)));
        s.judge().verdict()
    };
    assert!(matches!(verdict(false), Verdict::Unproved(_)));
    assert_eq!(verdict(true), Verdict::Passed);
}

#[test]
fn queues_are_shown_to_be_deleted_by_a_reset_only_where_they_had_been() {
    let recreated = |qid: u16| {
        let mut s = with_pair();
        reset(&mut s);
        s.done(0, Script::create_cq(qid));
        s.passes();
        s
    };
    is_judged_only_by(&recreated(2), &recreated(1), req::reset::QUEUES_DELETED);
}

#[test]
fn a_reset_is_shown_to_stop_everything_by_what_is_seen_after_it() {
    let by_transport = |kind: ResetKind| {
        let mut s = with_pair();
        s.send(1, FLUSH.into());
        s.add(Body::Reset { kind, all: true });
        s
    };
    let without = by_transport(ResetKind::Conventional);
    let mut with = without.clone();
    with.csts(0);
    is_judged_only_by(&without, &with, req::reset::STOPS_EVERYTHING);
}

#[test]
fn a_full_queue_is_shown_to_wait_only_where_it_is_full_and_commands_wait() {
    let mut s = with_pair();
    s.done(1, FLUSH.into());
    s.empty_look(1, LookReason::GaveUp);
    assert_eq!(judged(&s, req::queue::FULL_CQ_WAITS), 0);
    let sent: Vec<Sent> = (0..ENTRIES - 1).map(|_| s.submit(1, FLUSH.into())).collect();
    s.ring(1);
    for sent in sent {
        let cqe = s.cqe(sent, SUCCESS, 0);
        s.post_unreleased(1, cqe);
    }
    s.empty_look(1, LookReason::GaveUp);
    // Nothing waits.
    assert_eq!(judged(&s, req::queue::FULL_CQ_WAITS), 0);
    let waiting = s.send(1, FLUSH.into());
    s.empty_look(1, LookReason::GaveUp);
    assert_eq!(judged(&s, req::queue::FULL_CQ_WAITS), 1);
    s.release(1);
    s.complete(waiting, SUCCESS);
    s.passes();
    assert_eq!(judged(&s, req::queue::FULL_CQ_WAITS), 2);
}

#[test]
fn a_deleted_queue_is_shown_to_post_nothing_only_where_it_had_commands() {
    let deleted = |busy: bool| {
        let mut s = with_pair();
        if busy {
            s.send(1, FLUSH.into());
        }
        s.done(0, DeleteIoSq { qid: Qid(1) }.into());
        s.empty_look(1, LookReason::Sweep);
        s.passes();
        s
    };
    is_judged_only_by(&deleted(false), &deleted(true), req::delete_io_sq::NO_LATER_CQE);
}

#[test]
fn the_last_block_is_shown_to_be_usable_by_a_command_that_reaches_it() {
    let read = |lba: u64| {
        let mut s = with_pair();
        let (sqe, _) = s.read_sqe(lba, 1);
        s.done(1, sqe);
        s
    };
    is_judged_only_by(&read(998), &read(999), req::common::LAST_LBA);
}

#[test]
fn what_was_written_since_a_reset_says_nothing_of_that_reset() {
    let mut s = Script::bare();
    s.enable();
    s.write(register::CC, 4, CC_OFF);
    s.csts(0);
    let mut kept = s.clone();
    kept.read(register::AQA, 4, 0x0007_0007);
    s.write(register::AQA, 4, 0x0003_0003);
    s.read(register::AQA, 4, 0x0003_0003);
    is_judged_only_by(&s, &kept, req::reset::ADMIN_QUEUE_REGISTERS);
    s.passes();
}

#[test]
fn an_abort_of_a_request_that_is_over_shows_nothing_of_requests() {
    let aborted = |over: bool| {
        let mut s = with_pair();
        let request = s.send(0, AsyncEventRequest {}.into());
        if over {
            s.doorbell(DoorbellKind::SqTail, 1, ENTRIES);
            let cqe = s.cqe(request, SUCCESS, 0x1_0100);
            s.post(0, cqe);
        }
        let abort = Abort { sqid: Qid(0), cid: request.cid };
        let sent = s.send(0, abort.into());
        let cqe = s.cqe(sent, SUCCESS, 1);
        s.post(0, cqe);
        s.passes();
        s
    };
    is_judged_only_by(&aborted(true), &aborted(false), req::abort::ASYNC_EVENT_REQUEST);
}

#[test]
fn another_controllers_reset_is_over_with_ones_own() {
    let completed = |own: bool| {
        let mut s = with_pair();
        s.ctrl = 1;
        s.enable();
        s.write(register::CC, 4, CC_OFF);
        s.csts(0);
        s.ctrl = 0;
        if own {
            reset(&mut s);
        } else {
            s.done(1, FLUSH.into());
        }
        s.passes();
        s
    };
    is_judged_only_by(&completed(true), &completed(false), req::controller::OWN_RESET);
}

#[test]
fn a_doubtful_doorbell_excuses_nothing_once_the_queue_went_on() {
    let mut s = with_pair();
    s.done(1, FLUSH.into());
    // The same tail again: a controller may take it for invalid and stop.
    s.ring(1);
    let mut stopped = s.clone();
    stopped.send(1, FLUSH.into());
    stopped.empty_look(1, LookReason::Idle);
    stopped.passes();
    s.done(1, FLUSH.into());
    s.send(1, FLUSH.into());
    s.empty_look(1, LookReason::Idle);
    s.is_silent(req::queue::OWED_COMPLETION);
}

#[test]
fn two_commands_with_one_identifier_accuse_nobody() {
    let mut s = with_pair();
    let first = s.submit(1, FLUSH.into());
    let second = s.submit_as(1, FLUSH.into(), first.cid);
    s.ring(1);
    s.complete(first, SUCCESS);
    s.complete(second, SUCCESS);
    let judge = s.judge();
    let accused = |kind: &FindingKind| matches!(kind, FindingKind::Divergence(_));
    assert!(!judge.findings().iter().any(|f| accused(&f.kind)), "{:#?}", judge.findings());
    assert!(matches!(judge.verdict(), Verdict::Unproved(_)));
}

#[test]
fn a_buffer_of_two_reads_holds_what_either_read() {
    let read = |lba: u64, at: Addr| {
        let read = Read { nsid: Nsid(1), prp1: at, slba: Lba(lba), ..Read::default() };
        Read { nlb: Entries(1), ..read }.into()
    };
    let mut s = with_pair();
    let (five, six) = (s.writes(1, 5), s.writes(1, 6));
    let at = buffer(40);
    let sent = [s.submit(1, read(5, at)), s.submit(1, read(6, at))];
    s.ring(1);
    for sent in sent {
        s.complete(sent, SUCCESS);
    }
    for seen in [five, six] {
        let mut s = s.clone();
        s.look(at, &[seen]);
        s.passes();
    }
    // Where they do not overlap each is judged.
    let mut s = with_pair();
    let (five, _) = (s.writes(1, 5), s.writes(1, 6));
    let sent = [s.submit(1, read(5, at)), s.submit(1, read(6, Addr(at.0 + 512)))];
    s.ring(1);
    for sent in sent {
        s.complete(sent, SUCCESS);
    }
    s.look(Addr(at.0 + 512), &[five]);
    s.diverges(req::data::LAST_WRITTEN);
}

#[test]
fn a_write_from_the_buffer_of_a_read_beside_it_writes_anything() {
    let mut s = with_pair();
    let five = s.writes(1, 5);
    let (write, sequence) = s.write_sqe(6, 1);
    let at = write.prp1();
    let read = Read { nsid: Nsid(1), prp1: at, slba: Lba(5), ..Read::default() };
    let sent = [s.submit(1, write), s.submit(1, Read { nlb: Entries(1), ..read }.into())];
    s.ring(1);
    for sent in sent {
        s.complete(sent, SUCCESS);
    }
    for written in [five, ident(sequence, 6)] {
        let mut s = s.clone();
        s.reads(1, 6, written);
        s.passes();
    }
}

#[test]
fn a_controller_without_a_bound_is_never_late() {
    let mut s = Script::bare();
    s.read(register::VS, 4, 0x1_0300);
    let cap = register::Cap::new().with_mqes_z(63).with_to(0xff).with_css(1);
    s.read(register::CAP, 8, u64::from(cap));
    s.csts(0);
    s.write(register::AQA, 4, 0x0007_0007);
    s.write(register::ASQ, 8, 0x10_0000);
    s.write(register::ACQ, 8, 0x10_1000);
    s.write(register::CC, 4, CC_ON);
    s.now += 3_600_000_000_000;
    s.csts(0);
    s.csts(1);
    s.write(register::CC, 4, CC_OFF);
    s.now += 3_600_000_000_000;
    s.csts(1);
    s.csts(0);
    s.passes();
}

#[test]
fn what_was_never_decided_counts_as_inconclusive() {
    // A shutdown goes back from complete: the rule against it came with 2.3, and nothing tells VS.
    let odd = |version: bool| {
        let mut s = Script::bare();
        s.enable_without_version();
        s.write(register::CC, 4, CC_ON | 1 << 14);
        s.csts(1 | 2 << 2);
        s.csts(1 | 1 << 2);
        if version {
            s.read(register::VS, 4, 0x2_0300);
        }
        s.judge().coverage().inconclusive
    };
    assert_eq!((odd(false), odd(true)), (1, 0));
}

#[test]
fn a_feature_of_a_namespace_may_be_set_through_another_controller() {
    let nsid = Nsid(1);
    let get = |s: &mut Script, value: u32| {
        let get = GetFeatures { fid: Fid::ERROR_RECOVERY, nsid, ..GetFeatures::default() };
        let sent = s.send(0, get.into());
        let cqe = s.cqe(sent, SUCCESS, value);
        s.post(0, cqe);
    };
    let set = |s: &mut Script| {
        let fid = Fid::ERROR_RECOVERY;
        let set = SetFeatures { fid, nsid, cdw11: 7, ..SetFeatures::default() };
        s.done(0, set.into());
    };
    let both = || {
        let mut s = Script::new();
        s.ctrl = 1;
        s.enable();
        s.identify();
        get(&mut s, 0);
        s
    };
    for seen in [0, 7] {
        let mut s = both();
        s.ctrl = 0;
        set(&mut s);
        s.ctrl = 1;
        get(&mut s, seen);
        // Now it is known again.
        get(&mut s, seen);
        s.passes();
    }
    let mut s = both();
    set(&mut s);
    get(&mut s, 0);
    s.diverges(req::error_recovery::VALUE);
}

#[test]
fn a_requirement_of_another_revision_is_none_of_the_test() {
    let verdict = |vs: u64, claims: &[Req]| {
        let mut s = Script::bare();
        s.step = 1;
        s.read(register::VS, 4, vs);
        s.enable_without_version();
        for req in claims {
            s.add(Body::Claim(Claim::Judged(*req)));
        }
        s.judge().verdict()
    };
    let (late, old) = (req::shutdown::RDY_UNCHANGED, req::register::VS);
    assert!(matches!(verdict(0x2_0300, &[late, old]), Verdict::Unproved(_)));
    assert_eq!(verdict(0x1_0400, &[late, old]), Verdict::Passed);
    assert!(matches!(verdict(0x1_0400, &[late]), Verdict::NotApplicable(_)));
    // What is in force has to be judged, whatever else does not apply.
    assert!(matches!(verdict(0x1_0400, &[late, req::data::SHARED]), Verdict::Unproved(_)));
}
