//! The host's side of a queue: where its slots are, and how far it has come.

use dut::Arena;
use spec::{Addr, Cid, Cqe, Qid, Sqe};

use crate::action::CommandId;

/// Where the slots of a queue lie.
#[derive(Clone, Debug)]
pub(crate) enum Slots {
    /// One after the other.
    Contiguous(u64),
    /// In pages of so many bytes, named by a PRP list.
    Paged(u64, Vec<u64>),
}

impl Slots {
    fn at(&self, slot: u32, bytes: u64) -> Addr {
        let offset = u64::from(slot) * bytes;
        Addr(match self {
            Slots::Contiguous(base) => base.wrapping_add(offset),
            Slots::Paged(page, pages) => {
                let base = pages.get((offset / page) as usize).copied().unwrap_or(0);
                base.wrapping_add(offset % page)
            }
        })
    }
}

/// A submission queue.
#[derive(Clone, Debug)]
pub(crate) struct Sq {
    pub slots: Slots,
    pub entries: u32,
    pub cqid: Qid,
    /// The next slot to fill.
    pub tail: u32,
    /// The tail that the controller was told last.
    pub told: u32,
    /// The head, by the newest SQHD.
    pub head: u32,
    next_cid: u16,
    /// Commands without a completion, oldest first.
    pub in_flight: Vec<(Cid, CommandId)>,
    /// The host wrote a tail that is invalid, or may be taken for it: nothing is owed any more.
    pub spoilt: bool,
}

impl Sq {
    pub fn new(slots: Slots, entries: u32, cqid: Qid) -> Self {
        let in_flight = Vec::with_capacity(entries.min(64) as usize);
        Self {
            slots,
            entries,
            cqid,
            tail: 0,
            told: 0,
            head: 0,
            next_cid: 0,
            in_flight,
            spoilt: false,
        }
    }

    pub fn slot_at(&self, slot: u32) -> Addr {
        self.slots.at(slot, Sqe::BYTES as u64)
    }

    /// Whether no slot is free. One slot always stays empty (Base-2.3 §3.3.1.5).
    pub fn is_full(&self) -> bool {
        self.after(self.tail) == self.head
    }

    /// How many slots are free.
    pub fn free(&self) -> u32 {
        (self.head + self.entries - self.tail - 1) % self.entries
    }

    fn after(&self, slot: u32) -> u32 {
        if slot + 1 == self.entries { 0 } else { slot + 1 }
    }

    /// Takes the SQHD of a completion: the head moves on, never back. SQHD is its value when the entry
    /// was made (Base-2.3 §4.2.1), and entries are seen in another order than they were made in.
    pub fn note_head(&mut self, sqhd: u16) {
        let sqhd = u32::from(sqhd);
        let from_head = |slot: u32| (slot + self.entries - self.head) % self.entries;
        if sqhd < self.entries && from_head(sqhd) <= from_head(self.tail) {
            self.head = sqhd;
        }
    }

    /// Takes the tail slot.
    pub fn take_slot(&mut self) -> u32 {
        let slot = self.tail;
        self.tail = self.after(slot);
        slot
    }

    /// A command identifier that is not in use. FFFFh is never given out: it means "no command" to the
    /// error log (Base-2.3 §5.2.12.1.2).
    pub fn give_cid(&mut self) -> Cid {
        loop {
            let cid = Cid(self.next_cid);
            self.next_cid = if cid.0 == 0xfffe { 0 } else { cid.0 + 1 };
            if self.find(cid).is_none() {
                return cid;
            }
        }
    }

    pub fn find(&self, cid: Cid) -> Option<usize> {
        self.in_flight.iter().position(|(other, _)| *other == cid)
    }
}

/// A completion queue.
#[derive(Clone, Debug)]
pub(crate) struct Cq {
    slots: Slots,
    pub entries: u32,
    /// The slot that the next completion will be seen in.
    pub head: u32,
    /// The phase tag that marks a new entry there.
    phase: bool,
    /// The first slot that was not given back by the head doorbell.
    pub released: u32,
    /// Start of the last look that found nothing new: no entry was posted before it that was not seen.
    pub quiet_until: u64,
    /// What each slot held when the host last looked at it. Queues above the limit keep none.
    shadow: Vec<Cqe>,
    /// The host wrote a head that is invalid, or may be taken for it: nothing is owed any more.
    pub spoilt: bool,
}

/// Queues with more entries keep no shadow: a megabyte per queue would have to be copied per test.
const SHADOWED_ENTRIES_MAX: u32 = 4096;

impl Cq {
    pub fn new(slots: Slots, entries: u32, now: u64) -> Self {
        let kept = if entries <= SHADOWED_ENTRIES_MAX { entries } else { 0 };
        Self {
            slots,
            entries,
            head: 0,
            phase: true,
            released: 0,
            quiet_until: now,
            shadow: vec![Cqe::default(); kept as usize],
            spoilt: false,
        }
    }

    pub fn slot_at(&self, slot: u32) -> Addr {
        self.slots.at(slot, Cqe::BYTES as u64)
    }

    fn read(&self, arena: &Arena, slot: u32) -> Option<Cqe> {
        let mut bytes = [0; Cqe::BYTES];
        arena.read(self.slot_at(slot), &mut bytes).then(|| Cqe::from_bytes(&bytes))
    }

    /// One look at the head slot: the phase first, with acquire; then one copy.
    pub fn look(&mut self, arena: &Arena) -> Option<(u16, Cqe)> {
        let at = self.slot_at(self.head);
        let dword = arena.load_acquire(Addr(at.0 + 12))?;
        if (dword >> 16 & 1 != 0) != self.phase {
            return None;
        }
        let slot = self.head;
        let cqe = self.read(arena, slot)?;
        if let Some(shadow) = self.shadow.get_mut(slot as usize) {
            *shadow = cqe;
        }
        self.head += 1;
        if self.head == self.entries {
            self.head = 0;
            self.phase = !self.phase;
        }
        Some((slot as u16, cqe))
    }

    /// How many entries were seen and not yet given back.
    pub fn owed(&self) -> u32 {
        (self.head + self.entries - self.released) % self.entries
    }

    /// The slots that were seen and not yet given back, and whether each still holds what was seen;
    /// gives `changed` those that do not.
    pub fn look_again(&mut self, arena: &Arena, mut changed: impl FnMut(u16, Cqe)) {
        let mut slot = self.released;
        while slot != self.head {
            self.compare(arena, slot, &mut changed);
            slot = if slot + 1 == self.entries { 0 } else { slot + 1 };
        }
    }

    /// Compares every slot but the head with what it held when it was last looked at.
    pub fn look_everywhere(&mut self, arena: &Arena, mut changed: impl FnMut(u16, Cqe)) {
        let head = self.head;
        for slot in (0..self.shadow.len() as u32).filter(|slot| *slot != head) {
            self.compare(arena, slot, &mut changed);
        }
    }

    fn compare(&mut self, arena: &Arena, slot: u32, changed: &mut impl FnMut(u16, Cqe)) {
        let Some(now) = self.read(arena, slot) else { return };
        if let Some(shadow) = self.shadow.get_mut(slot as usize)
            && *shadow != now
        {
            *shadow = now;
            changed(slot as u16, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_queue_keeps_one_slot_empty() {
        let mut sq = Sq::new(Slots::Contiguous(0), 4, Qid(0));
        for expected in [3, 2, 1] {
            assert_eq!(sq.free(), expected);
            assert!(!sq.is_full());
            sq.take_slot();
        }
        assert!(sq.is_full());
        sq.head = 1;
        assert_eq!((sq.free(), sq.take_slot()), (1, 3));
        assert_eq!(sq.tail, 0);
    }

    #[test]
    fn the_head_moves_on_and_never_back() {
        let mut sq = Sq::new(Slots::Contiguous(0), 4, Qid(0));
        for _ in 0..3 {
            sq.take_slot();
        }
        sq.note_head(3);
        assert_eq!((sq.head, sq.free()), (3, 3));
        // The entry of an earlier command, seen later: its SQHD is older.
        sq.note_head(1);
        assert_eq!(sq.head, 3);
        sq.take_slot();
        sq.note_head(0);
        assert_eq!((sq.head, sq.free()), (0, 3));
        // What no slot has says nothing.
        sq.note_head(4);
        assert_eq!(sq.head, 0);
    }

    #[test]
    fn identifiers_in_use_are_not_given_out_again() {
        let mut sq = Sq::new(Slots::Contiguous(0), 4, Qid(0));
        sq.in_flight.push((Cid(1), CommandId(0)));
        sq.next_cid = 0xfffe;
        assert_eq!([(); 3].map(|()| sq.give_cid().0), [0xfffe, 0, 2]);
    }

    #[test]
    fn the_phase_turns_with_every_lap() {
        let arena = Arena::new(4096, Addr(0x1000)).unwrap();
        let mut cq = Cq::new(Slots::Contiguous(0x1000), 2, 0);
        let post = |slot: u64, phase| {
            let cqe = Cqe::default().with_phase(phase);
            assert!(arena.write(Addr(0x1000 + 16 * slot), &cqe.to_bytes()));
        };
        assert!(cq.look(&arena).is_none());
        post(0, true);
        post(1, true);
        assert_eq!(cq.look(&arena).unwrap().0, 0);
        assert_eq!(cq.look(&arena).unwrap().0, 1);
        assert!(cq.look(&arena).is_none());
        post(0, false);
        assert_eq!(cq.look(&arena).unwrap().0, 0);
        assert!(cq.look(&arena).is_none());
    }

    #[test]
    fn a_slot_that_changes_after_it_was_seen_is_reported_once() {
        let arena = Arena::new(4096, Addr(0x1000)).unwrap();
        let mut cq = Cq::new(Slots::Contiguous(0x1000), 4, 0);
        let cqe = Cqe { dw: [7, 0, 0, 1 << 16] };
        assert!(arena.write(Addr(0x1000), &cqe.to_bytes()));
        assert!(cq.look(&arena).is_some());
        let mut changed = Vec::new();
        cq.look_again(&arena, |slot, _| changed.push(slot));
        assert!(changed.is_empty());
        assert!(arena.write(Addr(0x1000), &[8]));
        cq.look_again(&arena, |slot, _| changed.push(slot));
        cq.look_again(&arena, |slot, _| changed.push(slot));
        assert!(arena.write(Addr(0x1020), &[1]));
        cq.look_everywhere(&arena, |slot, _| changed.push(slot));
        assert_eq!(changed, [0, 2]);
    }
}
