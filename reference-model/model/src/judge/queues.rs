//! Submission and completion queues at run time: slots, pointers, and where they lie in memory.

use spec::{Addr, Sqe};

use crate::memory::Memory;
use crate::truth::{No, Truth};

/// A slot of a submission queue, as the host filled it last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// The entry.
    pub sqe: Sqe,
    /// The record that submitted it; `u32::MAX`: nothing was submitted here yet.
    pub submit: u32,
}

/// A submission queue. Pointers count without end: slot = pointer mod entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Sq {
    /// Its completion queue.
    pub cqid: u16,
    /// How many slots.
    pub entries: u32,
    /// The pages that it lies in, in order; empty if they are not known.
    pub ranges: Vec<(u64, u64)>,
    /// The tail that the host rang last.
    pub tail: u64,
    /// The largest head that a CQE has told.
    pub head: u64,
    /// What the slots hold.
    pub slots: Vec<Slot>,
    /// An invalid doorbell value was written: since this pointer nothing is owed.
    pub errored: Truth,
    /// The last record in which a doorbell value was written that may be taken for invalid.
    pub doubted_at: u32,
    /// It was deleted or reset at this time: later CQEs are late.
    pub dead_since: Option<u64>,
    /// A Delete I/O SQ for it is, or was, in flight while its commands were.
    pub deleting: bool,
    /// Commands of it were in flight when a Delete I/O SQ was rung.
    pub busy: bool,
    /// Whether it is there is not known: it was created and deleted by commands beside each other.
    pub unsure: bool,
    /// The record at which it was created.
    pub born: u32,
    /// Commands in flight, by number.
    pub in_flight: Vec<u32>,
    /// One doorbell write has added several commands.
    pub batched: bool,
    /// The tail was written again without progress.
    pub same_tail: bool,
    /// The record in which it was, and nothing has shown yet what that does.
    pub same_tail_at: Option<u32>,
}

impl Sq {
    /// A new queue.
    pub fn new(cqid: u16, entries: u32, ranges: Vec<(u64, u64)>) -> Self {
        let empty = Slot { sqe: Sqe::default(), submit: u32::MAX };
        Self {
            cqid,
            entries,
            ranges,
            tail: 0,
            head: 0,
            slots: vec![empty; entries as usize],
            errored: No,
            doubted_at: 0,
            dead_since: None,
            deleting: false,
            busy: false,
            unsure: false,
            born: 0,
            in_flight: Vec::with_capacity(entries.min(64) as usize),
            batched: false,
            same_tail: false,
            same_tail_at: None,
        }
    }
}

/// Bytes of a completion queue entry.
const ENTRY: u64 = 16;

/// A completion queue. Pointers count without end: slot = pointer mod entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Cq {
    /// How many slots.
    pub entries: u32,
    /// The pages that it lies in, in order; empty if they are not known.
    pub ranges: Vec<(u64, u64)>,
    /// How many CQEs were seen.
    pub seen: u64,
    /// How many the host has released.
    pub released: u64,
    /// The CQE last seen in each slot.
    pub slots: Vec<spec::Cqe>,
    /// An invalid head was written: nothing is owed.
    pub errored: Truth,
    /// It was deleted or reset at this time: later CQEs are late.
    pub dead_since: Option<u64>,
    /// Whether it is there is not known: it was created and deleted by commands beside each other.
    pub unsure: bool,
    /// A queue with this identifier was there before, since the controller was enabled.
    pub again: bool,
    /// Interrupts enabled.
    pub ien: bool,
    /// Its vector.
    pub iv: u16,
    /// Its vector has signalled since it was created.
    pub signalled: bool,
    /// It was empty, and a CQE was posted while its vector was masked.
    pub posted_masked: bool,
    /// It was empty, a CQE was posted not before this time, and no message came since.
    pub unsignalled: Option<u64>,
    /// Entries up to this one were written, on a transport that shows it.
    pub written: u64,
    /// Commands that were dropped with their submission queue, the earliest first: their entries may have
    /// been posted before, and not been seen yet.
    pub orphans: Vec<u32>,
    /// It was full while commands waited, and the host has released entries since.
    pub held_back: bool,
    /// The first slot in a page that does not lie behind the one before it, if there is one: a list of
    /// pages that is not followed leads elsewhere.
    pub apart: Option<u64>,
}

impl Cq {
    /// A new queue.
    pub fn new(entries: u32, ranges: Vec<(u64, u64)>, ien: bool, iv: u16) -> Self {
        let apart = ranges.windows(2).position(|pair| pair[0].0 + pair[0].1 != pair[1].0);
        let apart = apart.map(|at| ranges[..=at].iter().map(|range| range.1).sum::<u64>() / ENTRY);
        Self {
            entries,
            apart,
            ranges,
            seen: 0,
            released: 0,
            slots: vec![spec::Cqe::default(); entries as usize],
            errored: No,
            dead_since: None,
            unsure: false,
            again: false,
            ien,
            iv,
            signalled: false,
            posted_masked: false,
            unsignalled: None,
            written: 0,
            orphans: Vec::new(),
            held_back: false,
        }
    }

    /// The phase tag of the next CQE: 1 on the first pass.
    pub fn phase(&self) -> bool {
        (self.seen / u64::from(self.entries)).is_multiple_of(2)
    }

    /// Whether what is owed in it must come: it is surely there, in order, and has room.
    pub fn answers(&self) -> bool {
        self.errored == No && !self.is_full() && self.dead_since.is_none() && !self.unsure
    }

    /// The slots of the entries that cover `len` bytes at `at`, first and last.
    pub fn slots_at(&self, at: u64, len: u64) -> Option<(u64, u64)> {
        let mut before = 0;
        for &(start, bytes) in &self.ranges {
            if at >= start && at + len <= start + bytes && len > 0 {
                let offset = before + (at - start);
                return Some((offset / ENTRY, (offset + len - 1) / ENTRY));
            }
            before += bytes;
        }
        None
    }

    /// Whether no slot is free, as far as the host has released them.
    pub fn is_full(&self) -> bool {
        self.seen - self.released >= u64::from(self.entries) - 1
    }
}

/// Where a queue of `bytes` bytes lies: at `prp1` (contiguous), or in the pages of its list.
pub fn place(memory: &Memory, prp1: Addr, pc: bool, bytes: u64, page: u64) -> Vec<(u64, u64)> {
    if pc {
        return vec![(prp1.0 & !(page - 1), bytes)];
    }
    let pages = bytes.div_ceil(page);
    let mut ranges = Vec::with_capacity(pages as usize);
    let mut at = prp1.0 & !7;
    while (ranges.len() as u64) < pages {
        let Some(entry) = memory.qword(Addr(at)) else { return Vec::new() };
        let left = pages - ranges.len() as u64;
        if at % page == page - 8 && left > 1 {
            at = entry & !7;
            continue;
        }
        ranges.push((entry & !(page - 1), page));
        at += 8;
    }
    ranges
}

/// Whether `len` bytes at `at` lie within the ranges of a queue.
pub fn lies_in(ranges: &[(u64, u64)], at: u64, len: u64) -> bool {
    ranges.iter().any(|(start, bytes)| at >= *start && at + len <= start + bytes)
}
