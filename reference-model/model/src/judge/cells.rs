//! Where what is believed of each logical block is kept: neighbours beside each other, found at once.
//!
//! Commands move runs of blocks, so cells lie in pages of neighbouring blocks, and the page found
//! last is tried first: a run of blocks costs one search.

use spec::Nsid;

use super::cell::Value;
use crate::memory::IntMap;

/// No command, no configurations, nothing that a loss of power may leave.
pub const NONE: u32 = u32::MAX;

/// Blocks of one page.
const PAGE: u64 = 16;

/// A block.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What it holds while `busy` is `NONE`.
    pub value: Value,
    /// What its only operation in flight writes.
    pub op_writes: Option<Value>,
    /// The only operation in flight, or `NONE`.
    pub op: u32,
    /// Index of the cell's configurations, or `NONE`.
    pub busy: u32,
    /// Index of what a loss of power may leave, or `NONE`: nothing but the present value.
    pub loose: u32,
    /// Too much is in flight to follow: how many operations, until none is. Nothing is judged.
    pub blurred: u32,
    /// The finding that made this block unsure.
    pub tainted: Option<u32>,
    /// The last write that may have taken effect.
    pub written: Option<Mark>,
    /// Power was lost, and more than one content was possible afterwards.
    pub survived: bool,
}

/// A write, for the story and the requirement of a finding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// How often power had been lost.
    pub epoch: u32,
    /// How often a controller had been reset.
    pub resets: u32,
    /// How often a controller had been shut down.
    pub shutdowns: u32,
    /// Who made it.
    pub ctrl: u8,
    /// A volatile write cache may have held it.
    pub cached: bool,
}

impl Cell {
    /// A block that nothing was done to.
    const fn untouched(value: Value) -> Self {
        Self {
            value,
            op_writes: None,
            op: NONE,
            busy: NONE,
            loose: NONE,
            blurred: 0,
            tainted: None,
            written: None,
            survived: false,
        }
    }
}

/// The cells of all namespaces.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// Where the page of (namespace, block / [`PAGE`]) begins in `cells`.
    pages: IntMap<(u32, u64), u32>,
    cells: Vec<Cell>,
    /// The page found last.
    last: Option<((u32, u64), u32)>,
}

impl Cells {
    /// The cell of a block. The first time that its page is asked for, the page's blocks get the values
    /// that `fresh` gives: nobody knows yet what they hold.
    #[inline]
    pub fn get(&mut self, nsid: Nsid, lba: u64, fresh: impl FnMut() -> Value) -> &mut Cell {
        let page = (nsid.0, lba / PAGE);
        let base = match self.last {
            Some((last, base)) if last == page => base,
            _ => self.find(page, fresh),
        };
        &mut self.cells[base as usize + (lba % PAGE) as usize]
    }

    fn find(&mut self, page: (u32, u64), mut fresh: impl FnMut() -> Value) -> u32 {
        let next = self.cells.len() as u32;
        let base = *self.pages.entry(page).or_insert(next);
        if base == next {
            self.cells.extend((0..PAGE).map(|_| Cell::untouched(fresh())));
        }
        self.last = Some((page, base));
        base
    }

    /// Takes over the memory of earlier cells, where there is none yet.
    pub fn keep_memory_of(&mut self, earlier: &mut Cells) {
        if self.cells.is_empty() {
            earlier.pages.clear();
            earlier.cells.clear();
            self.pages = std::mem::take(&mut earlier.pages);
            self.cells = std::mem::take(&mut earlier.cells);
            self.last = None;
        }
    }

    /// The blocks whose cells are `wanted`, ascending.
    pub fn blocks(&self, wanted: impl Fn(&Cell) -> bool) -> Vec<(Nsid, u64)> {
        let mut found = Vec::new();
        for (&(nsid, page), &base) in &self.pages {
            let cells = &self.cells[base as usize..][..PAGE as usize];
            let of_page = cells.iter().zip(page * PAGE..).filter(|(cell, _)| wanted(cell));
            found.extend(of_page.map(|(_, lba)| (Nsid(nsid), lba)));
        }
        found.sort_unstable();
        found
    }
}
