//! Mutations of register reads.

use log::random::Random;
use log::{Body, RegisterWrite};
use spec::register::{self as reg, Cc, Csts};

use crate::bases::Base;
use crate::change::{Op, with_body};
use crate::mutants::Sink;
use crate::names;

/// Longer than CAP.TO, CRTO and any margin can ask for together.
const BEYOND: u64 = 100_000 * 1_000_000_000;

/// The sites of the read in record `at`.
pub fn sites(base: &Base, at: usize, read: RegisterWrite, sink: &mut Sink<'_>) {
    let Some((name, bits, fields)) = names::register(read.offset) else { return };
    let bits = bits.min(8 * u32::from(read.width));
    for (field, low, width) in fields.iter().filter(|(_, low, width)| low + width <= bits) {
        let mutation = match *field {
            "reserved" => continue,
            "shst" if stopping(base, at) => "one bit, while the controller stops",
            _ => "one bit",
        };
        sink.within(name, field, mutation, (*low, *width), one_bit);
    }
    if !names::reserved_bits(bits, fields).is_empty() || fields.iter().any(|f| f.0 == "reserved") {
        sink.within(name, "reserved", "one bit", (0, 0), reserved_bit);
    }
    sink.within(name, "all", "ones", (0, 0), |base, at, _, _| {
        change(base, at, |read| read.value = u64::MAX >> (64 - 8 * u32::from(read.width)))
    });
    if read.offset == reg::CSTS && transition(base, at) {
        sink.within(name, "rdy", "late, seen in its old state", (0, 0), late);
        sink.within(name, "rdy", "late", (0, 0), |_, at, _, _| Some(vec![Op::Delay(at, BEYOND)]));
    }
}

/// Whether the latest write of CC before this read asks for a reset or a shutdown.
fn stopping(base: &Base, at: usize) -> bool {
    let ctrl = base.record(at).ctrl;
    let mut past = base.log.records()[..at].iter().rev().filter(|record| record.ctrl == ctrl);
    let written = past.find_map(|record| match record.body() {
        Body::RegisterWrite(write) if write.offset == reg::CC => Some(Cc::from(write.value as u32)),
        _ => None,
    });
    written.is_some_and(|cc| !cc.en() || cc.shn() != 0)
}

fn change(base: &Base, at: usize, edit: impl FnOnce(&mut RegisterWrite)) -> Option<Vec<Op>> {
    let Body::RegisterRead(before) = base.record(at).body() else { return None };
    let mut read = before;
    edit(&mut read);
    let changed = with_body(base.record(at), Body::RegisterRead(read));
    (read != before).then(|| vec![Op::Set(at, changed)])
}

fn one_bit(
    base: &Base,
    at: usize,
    (low, width): (u32, u32),
    random: &mut Random,
) -> Option<Vec<Op>> {
    let bit = u64::from(low) + random.below(u64::from(width));
    change(base, at, |read| read.value ^= 1 << bit)
}

fn reserved_bit(base: &Base, at: usize, _: (u32, u32), random: &mut Random) -> Option<Vec<Op>> {
    let Body::RegisterRead(read) = base.record(at).body() else { return None };
    let (_, bits, fields) = names::register(read.offset)?;
    let named: Vec<_> = fields.iter().copied().filter(|f| f.0 != "reserved").collect();
    let reserved = names::reserved_bits(bits.min(8 * u32::from(read.width)), &named);
    let bit = *random.pick(&reserved);
    change(base, at, |read| read.value ^= 1 << bit)
}

/// Whether record `at`, a read of CSTS, is the first to show another RDY than the one before it, by
/// CC.EN alone (a reset has no deadline of its own).
fn transition(base: &Base, at: usize) -> bool {
    let ctrl = base.record(at).ctrl;
    let Body::RegisterRead(read) = base.record(at).body() else { return false };
    let rdy = Csts::from(read.value as u32).rdy();
    let mut written = None;
    for record in base.log.records()[..at].iter().rev().filter(|record| record.ctrl == ctrl) {
        match record.body() {
            Body::RegisterRead(old) if old.offset == reg::CSTS && written.is_some() => {
                return written == Some(rdy) && Csts::from(old.value as u32).rdy() != rdy;
            }
            Body::RegisterRead(old)
                if old.offset == reg::CSTS && Csts::from(old.value as u32).rdy() == rdy =>
            {
                return false;
            }
            Body::RegisterWrite(write) if write.offset == reg::CC && written.is_none() => {
                written = Some(write.value & 1 != 0);
            }
            Body::Reset { .. } => return false,
            _ => {}
        }
    }
    false
}

/// A look that begins long after any deadline still sees the old RDY.
fn late(base: &Base, at: usize, _: (u32, u32), _: &mut Random) -> Option<Vec<Op>> {
    let Body::RegisterRead(mut read) = base.record(at).body() else { return None };
    read.value ^= u64::from(Csts::new().with_rdy(true).into_bits());
    let mut old = with_body(base.record(at), Body::RegisterRead(read));
    old.seen += BEYOND;
    old.not_before = old.seen;
    Some(vec![Op::Delay(at, 2 * BEYOND), Op::Insert(at, old)])
}
