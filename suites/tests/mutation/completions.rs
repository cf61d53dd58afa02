//! Mutations of completion queue entries.

use log::random::Random;
use log::{Body, Record};
use spec::register::DoorbellKind;
use spec::{Cqe, Qid, Status};

use crate::bases::Base;
use crate::change::{Op, with_body};
use crate::mutants::Sink;
use crate::names;

/// The sites of the completion in record `at`.
pub fn sites(base: &Base, at: usize, sink: &mut Sink<'_>) {
    let Some((admin, sqe)) = base.command(at) else { return };
    sink.field(names::dword_0(admin, &sqe), "one bit", |base, at, _, random| {
        edit(base, at, |cqe| cqe.dw[0] ^= bit(random, 32))
    });
    sink.field("dw1", "one bit", |base, at, _, random| {
        edit(base, at, |cqe| cqe.dw[1] ^= bit(random, 32))
    });
    sink.field("sqhd", "plus 1", |base, at, _, _| sqhd(base, at, |head| head.wrapping_add(1)));
    sink.field("sqhd", "minus 1", |base, at, _, _| sqhd(base, at, |head| head.wrapping_sub(1)));
    sink.field("sqhd", "any", |base, at, _, random| {
        // Beyond every queue of these tests, so never within the window.
        let any = random.number() as u16 | 0x8000;
        sqhd(base, at, |head| if any == head { any ^ 1 } else { any })
    });
    sink.field("sqid", "one bit", |base, at, _, random| {
        edit(base, at, |cqe| cqe.dw[2] ^= bit(random, 4) << 16)
    });
    sink.field("cid", "one bit", |base, at, _, random| {
        edit(base, at, |cqe| cqe.dw[3] ^= bit(random, 16))
    });
    sink.field("phase", "inverted", |base, at, _, _| edit(base, at, |cqe| cqe.dw[3] ^= 1 << 16));
    sink.field("status", "another named", |base, at, _, random| {
        let (status, ..) = *random.pick(Status::TABLE);
        edit(base, at, |cqe| set_status(cqe, status))
    });
    sink.field("status", "one bit of SC", |base, at, _, random| {
        edit(base, at, |cqe| cqe.dw[3] ^= bit(random, 8) << 17)
    });
    sink.field("status", "one bit of SCT", |base, at, _, random| {
        edit(base, at, |cqe| cqe.dw[3] ^= bit(random, 3) << 25)
    });
    sink.field("status", "success", |base, at, _, _| {
        edit(base, at, |cqe| set_status(cqe, Status::SUCCESSFUL_COMPLETION))
    });
    sink.field("crd", "one bit", |base, at, _, random| {
        edit(base, at, |cqe| cqe.dw[3] ^= bit(random, 2) << 28)
    });
    sink.field("m", "inverted", |base, at, _, _| edit(base, at, |cqe| cqe.dw[3] ^= 1 << 30));
    let success = completion(base.record(at)).is_some_and(|(.., cqe)| cqe.status().is_success());
    let dnr = if success { "set on a success" } else { "inverted on an error" };
    sink.field("dnr", dnr, |base, at, _, _| edit(base, at, |cqe| cqe.dw[3] ^= 1 << 31));
    sink.field("slot", "plus 1", |base, at, _, _| {
        let (cqid, slot, cqe) = completion(base.record(at))?;
        Some(vec![Op::Set(at, replaced(base.record(at), cqid, slot.wrapping_add(1), cqe))])
    });
    let last = next_of_queue(base, at).is_none() && life_ends(base, at) < base.log.len();
    sink.field("record", if last { "removed, and a reset follows" } else { "removed" }, removed);
    sink.field("record", "removed, the next in its slot", skipped);
    sink.field("record", "twice", twice);
    sink.field("record", "swapped with the next of its queue", swapped);
    sink.field("record", "before its doorbell", before_doorbell);
}

fn bit(random: &mut Random, bits: u64) -> u32 {
    1 << random.below(bits)
}

/// The parts of a completion.
pub fn completion(record: &Record) -> Option<(Qid, u16, Cqe)> {
    match record.body() {
        Body::Completion { cqid, slot, cqe } => Some((cqid, slot, cqe)),
        _ => None,
    }
}

fn replaced(record: &Record, cqid: Qid, slot: u16, cqe: Cqe) -> Record {
    with_body(record, Body::Completion { cqid, slot, cqe })
}

fn edit(base: &Base, at: usize, change: impl FnOnce(&mut Cqe)) -> Option<Vec<Op>> {
    let (cqid, slot, before) = completion(base.record(at))?;
    let mut cqe = before;
    change(&mut cqe);
    (cqe != before).then(|| vec![Op::Set(at, replaced(base.record(at), cqid, slot, cqe))])
}

fn sqhd(base: &Base, at: usize, change: impl FnOnce(u16) -> u16) -> Option<Vec<Op>> {
    edit(base, at, |cqe| {
        cqe.dw[2] = cqe.dw[2] & 0xffff_0000 | u32::from(change(cqe.sqhd()));
    })
}

fn set_status(cqe: &mut Cqe, status: Status) {
    let bits = u32::from(status.sc()) << 17 | u32::from(status.sct() & 7) << 25;
    cqe.dw[3] = cqe.dw[3] & !(0x7ff << 17) | bits;
}

/// The record after `at` that may begin another life of the queue: a reset, a register write; else the end.
fn life_ends(base: &Base, at: usize) -> usize {
    let ctrl = base.record(at).ctrl;
    let mut rest = base.log.records().iter().skip(at + 1);
    let end = rest.position(|record| match record.body() {
        Body::Reset { .. } => true,
        Body::RegisterWrite(_) => record.ctrl == ctrl,
        _ => false,
    });
    end.map_or(base.log.len(), |n| at + 1 + n)
}

/// The next completion of the same queue, before anything that might make the queue anew.
fn next_of_queue(base: &Base, at: usize) -> Option<usize> {
    let (cqid, ..) = completion(base.record(at))?;
    let records = base.log.records();
    for (n, record) in records.iter().enumerate().skip(at + 1) {
        match record.body() {
            Body::Completion { cqid: other, .. }
                if other == cqid && record.ctrl == records[at].ctrl =>
            {
                return Some(n);
            }
            Body::Reset { .. } | Body::RegisterWrite(_) => return None,
            _ => {}
        }
    }
    None
}

/// The entry is lost: with it goes the doorbell that releases its slot alone.
pub fn removed(base: &Base, at: usize, _: (u32, u32), _: &mut Random) -> Option<Vec<Op>> {
    let mut ops = Vec::new();
    let next = next_of_queue(base, at).unwrap_or_else(|| life_ends(base, at));
    ops.extend(releases(base, at, next).into_iter().rev().map(Op::Remove));
    ops.push(Op::Remove(at));
    Some(ops)
}

/// The doorbells that release entries of the queue of the completion in record `at`, until `end`.
fn releases(base: &Base, at: usize, end: usize) -> Vec<usize> {
    let Some((cqid, ..)) = completion(base.record(at)) else { return Vec::new() };
    let ctrl = base.record(at).ctrl;
    let rung = |n: &usize| match base.record(*n).body() {
        Body::Doorbell(bell) => {
            bell.kind == DoorbellKind::CqHead && bell.qid == cqid && base.record(*n).ctrl == ctrl
        }
        _ => false,
    };
    (at + 1..end).filter(rung).collect()
}

/// The entry is lost and all later ones of its queue move up: what a controller that drops a completion
/// shows, as far as the queue goes on. The host releases one slot less from then on.
fn skipped(base: &Base, at: usize, _: (u32, u32), _: &mut Random) -> Option<Vec<Op>> {
    let mut ops = Vec::new();
    let mut to = at;
    while let Some(next) = next_of_queue(base, to) {
        let (cqid, slot, into) = completion(base.record(to))?;
        let (.., cqe) = completion(base.record(next))?;
        let moved = replaced(base.record(next), cqid, slot, cqe.with_phase(into.phase()));
        ops.push(Op::Set(next, moved));
        to = next;
    }
    let mut gone = vec![at];
    let first = next_of_queue(base, at)?;
    for n in releases(base, at, life_ends(base, at)) {
        let Body::Doorbell(mut bell) = base.record(n).body() else { continue };
        if n < first {
            gone.push(n);
            continue;
        }
        // Where the queue wraps the largest value would have to be known.
        bell.value = bell.value.checked_sub(1)?;
        ops.push(Op::Set(n, with_body(base.record(n), Body::Doorbell(bell))));
    }
    ops.extend(gone.into_iter().rev().map(Op::Remove));
    Some(ops)
}

/// The entry is posted once more: in the next slot at once, with that slot's phase.
fn twice(base: &Base, at: usize, _: (u32, u32), _: &mut Random) -> Option<Vec<Op>> {
    let (cqid, slot, cqe) = completion(base.record(at))?;
    let (next_slot, phase) = match next_of_queue(base, at).map(|n| completion(base.record(n))) {
        Some(Some((_, next_slot, next))) => (next_slot, next.phase()),
        _ => (slot.wrapping_add(1), cqe.phase()),
    };
    let again = replaced(base.record(at), cqid, next_slot, cqe.with_phase(phase));
    Some(vec![Op::Insert(at + 1, again)])
}

/// Two entries of one queue stand in each other's slots, with the right phases.
fn swapped(base: &Base, at: usize, _: (u32, u32), _: &mut Random) -> Option<Vec<Op>> {
    let next = next_of_queue(base, at)?;
    let (cqid, slot, first) = completion(base.record(at))?;
    let (_, next_slot, second) = completion(base.record(next))?;
    let one = replaced(base.record(at), cqid, slot, second.with_phase(first.phase()));
    let other = replaced(base.record(next), cqid, next_slot, first.with_phase(second.phase()));
    Some(vec![Op::Set(at, one), Op::Set(next, other)])
}

/// The entry is seen before the doorbell that submits its command.
fn before_doorbell(base: &Base, at: usize, _: (u32, u32), _: &mut Random) -> Option<Vec<Op>> {
    let submit = base.index.submit.get(&at)?;
    let rung = *base.index.rung.get(submit)?;
    let mut early = *base.record(at);
    (early.not_before, early.seen) = (base.record(rung).not_before, base.record(rung).not_before);
    (rung < at).then(|| vec![Op::Remove(at), Op::Insert(rung, early)])
}
