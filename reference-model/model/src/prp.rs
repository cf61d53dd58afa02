//! The walk along the PRP entries of one command. Base-2.3 §4.3.1, figures 109 to 111.

use spec::{Addr, Sqe};

use crate::memory::Memory;

/// What a PRP entry is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrpRole {
    /// PRP Entry 1 in the SQE: any offset.
    First,
    /// PRP Entry 2 in the SQE as the second and last page: no offset.
    Second,
    /// PRP Entry 2 in the SQE as a pointer to a PRP list: an offset that is a multiple of 8.
    ListPointer,
    /// An entry in a PRP list that is a page: no offset.
    Entry,
    /// The last entry in a page of a PRP list that points to the next one.
    Chain,
    /// A list entry that the log does not tell: the walk ends here.
    Unknown,
}

/// One PRP entry on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrpItem {
    /// What it is for.
    pub role: PrpRole,
    /// The entry as it was written.
    pub entry: Addr,
    /// Where it was read from; 0 for those in the SQE.
    pub from: Addr,
    /// How many bytes of data it describes; 0 for pointers.
    pub len: u64,
}

impl PrpItem {
    /// Whether it describes data.
    pub const fn is_data(&self) -> bool {
        matches!(self.role, PrpRole::First | PrpRole::Second | PrpRole::Entry)
    }
}

/// The walk; an iterator over [`PrpItem`]. Bits 1:0 of an entry count as 0, offsets of entries that
/// must have none are ignored for the sake of going on: whoever checks sees `entry` as it is.
#[derive(Clone, Debug)]
pub struct PrpWalk<'a> {
    memory: &'a Memory,
    page: u64,
    left: u64,
    state: State,
    prp1: Addr,
    prp2: Addr,
}

#[derive(Clone, Copy, Debug)]
enum State {
    First,
    Second,
    List(u64),
    Done,
}

impl<'a> PrpWalk<'a> {
    /// Along the entries of `sqe` that describe `bytes` bytes, with memory pages of `page` bytes.
    pub fn new(memory: &'a Memory, sqe: &Sqe, page: u64, bytes: u64) -> Self {
        let state = if bytes == 0 { State::Done } else { State::First };
        Self { memory, page, left: bytes, state, prp1: sqe.prp1(), prp2: sqe.prp2() }
    }

    fn take(&mut self, role: PrpRole, entry: Addr, from: Addr, room: u64) -> PrpItem {
        let len = room.min(self.left);
        self.left -= len;
        PrpItem { role, entry, from, len }
    }

    fn list_entry(&mut self, at: u64) -> PrpItem {
        let from = Addr(at);
        let Some(raw) = self.memory.qword(from) else {
            self.state = State::Done;
            return PrpItem { role: PrpRole::Unknown, entry: Addr(0), from, len: 0 };
        };
        let last_in_page = at % self.page == self.page - 8;
        if last_in_page && self.left > self.page {
            self.state = State::List(raw & !7);
            return PrpItem { role: PrpRole::Chain, entry: Addr(raw), from, len: 0 };
        }
        let item = self.take(PrpRole::Entry, Addr(raw), from, self.page);
        self.state = if self.left == 0 { State::Done } else { State::List(at + 8) };
        item
    }
}

impl Iterator for PrpWalk<'_> {
    type Item = PrpItem;

    #[inline]
    fn next(&mut self) -> Option<PrpItem> {
        match self.state {
            State::Done => None,
            State::First => {
                let room = self.page - (self.prp1.0 & !3) % self.page;
                let item = self.take(PrpRole::First, self.prp1, Addr(0), room);
                self.state = if self.left == 0 { State::Done } else { State::Second };
                Some(item)
            }
            State::Second if self.left <= self.page => {
                self.state = State::Done;
                Some(self.take(PrpRole::Second, self.prp2, Addr(0), self.page))
            }
            State::Second => {
                self.state = State::List(self.prp2.0 & !7);
                let entry = self.prp2;
                Some(PrpItem { role: PrpRole::ListPointer, entry, from: Addr(0), len: 0 })
            }
            State::List(at) => Some(self.list_entry(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqe(prp1: u64, prp2: u64) -> Sqe {
        Sqe::new(2).with_prps(Addr(prp1), Addr(prp2))
    }

    fn roles(memory: &Memory, sqe: &Sqe, bytes: u64) -> Vec<(PrpRole, u64, u64)> {
        PrpWalk::new(memory, sqe, 4096, bytes).map(|i| (i.role, i.entry.0, i.len)).collect()
    }

    #[test]
    fn one_page_two_pages_and_a_list() {
        let mut memory = Memory::default();
        assert_eq!(roles(&memory, &sqe(0x1200, 0), 512), [(PrpRole::First, 0x1200, 512)]);
        assert_eq!(
            roles(&memory, &sqe(0x1200, 0x3000), 4096),
            [(PrpRole::First, 0x1200, 0xe00), (PrpRole::Second, 0x3000, 0x200)]
        );
        memory.write(Addr(0x2ff0), &0x5000u64.to_le_bytes());
        memory.write(Addr(0x2ff8), &0x8000u64.to_le_bytes());
        memory.write(Addr(0x8000), &0x6000u64.to_le_bytes());
        memory.write(Addr(0x8008), &0x7000u64.to_le_bytes());
        assert_eq!(
            roles(&memory, &sqe(0x1000, 0x2ff0), 4 * 4096),
            [
                (PrpRole::First, 0x1000, 4096),
                (PrpRole::ListPointer, 0x2ff0, 0),
                (PrpRole::Entry, 0x5000, 4096),
                (PrpRole::Chain, 0x8000, 0),
                (PrpRole::Entry, 0x6000, 4096),
                (PrpRole::Entry, 0x7000, 4096),
            ]
        );
        // Three pages: the last slot of the list's page is a page, not a chain.
        let three = roles(&memory, &sqe(0x1000, 0x2ff0), 3 * 4096);
        assert_eq!(three.last(), Some(&(PrpRole::Entry, 0x8000, 4096)));
        assert_eq!(roles(&memory, &sqe(0x1000, 0x9000), 3 * 4096)[2].0, PrpRole::Unknown);
    }
}
