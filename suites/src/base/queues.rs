//! Queues: how many entries they hold, how they wrap, who uses them. Base-2.3 §3.3.1.2, §3.3.1.5.

use lab::{Buffer, Ctl, Lab, Outcome, Patience, Stop, Word, conformance};
use log::Perm;
use spec::command::{CreateIoCq, CreateIoSq};
use spec::{Addr, Entries, Qid};

use super::given::{A_WHILE, FLUSH, flushes, see_completions};

/// Queues wrap at their size, however many commands a doorbell write adds.
#[conformance(reqs = [queue::WRAPS, cqe::PHASE, cqe::SQHD, queue::CQE_SLOT_ORDER])]
fn wraps_queues_many_times(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.create_io_cq(Qid(1), Entries(7))?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(5))?;
    for _ in 0..60 {
        let count = lab.random().between(1, 4) as u32;
        flushes(&mut ctrl, Qid(1), Qid(1), count)?;
    }
    Ok(())
}

/// The largest queues are used to their last slot, and wrap.
#[conformance(reqs = [queue::WRAPS, create_io_cq::QSIZE_MQES_LEGAL,
    create_io_sq::QSIZE_MQES_LEGAL, cqe::PHASE])]
fn wraps_the_largest_queues(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let most = ctrl.queue_entries_max();
    lab.needs(most.0 <= 8192, "CAP.MQES of at most 8,191, to be through in time")?;
    ctrl.io_pair(Qid(1), most)?;
    let mut left = most.0 + 32;
    while left != 0 {
        let count = left.min(most.0 - 1).min(512);
        flushes(&mut ctrl, Qid(1), Qid(1), count)?;
        left -= count;
    }
    Ok(())
}

/// A queue of n entries holds n - 1 commands at once, and all of them complete.
#[conformance(reqs = [cqe::SQHD, cqe::ONCE, queue::OWED_COMPLETION])]
fn holds_one_command_less_than_its_size(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let most = ctrl.queue_entries_max();
    for entries in [2, 3, 16, 64].into_iter().filter(|n| *n <= most.0) {
        ctrl.io_pair(Qid(1), Entries(entries))?;
        for _ in 0..3 {
            flushes(&mut ctrl, Qid(1), Qid(1), entries - 1)?;
        }
        ctrl.delete_io_sq(Qid(1))?.accepted()?;
        ctrl.delete_io_cq(Qid(1))?.accepted()?;
    }
    Ok(())
}

/// The smallest queues have two slots, of which one is used at a time.
#[conformance(reqs = [queue::TWO_SLOTS, cqe::PHASE, queue::WRAPS])]
fn works_with_queues_of_two_slots(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(2))?;
    for _ in 0..9 {
        ctrl.io(Qid(1), FLUSH)?.ruled()?;
    }
    Ok(())
}

/// While a Completion Queue is full nothing is posted to it; the rest comes as the host makes room.
#[conformance(reqs = [queue::FULL_CQ_WAITS, queue::CQE_SLOT_ORDER, queue::OWED_COMPLETION])]
fn posts_nothing_to_a_full_completion_queue(lab: &mut Lab<'_>) -> Outcome {
    // Given: a Completion Queue with room for three, and ten commands.
    let mut ctrl = lab.enabled_controller()?;
    ctrl.create_io_cq(Qid(1), Entries(4))?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(16))?;
    let mut pending = Vec::new();
    for _ in 0..10 {
        pending.push(ctrl.submit(Qid(1), FLUSH)?);
    }
    ctrl.ring(Qid(1))?;

    // When: the host sees three of them and keeps their slots. Then: the others wait.
    see_completions(&mut ctrl, Qid(1), 3)?;
    let Some(other) = pending.into_iter().find(|c| ctrl.is_in_flight(*c)) else { return Ok(()) };
    ctrl.wait(other, A_WHILE)?;
    ctrl.claim_in_flight(other)?;

    // And: they complete once there is room.
    ctrl.release(Qid(1))?;
    ctrl.wait_all()?;
    Ok(())
}

/// A full Completion Queue does not stop the queues that use another one.
#[conformance(reqs = [queue::FULL_CQ_SPARES_OTHERS, queue::FULL_CQ_WAITS])]
fn goes_on_with_other_queues_while_one_is_full(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let two = ctrl.granted_io_cqs() >= 2 && ctrl.granted_io_sqs() >= 2;
    lab.needs(two, "two I/O queue pairs")?;
    ctrl.io_pair(Qid(2), Entries(16))?;
    ctrl.create_io_cq(Qid(1), Entries(2))?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(16))?;
    // Given: Completion Queue 1 has one entry, which fills it, and more are to come.
    let first = ctrl.submit(Qid(1), FLUSH)?;
    ctrl.ring(Qid(1))?;
    ctrl.wait(first, Patience::Default)?;
    let mut last = first;
    for _ in 0..8 {
        last = ctrl.submit(Qid(1), FLUSH)?;
    }
    ctrl.ring(Qid(1))?;

    // When: the host does not make room. Then: other queues, the admin queue too, go on.
    for _ in 0..20 {
        ctrl.io(Qid(2), FLUSH)?.ruled()?;
        ctrl.get_feature(spec::Fid::NUMBER_OF_QUEUES)?.accepted()?;
    }
    ctrl.claim_in_flight(last)?;
    ctrl.release(Qid(1))?;
    ctrl.wait_all()?;
    Ok(())
}

/// Each slot that the head doorbell gives back is used for the next completion.
#[conformance(reqs = [queue::FULL_CQ_WAITS, cqe::PHASE, queue::CQE_SLOT_ORDER])]
fn uses_each_slot_as_it_is_given_back(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.create_io_cq(Qid(1), Entries(3))?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(32))?;
    for _ in 0..31 {
        ctrl.submit(Qid(1), FLUSH)?;
    }
    ctrl.ring(Qid(1))?;
    for count in [2, 1, 1, 2, 1, 2, 2, 1] {
        see_completions(&mut ctrl, Qid(1), count)?;
        ctrl.release(Qid(1))?;
    }
    ctrl.wait_all()?;
    Ok(())
}

/// A tail doorbell write replaces the tail: commands added by several writes are each done once.
#[conformance(reqs = [queue::TAIL_REPLACES_TAIL, queue::COMMAND_EXECUTED_ONCE, cqe::SQHD])]
fn takes_each_tail_for_the_new_one(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    for _ in 0..12 {
        for added in [1, 3, 2, 4] {
            for _ in 0..added {
                ctrl.submit(Qid(1), FLUSH)?;
            }
            ctrl.ring(Qid(1))?;
        }
        ctrl.wait_all()?;
        ctrl.release(Qid(1))?;
    }
    ctrl.wait_idle(A_WHILE)
}

/// Submission and Completion Queue identifiers are independent: SQ 1 may use CQ 2, and SQ 2 CQ 1.
#[conformance(reqs = [queue::INDEPENDENT_IDENTIFIERS, cqe::IDENTIFIERS])]
fn binds_queues_with_different_identifiers(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let two = ctrl.granted_io_cqs() >= 2 && ctrl.granted_io_sqs() >= 2;
    lab.needs(two, "two I/O queue pairs")?;
    ctrl.create_io_cq(Qid(1), Entries(8))?;
    ctrl.create_io_cq(Qid(2), Entries(8))?;
    ctrl.create_io_sq(Qid(1), Qid(2), Entries(8))?;
    ctrl.create_io_sq(Qid(2), Qid(1), Entries(8))?;
    for _ in 0..6 {
        flushes(&mut ctrl, Qid(1), Qid(2), 3)?;
        flushes(&mut ctrl, Qid(2), Qid(1), 2)?;
    }
    Ok(())
}

/// Several Submission Queues may share one Completion Queue; each entry names its queue.
#[conformance(reqs = [queue::SHARED_CQ, cqe::IDENTIFIERS, cqe::SQHD])]
fn shares_one_completion_queue_among_several(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let queues = ctrl.granted_io_sqs().min(4);
    lab.needs(queues >= 2, "two I/O Submission Queues")?;
    ctrl.create_io_cq(Qid(1), Entries(32))?;
    for qid in 1..=queues {
        ctrl.create_io_sq(Qid(qid), Qid(1), Entries(8))?;
    }
    for _ in 0..8 {
        for qid in 1..=queues {
            for _ in 0..lab.random().between(1, 7) {
                ctrl.submit(Qid(qid), FLUSH)?;
            }
        }
        ctrl.ring_all()?;
        ctrl.wait_all()?;
        ctrl.release(Qid(1))?;
    }
    Ok(())
}

/// After one of the queues that share a Completion Queue is deleted the others go on.
#[conformance(reqs = [delete_io_sq::NO_LATER_CQE, delete_io_sq::SUCCEEDS])]
fn leaves_the_other_queues_alone_when_one_is_deleted(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.granted_io_sqs() >= 2, "two I/O Submission Queues")?;
    ctrl.create_io_cq(Qid(1), Entries(32))?;
    ctrl.create_io_sq(Qid(1), Qid(1), Entries(8))?;
    for _ in 0..4 {
        ctrl.create_io_sq(Qid(2), Qid(1), Entries(8))?;
        for _ in 0..5 {
            ctrl.submit(Qid(1), FLUSH)?;
            ctrl.submit(Qid(2), FLUSH)?;
        }
        ctrl.ring_all()?;
        ctrl.delete_io_sq(Qid(2))?.accepted()?;
        ctrl.wait_all()?;
        ctrl.release(Qid(1))?;
    }
    Ok(())
}

/// Queues that need not be contiguous lie where their PRP lists say, in any order.
#[conformance(reqs = [create_io_cq::NOT_CONTIGUOUS, create_io_sq::SUCCEEDS, queue::WRAPS,
    cqe::PHASE])]
fn finds_the_pages_of_scattered_queues(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(!ctrl.cap()?.cqr(), "CAP.CQR = 0")?;
    // Given: a Submission Queue of three pages and a Completion Queue of two.
    let page = ctrl.page_bytes();
    let (sq, cq) = (Entries((3 * page / 64) as u32), Entries((2 * page / 16) as u32));
    let most = ctrl.queue_entries_max();
    lab.needs(sq <= most && cq <= most, "CAP.MQES for queues of several pages")?;
    let cq_list = scattered(&mut ctrl, 2, Perm::FromController)?;
    let sq_list = scattered(&mut ctrl, 3, Perm::ToController)?;
    let good = CreateIoCq { qid: Qid(1), entries: cq, prp1: cq_list, ..CreateIoCq::default() };
    ctrl.admin(good)?.accepted()?;
    let good = CreateIoSq { qid: Qid(1), cqid: Qid(1), entries: sq, ..CreateIoSq::default() };
    ctrl.admin(CreateIoSq { prp1: sq_list, ..good })?.accepted()?;

    // When: every slot of both is used. Then: every command completes.
    let mut left = cq.0 + sq.0;
    while left != 0 {
        let count = left.min(sq.0 - 1).min(100);
        flushes(&mut ctrl, Qid(1), Qid(1), count)?;
        left -= count;
    }
    Ok(())
}

/// A PRP list of `pages` pages that lie apart, the last one first.
fn scattered(ctrl: &mut Ctl<'_>, pages: u64, perm: Perm) -> Result<Addr, Stop> {
    let page = ctrl.page_bytes();
    let memory: Buffer = ctrl.buffer_at((2 * pages - 1) * page, 0, perm, 0)?;
    let entries = (0..pages).rev().map(|n| Word::At(memory.id, 2 * n * page));
    ctrl.prp_list(&entries.collect::<Vec<_>>(), None).map(|list| list.at)
}
