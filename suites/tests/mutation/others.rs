//! Mutations of DMA, interrupts, sweeps, and of silence.

use log::random::Random;
use log::{Body, LookReason, Record};
use spec::Addr;
use spec::register::{self as reg, Csts};

use crate::bases::Base;
use crate::change::{Op, with_body};
use crate::completions::removed;
use crate::mutants::Sink;

/// An address that no arena has.
const NOWHERE: Addr = Addr(0xdead_0000_0000);

/// The sites of the remaining observations.
pub fn sites(record: &Record, sink: &mut Sink<'_>) {
    match record.body() {
        Body::Interrupt { .. } => interrupt_sites(sink),
        Body::Dma { .. } => dma_sites(sink),
        Body::Sweep { .. } => sink.field("changed", "1", |base, at, _, _| {
            set(base, at, |body| {
                if let Body::Sweep { changed, .. } = body {
                    *changed = 1;
                }
            })
        }),
        Body::MsixPending { .. } => sink.field("pending", "inverted", |base, at, _, _| {
            set(base, at, |body| {
                if let Body::MsixPending { pending, .. } = body {
                    *pending = !*pending;
                }
            })
        }),
        Body::EmptyLook(look) if look.reason == LookReason::Idle => {
            sink.field("record", "the completion before it removed", lost);
        }
        Body::Idle => sink.field("record", "the completion before it removed", lost),
        _ => {}
    }
}

fn set(base: &Base, at: usize, change: impl FnOnce(&mut Body)) -> Option<Vec<Op>> {
    let before = base.record(at).body();
    let mut body = before;
    change(&mut body);
    (body != before).then(|| vec![Op::Set(at, with_body(base.record(at), body))])
}

fn interrupt_sites(sink: &mut Sink<'_>) {
    sink.field("vector", "plus 1", |base, at, _, _| vector(base, at, |v| v.wrapping_add(1)));
    sink.field("vector", "any", |base, at, _, random| {
        let any = random.number() as u16;
        vector(base, at, |_| any)
    });
    sink.field("count", "plus 1", |base, at, _, _| {
        set(base, at, |body| {
            if let Body::Interrupt { count, .. } = body {
                *count += 1;
            }
        })
    });
    sink.field("record", "removed", |_, at, _, _| Some(vec![Op::Remove(at)]));
    sink.field("record", "all of its vector removed", |base, at, _, _| {
        let Body::Interrupt { vector, .. } = base.record(at).body() else { return None };
        let ctrl = base.record(at).ctrl;
        let records = base.log.records().iter().enumerate().rev();
        let same = records.filter(|(_, record)| {
            record.ctrl == ctrl
                && matches!(record.body(), Body::Interrupt { vector: v, .. } if v == vector)
        });
        Some(same.map(|(n, _)| Op::Remove(n)).collect())
    });
    sink.field("record", "twice", |base, at, _, _| {
        Some(vec![Op::Insert(at + 1, *base.record(at))])
    });
}

fn vector(base: &Base, at: usize, change: impl FnOnce(u16) -> u16) -> Option<Vec<Op>> {
    set(base, at, |body| {
        if let Body::Interrupt { vector, .. } = body {
            *vector = change(*vector);
        }
    })
}

fn dma_sites(sink: &mut Sink<'_>) {
    sink.field("at", "nowhere", |base, at, _, _| {
        set(base, at, |body| {
            if let Body::Dma { at, .. } = body {
                *at = NOWHERE;
            }
        })
    });
    sink.field("at", "64 KiB further", |base, at, _, _| {
        set(base, at, |body| {
            if let Body::Dma { at, .. } = body {
                at.0 += 0x1_0000;
            }
        })
    });
    sink.field("len", "a page longer", |base, at, _, _| {
        set(base, at, |body| {
            if let Body::Dma { len, .. } = body {
                *len += 4096;
            }
        })
    });
    sink.field("write", "inverted", |base, at, _, _| {
        set(base, at, |body| {
            if let Body::Dma { write, .. } = body {
                *write = !*write;
            }
        })
    });
    sink.field("record", "again after its completion", again_after_completion);
    sink.field("record", "again after RDY = 0", again_after_disable);
}

/// The first record after `at` of its controller that `wanted` names.
fn following(base: &Base, at: usize, wanted: impl Fn(&Body) -> bool) -> Option<usize> {
    let ctrl = base.record(at).ctrl;
    let records = base.log.records().iter().enumerate().skip(at + 1);
    records.filter(|(_, r)| r.ctrl == ctrl).find(|(_, r)| wanted(&r.body())).map(|(n, _)| n)
}

/// `record` after record `place`, a nanosecond later than that was seen.
fn again_after(base: &Base, at: usize, place: usize) -> Vec<Op> {
    let mut again = *base.record(at);
    again.seen = base.record(place).seen + 1;
    again.not_before = again.seen;
    vec![Op::Insert(place + 1, again)]
}

/// A data access (one that no queue explains) is repeated after the completion of its command, which was
/// alone in flight.
fn again_after_completion(
    base: &Base,
    at: usize,
    _: (u32, u32),
    _: &mut Random,
) -> Option<Vec<Op>> {
    let Body::Dma { len, .. } = base.record(at).body() else { return None };
    // Queue accesses have the size of entries, and lists need not be read when they are used.
    if len < 512 || base.record(at).ctrl != 0 {
        return None;
    }
    let next = following(base, at, |body| matches!(body, Body::Completion { .. }))?;
    let mine = *base.index.submit.get(&next)?;
    let index = &base.index;
    let in_flight = |submit: &usize| {
        let rung = index.rung.get(submit).is_some_and(|rung| *rung < next);
        rung && index.completion.get(submit).is_none_or(|seen| *seen > at)
    };
    let alone = index.rung.keys().filter(|submit| in_flight(submit)).all(|submit| *submit == mine);
    alone.then(|| again_after(base, at, next))
}

/// The access is repeated after the controller was seen disabled.
fn again_after_disable(base: &Base, at: usize, _: (u32, u32), _: &mut Random) -> Option<Vec<Op>> {
    let disabled = following(base, at, |body| match body {
        Body::RegisterRead(read) if read.offset == reg::CSTS => {
            !Csts::from(read.value as u32).rdy()
        }
        Body::Reset { .. } => true,
        _ => false,
    })?;
    Some(again_after(base, at, disabled))
}

/// The last completion before a silence is removed: the silence is then that of an owed completion.
fn lost(base: &Base, at: usize, span: (u32, u32), random: &mut Random) -> Option<Vec<Op>> {
    let look = match base.record(at).body() {
        Body::EmptyLook(look) => Some(look.cqid),
        _ => None,
    };
    let ctrl = base.record(at).ctrl;
    for n in (0..at).rev() {
        let record = base.record(n);
        match record.body() {
            Body::Completion { cqid, .. }
                if record.ctrl == ctrl && look.is_none_or(|look| look == cqid) =>
            {
                return removed(base, n, span, random);
            }
            Body::Reset { .. } | Body::RegisterWrite(_) => return None,
            _ => {}
        }
    }
    None
}
