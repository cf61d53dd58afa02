//! Writes into completion queues and pending bits, right and wrong.

use log::{Body, LookReason};
use model::FindingKind;
use spec::command::{DeleteIoSq, Flush};
use spec::requirement as req;
use spec::{Addr, Nsid, Qid, Status};

use super::script::*;

const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;
const FLUSH: Flush = Flush { nsid: Nsid(1) };
/// Where I/O CQ 1 of the script lies.
const CQ_1: u64 = 0x14_2000;

fn posts(s: &mut Script, slot: u64, len: u32) {
    let at = Addr(CQ_1 + 16 * slot);
    s.add(Body::Dma { at, len, write: true, fault: false });
}

fn with_pair() -> Script {
    let mut s = Script::new();
    s.queue_pair(1);
    s
}

#[test]
fn entries_are_written_into_the_next_free_slots_one_for_each_command() {
    let two_in_flight = |slot: u64, len: u32| {
        let mut s = with_pair();
        s.send(1, FLUSH.into());
        s.send(1, FLUSH.into());
        posts(&mut s, slot, len);
        s
    };
    two_in_flight(0, 16).passes();
    two_in_flight(0, 32).passes();
    two_in_flight(0, 8).passes();
    two_in_flight(0, 48).diverges(req::queue::CQE_SLOT_ORDER);
    two_in_flight(2, 16).diverges(req::queue::CQE_SLOT_ORDER);
    // Beyond the end of the queue nobody gives the memory.
    two_in_flight(0, 4096).diverges(req::dma::WRITE_WITHIN_PRPS);
}

/// Seen over vfio-user, where a host looks late: what a deleted queue had posted still fills slots, so the
/// entry of another queue behind it is where it must be.
#[test]
fn entries_of_a_deleted_queue_that_were_not_seen_yet_fill_their_slots() {
    let behind = |slot: u64| {
        let mut s = with_pair();
        s.done(0, Script::create_sq(2, 1));
        s.new_sq(2);
        s.send(2, FLUSH.into());
        s.send(2, FLUSH.into());
        posts(&mut s, 0, 16);
        posts(&mut s, 1, 16);
        s.done(0, DeleteIoSq { qid: Qid(2) }.into());
        s.send(1, FLUSH.into());
        posts(&mut s, slot, 16);
        s
    };
    let broken = |slot: u64| {
        let judge = behind(slot).judge();
        judge.findings().iter().any(|finding| finding.req == Some(req::queue::CQE_SLOT_ORDER))
    };
    assert!(!broken(2));
    assert!(broken(3));
}

#[test]
fn an_entry_is_not_written_over_one_that_the_host_has_not_released() {
    let mut s = with_pair();
    for _ in 0..7 {
        let sent = s.send(1, FLUSH.into());
        let cqe = s.cqe(sent, SUCCESS, 0);
        s.post_unreleased(1, cqe);
    }
    s.send(1, FLUSH.into());
    posts(&mut s, 7, 16);
    s.diverges(req::queue::FULL_CQ_WAITS);
}

#[test]
fn an_entry_that_nothing_wrote_makes_the_log_inconclusive() {
    let second = |written: bool| {
        let mut s = with_pair();
        for n in 0..2 {
            let sent = s.send(1, FLUSH.into());
            if n == 0 || written {
                posts(&mut s, n, 16);
            }
            s.complete(sent, SUCCESS);
        }
        s
    };
    second(true).passes();
    let judge = second(false).judge();
    let kinds: Vec<_> = judge.findings().iter().map(|f| f.kind).collect();
    assert_eq!(kinds, [FindingKind::Inconclusive]);
}

/// A queue on vector 1, masked, with an entry that the host has not released; then idle or not.
fn masked(idle: bool, released: bool, pending: (u16, bool)) -> Script {
    let mut s = with_pair();
    s.add(Body::MsixMask { vector: 1, masked: true });
    let sent = s.send(1, FLUSH.into());
    let cqe = s.cqe(sent, SUCCESS, 0);
    match released {
        true => s.post(1, cqe),
        false => s.post_unreleased(1, cqe),
    };
    if idle {
        s.add(Body::Idle);
    }
    let (vector, pending) = pending;
    s.add(Body::MsixPending { vector, pending });
    s
}

#[test]
fn a_vector_pends_as_long_as_its_entry_waits_and_never_without_one() {
    masked(true, false, (1, true)).passes();
    masked(true, false, (1, false)).diverges(req::interrupt::MASKED_PENDING);
    // The message may not have been made yet, and may be withdrawn once the entry is released.
    masked(false, false, (1, false)).passes();
    masked(true, true, (1, false)).passes();
    masked(true, true, (1, true)).passes();
    masked(true, false, (2, false)).passes();
    masked(true, false, (2, true)).diverges(req::interrupt::UNUSED_VECTOR);
}

#[test]
fn an_entry_that_waits_unsignalled_in_an_idle_controller_is_a_warning() {
    let second_signalled = |signalled: bool| {
        let mut s = with_pair();
        for n in 0..2 {
            let sent = s.send(1, FLUSH.into());
            if n == 0 || signalled {
                s.add(Body::Interrupt { vector: 1, count: 1 });
            }
            let cqe = s.cqe(sent, SUCCESS, 0);
            match n {
                0 => s.post(1, cqe),
                _ => s.post_unreleased(1, cqe),
            };
        }
        s.empty_look(1, LookReason::Idle);
        s
    };
    second_signalled(true).passes();
    let judge = second_signalled(false).judge();
    let found: Vec<_> = judge.findings().iter().map(|f| (f.kind, f.req)).collect();
    assert_eq!(found, [(FindingKind::Warning, Some(req::interrupt::SIGNALLED))]);
}

/// An IOMMU names the page of an access that it refused, and the kernel tells of it when it likes: an
/// accusation needs a page of which nobody has given anything.
#[test]
fn an_access_that_an_iommu_refused_is_no_accusation_if_anybody_gave_some_of_its_page() {
    let refused = |at: u64, write: bool, after: bool| {
        let mut s = Script::bare_seen_by(false);
        s.enable();
        s.identify();
        s.queue_pair(1);
        let (sqe, _) = s.read_sqe(3, 1);
        let sent = s.send(1, sqe);
        if after {
            s.complete(sent, SUCCESS);
        }
        // The log is dated back: it was not before the test.
        s.add_dated(0, Body::Dma { at: Addr(at), len: 4096, write, fault: true });
        s
    };
    let page = buffer(1).0 & !0xfff;
    for after in [false, true] {
        refused(page, true, after).passes();
        refused(CQ_1, true, after).passes();
        refused(0x5000, true, after).diverges(req::dma::WRITE_WITHIN_PRPS);
        // What follows the page of the buffer was never given.
        refused(page + 0x1000, true, after).diverges(req::dma::WRITE_WITHIN_PRPS);
        // A read is no divergence, since no clause forbids it.
        let judge = refused(0x5000, false, after).judge();
        assert_eq!(judge.findings()[0].kind, FindingKind::Anomaly);
    }
}
