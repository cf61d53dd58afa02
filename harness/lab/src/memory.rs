//! Host memory: buffers with guard bytes around them, and the quarantine.
//!
//! A buffer lies in whole pages. What its bytes leave of its first and last page, and one more page
//! behind, holds guard bytes that follow from their address; a sweep says how many have changed. A
//! buffer that a controller may still touch is not given out again before a reset was confirmed.

use std::ops::Range;
use std::sync::Arc;

use dut::Arena;
use log::Perm;
use spec::Addr;

use crate::action::{BufferId, HIDDEN};

/// A buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Buffer {
    /// Its first byte.
    pub at: Addr,
    /// Its length.
    pub bytes: u64,
    /// Who may touch it.
    pub perm: Perm,
    /// The whole region, guards included.
    region: Region,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Region {
    base: u64,
    end: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Live,
    Quarantined,
    Free,
}

/// Objects by id: those of the test, and those that the lab made for itself.
#[derive(Clone, Debug)]
pub(crate) struct Table<T> {
    seen: Vec<Option<T>>,
    hidden: Vec<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { seen: Vec::new(), hidden: Vec::new() }
    }
}

impl<T> Table<T> {
    pub fn get(&self, id: u32) -> Option<&T> {
        match id.checked_sub(HIDDEN) {
            None => self.seen.get(id as usize)?.as_ref(),
            Some(n) => self.hidden.get(n as usize),
        }
    }

    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        match id.checked_sub(HIDDEN) {
            None => self.seen.get_mut(id as usize)?.as_mut(),
            Some(n) => self.hidden.get_mut(n as usize),
        }
    }

    /// The next free id.
    pub fn next(&self, hidden: bool) -> u32 {
        if hidden { HIDDEN + self.hidden.len() as u32 } else { self.seen.len() as u32 }
    }

    /// Puts an object under an id. False if the id is taken or absurd.
    #[must_use]
    pub fn insert(&mut self, id: u32, item: T) -> bool {
        if let Some(n) = id.checked_sub(HIDDEN) {
            let fits = n as usize == self.hidden.len();
            if fits {
                self.hidden.push(item);
            }
            return fits;
        }
        let n = id as usize;
        if n >= self.seen.len() {
            self.seen.resize_with(n + 1, || None);
        } else if self.seen[n].is_some() {
            return false;
        }
        self.seen[n] = Some(item);
        true
    }

    /// Takes over the memory of an earlier table.
    pub fn keep_memory_of(&mut self, earlier: &mut Table<T>) {
        move_into(&mut self.hidden, std::mem::take(&mut earlier.hidden));
        move_into(&mut self.seen, std::mem::take(&mut earlier.seen));
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let seen = self.seen.iter().enumerate();
        let hidden = self.hidden.iter().enumerate();
        seen.filter_map(|(n, item)| Some((n as u32, item.as_ref()?)))
            .chain(hidden.map(|(n, item)| (HIDDEN + n as u32, item)))
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.seen.iter_mut().flatten().chain(&mut self.hidden)
    }
}

/// Moves `items` into the memory of `room`, whose own items are dropped.
pub(crate) fn move_into<T>(items: &mut Vec<T>, mut room: Vec<T>) {
    room.clear();
    room.append(items);
    *items = room;
}

/// What a sweep of one region found.
pub(crate) struct Swept {
    pub at: Addr,
    pub len: u64,
    pub changed: u64,
}

/// All buffers.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    next: u64,
    /// Where the part begins that controllers can only read, and what of it was never given out. The
    /// end, if there is no such part.
    read_only: u64,
    next_read_only: u64,
    end: u64,
    buffers: Table<Buffer>,
    free: Vec<Region>,
    /// Live and quarantined buffers, ascending by address.
    by_address: Vec<(u64, BufferId)>,
}

impl Memory {
    /// All of the arena; `read_only` is the part at its end that controllers can only read, or empty.
    pub fn new(arena: &Arena, read_only: Range<u64>) -> Self {
        let (base, end) = (arena.base().0, arena.base().0 + arena.bytes());
        let read_only = if read_only.is_empty() { end } else { read_only.start.clamp(base, end) };
        Self {
            // Address 0 is a good address to a controller and a bad one to a reader of reports.
            next: base.max(4096),
            read_only,
            next_read_only: read_only,
            end,
            buffers: Table::default(),
            free: Vec::new(),
            by_address: Vec::new(),
        }
    }

    /// Where the memory that was never given out begins.
    pub fn untouched(&self) -> u64 {
        self.next
    }

    /// Copies of what stands in the buffers that the controller may only read.
    pub fn copies(&self, arena: &Arena) -> Vec<(Addr, Vec<u8>)> {
        let read_only = self.buffers.iter().filter(|(_, b)| b.perm == Perm::ToController);
        let copy = |buffer: &Buffer| {
            let mut bytes = vec![0; buffer.bytes as usize];
            arena.read(buffer.at, &mut bytes).then_some((buffer.at, bytes))
        };
        read_only.filter_map(|(_, buffer)| copy(buffer)).collect()
    }

    /// A copy of all memory that was ever given out.
    pub fn whole(&self, arena: &Arena) -> (Addr, Vec<u8>) {
        let at = arena.base();
        let mut bytes = vec![0; self.next.saturating_sub(at.0) as usize];
        let inside = arena.read(at, &mut bytes);
        debug_assert!(inside, "what was given out lies in the arena");
        (at, bytes)
    }

    pub fn next_id(&self, hidden: bool) -> BufferId {
        BufferId(self.buffers.next(hidden))
    }

    pub fn get(&self, id: BufferId) -> Option<&Buffer> {
        self.buffers.get(id.0)
    }

    /// Allocates; `None` if the arena is full or the id is taken. The guards are written.
    pub fn allocate(
        &mut self,
        arena: &Arena,
        id: BufferId,
        bytes: u64,
        (offset, page): (u32, u32),
        perm: Perm,
    ) -> Option<Buffer> {
        let page = u64::from(page.max(4096).next_power_of_two());
        let offset = u64::from(offset) & (page - 1);
        let size = offset.checked_add(bytes)?.checked_next_multiple_of(page)?.checked_add(page)?;
        let region = self.region(size, page, perm)?;
        let buffer =
            Buffer { at: Addr(region.base + offset), bytes, perm, region, state: State::Live };
        if !self.buffers.insert(id.0, buffer) {
            return None;
        }
        let at = self.by_address.partition_point(|(base, _)| *base < region.base);
        self.by_address.insert(at, (region.base, id));
        for (from, to) in buffer.guards() {
            write_guard(arena, from, to);
        }
        Some(buffer)
    }

    fn region(&mut self, size: u64, page: u64, perm: Perm) -> Option<Region> {
        let (part, next) = if perm == Perm::ToController && self.read_only < self.end {
            (self.read_only..self.end, &mut self.next_read_only)
        } else {
            (0..self.read_only, &mut self.next)
        };
        let fits = |r: &Region| {
            r.end - r.base == size && r.base.is_multiple_of(page) && part.contains(&r.base)
        };
        if let Some(at) = self.free.iter().position(fits) {
            return Some(self.free.swap_remove(at));
        }
        let base = next.checked_next_multiple_of(page)?;
        let end = base.checked_add(size)?;
        if end > part.end {
            return None;
        }
        *next = end;
        Some(Region { base, end })
    }

    /// Gives a buffer back: at once if `busy` is false, else to the quarantine. Returns its range.
    pub fn release(&mut self, id: BufferId, busy: bool) -> Option<(Addr, u64)> {
        let buffer = self.buffers.get_mut(id.0)?;
        if buffer.state != State::Live {
            return None;
        }
        buffer.state = if busy { State::Quarantined } else { State::Free };
        let (region, range) = (buffer.region, (buffer.at, buffer.bytes));
        if !busy {
            self.free.push(region);
            self.by_address.retain(|(base, _)| *base != region.base);
        }
        Some(range)
    }

    /// A reset was confirmed: nothing touches the quarantined buffers any more.
    pub fn end_quarantine(&mut self) {
        for buffer in self.buffers.values_mut().filter(|b| b.state == State::Quarantined) {
            buffer.state = State::Free;
            self.free.push(buffer.region);
            let base = buffer.region.base;
            self.by_address.retain(|(at, _)| *at != base);
        }
    }

    /// The buffer (not the lab's own) that holds this address, and the offset in it. One past the
    /// end counts, so that the end of a buffer is still said in its terms.
    pub fn find(&self, at: Addr) -> Option<(BufferId, u64)> {
        let before = self.by_address.partition_point(|(base, _)| *base <= at.0);
        let (_, id) = *self.by_address.get(before.checked_sub(1)?)?;
        let buffer = self.get(id)?;
        let offset = at.0.checked_sub(buffer.at.0)?;
        (offset <= buffer.bytes && id.0 < HIDDEN).then_some((id, offset))
    }

    /// Whether the range lies in one buffer, and controllers may do there what `perm` says.
    pub fn holds(&self, at: u64, bytes: u64, perm: Perm) -> bool {
        let before = self.by_address.partition_point(|(base, _)| *base <= at);
        let Some((_, id)) = before.checked_sub(1).and_then(|n| self.by_address.get(n)) else {
            return false;
        };
        let allowed = |given: Perm| given == perm || given == Perm::Both;
        self.get(*id).is_some_and(|buffer| {
            let offset = at.checked_sub(buffer.at.0);
            let end = offset.and_then(|offset| offset.checked_add(bytes));
            end.is_some_and(|end| end <= buffer.bytes) && allowed(buffer.perm)
        })
    }

    /// Sweeps the guards of every buffer that holds memory. One entry covers all that is whole.
    pub fn sweep(&self, arena: &Arena) -> Vec<Swept> {
        let mut whole = Swept { at: Addr(0), len: 0, changed: 0 };
        let mut broken = Vec::new();
        for (_, id) in &self.by_address {
            let Some(buffer) = self.get(*id) else { continue };
            for (from, to) in buffer.guards().into_iter().filter(|(from, to)| from < to) {
                let changed = changed_guard(arena, from, to);
                if changed != 0 {
                    broken.push(Swept { at: Addr(from), len: to - from, changed });
                    continue;
                }
                if whole.len == 0 {
                    whole.at = Addr(from);
                }
                whole.len += to - from;
            }
        }
        broken.insert(0, whole);
        broken
    }
}

impl Buffer {
    /// The two guard ranges: before and behind.
    fn guards(&self) -> [(u64, u64); 2] {
        [(self.region.base, self.at.0), (self.at.0 + self.bytes, self.region.end)]
    }
}

/// How many guard bytes are made, written and compared at once.
const GUARD_BLOCK: usize = 512;

/// The guard bytes of a block from `at` on, a multiple of the block's size: a number that follows from the
/// address, and from word to word an odd step, which vector instructions can do.
fn guard_block(at: u64) -> [u8; GUARD_BLOCK] {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let first = (at ^ 0x6c6f_636b_7374_6570).wrapping_mul(STEP).rotate_left(23);
    let mut block = [0; GUARD_BLOCK];
    for (n, word) in block.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        *word = first.wrapping_add(STEP.wrapping_mul(n as u64)).to_le_bytes();
    }
    block
}

fn write_guard(arena: &Arena, from: u64, to: u64) {
    for_blocks(from, to, |at, skip, len| {
        // Inside the arena by construction: the region was cut from it.
        let written = arena.write(Addr(at + skip as u64), &guard_block(at)[skip..skip + len]);
        debug_assert!(written);
    });
}

/// How many guard bytes have changed. Nearly always none has, so blocks are compared as a whole first.
fn changed_guard(arena: &Arena, from: u64, to: u64) -> u64 {
    let mut changed = 0;
    let mut now = [0; GUARD_BLOCK];
    for_blocks(from, to, |at, skip, len| {
        let now = &mut now[..len];
        let inside = arena.read(Addr(at + skip as u64), now);
        debug_assert!(inside);
        let guard = &guard_block(at)[skip..skip + len];
        if now != guard {
            changed += now.iter().zip(guard).filter(|(a, b)| a != b).count() as u64;
        }
    });
    changed
}

/// Calls `each` with (start of a block, bytes to skip in it, bytes to take).
fn for_blocks(from: u64, to: u64, mut each: impl FnMut(u64, usize, usize)) {
    const SIZE: u64 = GUARD_BLOCK as u64;
    let mut at = from & !(SIZE - 1);
    while at < to {
        let skip = from.saturating_sub(at) as usize;
        let len = (to - at).min(SIZE) as usize - skip;
        each(at, skip, len);
        at += SIZE;
    }
}

/// Shares the arena with whoever holds memory.
pub(crate) type SharedArena = Arc<Arena>;

#[cfg(test)]
mod tests {
    use super::*;

    fn arena() -> Arena {
        Arena::new(1 << 20, Addr(0x10_0000)).unwrap()
    }

    #[test]
    fn a_byte_written_beyond_a_buffer_is_found_and_one_inside_is_not() {
        let arena = arena();
        let mut memory = Memory::new(&arena, 0..0);
        let id = memory.next_id(false);
        let buffer = memory.allocate(&arena, id, 1000, (100, 4096), Perm::FromController).unwrap();
        assert_eq!(buffer.at.offset(4096), 100);
        assert!(arena.set(buffer.at, 1000, 0xff));
        assert!(memory.sweep(&arena).iter().all(|swept| swept.changed == 0));

        for stray in [buffer.at.0 - 1, buffer.at.0 + 1000, buffer.at.0 + 4096 + 3000] {
            let mut old = [0];
            assert!(arena.read(Addr(stray), &mut old));
            assert!(arena.write(Addr(stray), &[!old[0]]));
            let changed: u64 = memory.sweep(&arena).iter().map(|swept| swept.changed).sum();
            assert_eq!(changed, 1, "at {stray:#x}");
            assert!(arena.write(Addr(stray), &old));
        }
    }

    #[test]
    fn a_quarantined_buffer_is_not_given_out_before_a_reset() {
        let arena = arena();
        let mut memory = Memory::new(&arena, 0..0);
        let make = |memory: &mut Memory| {
            let id = memory.next_id(false);
            (id, memory.allocate(&arena, id, 4096, (0, 4096), Perm::Both).unwrap().at)
        };
        let (first, first_at) = make(&mut memory);
        assert!(memory.release(first, true).is_some());
        let (second, second_at) = make(&mut memory);
        assert_ne!(first_at, second_at);
        assert!(memory.release(second, false).is_some());
        assert!(memory.release(second, false).is_none());
        assert_eq!(make(&mut memory).1, second_at);
        memory.end_quarantine();
        assert_eq!(make(&mut memory).1, first_at);
    }

    #[test]
    fn what_is_for_the_controller_to_read_lies_where_it_cannot_write() {
        let arena = arena();
        let split = 0x10_0000 + (1 << 19);
        let mut memory = Memory::new(&arena, split..0x20_0000);
        let make = |memory: &mut Memory, perm| {
            let id = memory.next_id(false);
            (id, memory.allocate(&arena, id, 4096, (0, 4096), perm).map(|buffer| buffer.at.0))
        };
        let (first, at) = make(&mut memory, Perm::ToController);
        assert_eq!(at, Some(split));
        for perm in [Perm::FromController, Perm::Both] {
            assert!(make(&mut memory, perm).1.unwrap() < split);
        }
        // What is given back is given out again in its own part only.
        assert!(memory.release(first, false).is_some());
        assert!(make(&mut memory, Perm::Both).1.unwrap() < split);
        assert_eq!(make(&mut memory, Perm::ToController).1, Some(split));
        while make(&mut memory, Perm::Both).1.is_some_and(|at| at < split) {}
        assert_eq!(make(&mut memory, Perm::Both).1, None);
        assert!(make(&mut memory, Perm::ToController).1.is_some());
    }

    #[test]
    fn addresses_are_said_in_terms_of_their_buffer() {
        let arena = arena();
        let mut memory = Memory::new(&arena, 0..0);
        let id = memory.next_id(false);
        let at = memory.allocate(&arena, id, 8192, (0, 4096), Perm::Both).unwrap().at;
        assert_eq!(memory.find(Addr(at.0 + 4096)), Some((id, 4096)));
        assert_eq!(memory.find(Addr(at.0 + 8192)), Some((id, 8192)));
        assert_eq!(memory.find(Addr(at.0 + 8193)), None);
        assert_eq!(memory.find(Addr(0)), None);
        assert!(memory.allocate(&arena, id, 1, (0, 4096), Perm::Both).is_none());
        assert!(memory.allocate(&arena, BufferId(7), 1 << 30, (0, 4096), Perm::Both).is_none());
    }
}
