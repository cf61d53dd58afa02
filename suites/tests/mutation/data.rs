//! Mutations of what the host found in its memory: blocks of data, and structures.

use log::random::Random;
use log::{Body, Ident, Log, PayloadRef, Record};

use crate::bases::Base;
use crate::change::{Op, with_body};
use crate::mutants::Sink;
use crate::names;

/// The sites of a look at blocks.
pub fn block_sites(sink: &mut Sink<'_>) {
    sink.field("ident", "of another block", |base, at, _, random| {
        let idents = written(base);
        let other = (!idents.is_empty()).then(|| *random.pick(&idents))?;
        replace(base, at, random, other)
    });
    sink.field("ident", "zeroes", |base, at, _, random| replace(base, at, random, Ident::ZERO));
    sink.field("ident", "any", |base, at, _, random| {
        let any = Ident(random.number());
        replace(base, at, random, any)
    });
}

/// The identities of all blocks that the host filled, the first sixteen of each fill.
fn written(base: &Base) -> Vec<Ident> {
    let mut idents = Vec::new();
    for record in base.log.records() {
        if let Body::Fill { blocks, tag, .. } = record.body() {
            idents.extend((0..u64::from(blocks.min(16))).map(|n| tag.plus(n).ident()));
        }
    }
    idents
}

/// The identities that a look saw.
pub fn idents(log: &Log, record: &Record) -> Vec<Ident> {
    match record.body() {
        Body::FewBlocksSeen { count, idents, .. } => idents[..usize::from(count)].to_vec(),
        Body::BlocksSeen { payload, .. } => {
            let words = log.payload(payload).as_chunks::<8>().0;
            words.iter().map(|word| Ident(u64::from_le_bytes(*word))).collect()
        }
        _ => Vec::new(),
    }
}

fn replace(base: &Base, at: usize, random: &mut Random, other: Ident) -> Option<Vec<Op>> {
    let seen = idents(&base.log, base.record(at));
    let n = random.below(seen.len().max(1) as u64) as usize;
    if *seen.get(n)? == other {
        return None;
    }
    match base.record(at).body() {
        Body::FewBlocksSeen { at: from, block_bytes, count, mut idents } => {
            idents[n] = other;
            let body = Body::FewBlocksSeen { at: from, block_bytes, count, idents };
            Some(vec![Op::Set(at, with_body(base.record(at), body))])
        }
        Body::BlocksSeen { payload, .. } => {
            Some(vec![Op::Bytes(payload.offset + 8 * n as u64, other.0.to_le_bytes().to_vec())])
        }
        _ => None,
    }
}

/// The sites of a look at the bytes of a structure.
pub fn byte_sites(base: &Base, at: usize, payload: PayloadRef, sink: &mut Sink<'_>) {
    let sqe = base.index.source.get(&at).map(|submit| base.record(*submit).body());
    let Some(Body::Submit { sqe, .. }) = sqe else { return };
    let Some(structure) = names::structure(&sqe) else { return };
    for field in structure.fields {
        if field.offset + field.bytes <= payload.len as usize {
            let span = (field.offset as u32, field.bytes as u32);
            sink.within(structure.name, field.name, "one bit", span, one_bit);
        }
    }
    let reserved = spec::structure::reserved_ranges(structure.fields, structure.bytes);
    for range in reserved.into_iter().filter(|range| range.end <= payload.len as usize) {
        let span = (range.start as u32, range.len() as u32);
        sink.within(structure.name, "reserved", "one bit", span, one_bit);
    }
}

/// One bit of the field is inverted; in a page of several structures, that of any of them.
fn one_bit(
    base: &Base,
    at: usize,
    (offset, bytes): (u32, u32),
    random: &mut Random,
) -> Option<Vec<Op>> {
    let Body::BytesSeen { payload, .. } = base.record(at).body() else { return None };
    let Body::Submit { sqe, .. } = base.record(*base.index.source.get(&at)?).body() else {
        return None;
    };
    let size = names::structure(&sqe)?.bytes as u64;
    let entry = random.below((payload.len / size).max(1));
    let byte = entry * size + u64::from(offset) + random.below(u64::from(bytes));
    let old = *base.log.payload(payload).get(byte as usize)?;
    Some(vec![Op::Bytes(payload.offset + byte, vec![old ^ 1 << random.below(8)])])
}
