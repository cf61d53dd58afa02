//! Forms of PRP entries: what a transfer used, and which of its data shows that the controller read
//! them right.
//!
//! A command that was accepted shows nothing of how its PRPs were read. Data shows it: the last block
//! that an entry describes, if a wrong reading would have left another one there.

use log::Ident;
use spec::requirement::{identify, prp};
use spec::{Addr, Nsid, Req, opcode};

use super::Judge;
use super::cell::Value;
use super::commands::Command;
use crate::memory::Memory;
use crate::prp::{PrpItem, PrpRole};
use crate::ruling::{Blocks, Data};

/// The smallest memory page: what a controller that ignores CC.MPS would count in.
const SMALLEST_PAGE: u64 = 4096;

/// How many written blocks are remembered until one of them is read back.
const REMEMBERED: usize = 64;

/// A set of forms, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Forms(u16);

impl Forms {
    const NONE: Forms = Forms(0);
    /// PRP1 with an offset in its page.
    const OFFSET: Forms = Forms(1);
    /// PRP1 describes more than a smallest page would leave of it.
    const PAGE_SIZE: Forms = Forms(1 << 1);
    /// PRP2 is the second page.
    const SECOND: Forms = Forms(1 << 2);
    /// The same of Identify, which never takes a list.
    const SECOND_ALONE: Forms = Forms(1 << 3);
    /// PRP2 points to a list.
    const LIST: Forms = Forms(1 << 4);
    /// The same of an admin command.
    const ADMIN_LIST: Forms = Forms(1 << 5);
    /// The list begins within a page.
    const LIST_OFFSET: Forms = Forms(1 << 6);
    /// The entry lies behind a pointer to the next page of the list.
    const CHAIN: Forms = Forms(1 << 7);
    /// The entry is the last one that fits into its page of the list.
    const LAST_SLOT: Forms = Forms(1 << 8);

    /// What each form shows.
    const SHOWS: [(Forms, &'static [Req]); 9] = [
        (Forms::OFFSET, &[prp::PRP1_OFFSET_LEGAL]),
        (Forms::PAGE_SIZE, &[prp::PAGE_SIZE, prp::PAGE_SIZE_SELECTED]),
        (Forms::SECOND, &[prp::PRP2_PAGE]),
        (Forms::SECOND_ALONE, &[identify::PRP2_NO_LIST, prp::ADMIN_NO_LIST]),
        (Forms::LIST, &[prp::PRP2_LIST]),
        (Forms::ADMIN_LIST, &[prp::ADMIN_LIST]),
        (Forms::LIST_OFFSET, &[prp::LIST_OFFSET_LEGAL]),
        (Forms::CHAIN, &[prp::LIST_CHAINED]),
        (Forms::LAST_SLOT, &[prp::LIST_LAST_SLOT]),
    ];

    const fn and(self, other: Forms) -> Forms {
        Forms(self.0 | other.0)
    }

    const fn has(self, other: Forms) -> bool {
        self.0 & other.0 != 0
    }

    const fn only_if(self, condition: bool) -> Forms {
        if condition { self } else { Forms::NONE }
    }
}

/// Data of a command whose entries have the same forms: bytes `from` to `to`, without the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    from: u64,
    to: u64,
    forms: Forms,
    /// The byte that stood in all of its destination when the command was rung.
    before: Option<u8>,
}

/// Follows the walk along the entries of one command.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    page: u64,
    identify: bool,
    admin: bool,
    /// What the list has so far.
    list: Forms,
    /// Bytes of data so far.
    done: u64,
    /// Where the data so far ends in host memory.
    end: u64,
}

impl Follower {
    /// At the start of the walk for `command`, with memory pages of `page` bytes.
    pub fn new(command: &Command, page: u64) -> Self {
        let opcode = command.admin_opcode();
        Self {
            page,
            identify: opcode == Some(opcode::admin::IDENTIFY),
            admin: opcode.is_some(),
            list: Forms::NONE,
            done: 0,
            end: 0,
        }
    }

    /// The next entry; `at`: where its data lies. Adds to `spans` what its data will show.
    pub fn follow(&mut self, item: &PrpItem, at: u64, spans: &mut Vec<Span>) {
        // A controller that only goes on in memory reads two pages beside each other right too.
        let apart = self.end != at;
        let forms = match item.role {
            PrpRole::ListPointer => {
                let offset = item.entry.offset(self.page) != 0;
                self.list = match self.admin {
                    true => Forms::ADMIN_LIST,
                    false => Forms::LIST.and(Forms::LIST_OFFSET.only_if(offset)),
                };
                return;
            }
            PrpRole::Chain => {
                self.list = self.list.and(Forms::CHAIN);
                return;
            }
            PrpRole::Unknown => return,
            PrpRole::First => {
                let small = SMALLEST_PAGE - at % SMALLEST_PAGE;
                let offset = !at.is_multiple_of(self.page);
                Forms::OFFSET.only_if(offset).and(Forms::PAGE_SIZE.only_if(item.len > small))
            }
            // Taken for a list, it would have to hold addresses.
            PrpRole::Second if self.identify => {
                Forms::SECOND_ALONE.and(Forms::SECOND.only_if(apart))
            }
            PrpRole::Second => Forms::SECOND.only_if(apart),
            PrpRole::Entry => {
                let last = item.from.offset(self.page) == self.page - 8;
                // Taken for the pointer to a list, it would have to hold addresses too.
                self.list.only_if(apart).and(Forms::LAST_SLOT.only_if(last))
            }
        };
        let from = self.done;
        self.done += item.len;
        self.end = at.wrapping_add(item.len);
        match spans.last_mut() {
            Some(span) if span.to == from && span.forms == forms => span.to = self.done,
            _ if forms == Forms::NONE => {}
            _ => spans.push(Span { from, to: self.done, forms, before: None }),
        }
    }
}

/// The last blocks that Writes moved by special forms, until they are read back.
#[derive(Clone, Debug, Default)]
pub struct Through {
    blocks: Vec<(Nsid, u64, Ident, Forms)>,
    /// Where the next one goes once there is no room.
    next: usize,
    /// The block that was filled last: its byte, its size, and what it is.
    filled: Option<(u8, u32, Ident)>,
}

impl Through {
    /// What a block of `bytes` bytes is that holds nothing but `byte`. Buffers are nearly always filled alike.
    fn filled(&mut self, byte: u8, bytes: u32) -> Ident {
        match self.filled {
            Some((of, size, ident)) if (of, size) == (byte, bytes) => ident,
            _ => {
                let ident = log::content::identify(&vec![byte; bytes as usize]);
                self.filled = Some((byte, bytes, ident));
                ident
            }
        }
    }

    fn push(&mut self, block: (Nsid, u64, Ident, Forms)) {
        if self.blocks.len() < REMEMBERED {
            self.blocks.push(block);
            return;
        }
        self.blocks[self.next] = block;
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// The forms by which `ident` was written to this block.
    fn take(&mut self, nsid: Nsid, lba: u64, ident: Ident) -> Forms {
        let at =
            self.blocks.iter().position(|known| (known.0, known.1, known.2) == (nsid, lba, ident));
        at.map_or(Forms::NONE, |at| self.blocks.swap_remove(at).3)
    }
}

impl Span {
    /// Looks at its destination, in the buffer `runs` (address, bytes), before the controller writes there.
    pub fn look_before(&mut self, memory: &Memory, runs: &[(u64, u64)]) {
        let (mut done, mut value) = (0, None);
        for &(at, len) in runs {
            let (from, to) = (self.from.max(done), self.to.min(done + len));
            if from < to {
                let at = Addr(at + (from - done));
                value = value.or_else(|| memory.byte(at));
                if !value.is_some_and(|value| memory.is_all(at, to - from, value)) {
                    return;
                }
            }
            done += len;
        }
        self.before = value;
    }
}

/// What block `i` of a transfer holds, if no other one near it holds the same: pages that change places
/// show only where they differ.
fn telling(values: &[Option<Value>], i: usize) -> Option<Ident> {
    let at = |i: usize| values.get(i).copied().flatten();
    let Some(Value::Known(ident)) = at(i) else { return None };
    let alike = at(i + 1) == at(i) || i > 0 && at(i - 1) == at(i);
    (!alike && ident != Ident::ZERO && ident != Ident::ONES).then_some(ident)
}

impl Judge {
    fn credit_forms(&mut self, forms: Forms) {
        for (form, shown) in Forms::SHOWS {
            if forms.has(form) {
                shown.iter().for_each(|req| self.agrees(*req));
            }
        }
    }

    /// The Write `n` has succeeded: what will show, once it is read back, that its PRPs were read right.
    pub(super) fn remember_forms(&mut self, n: u32, blocks: Blocks) {
        let command = &self.commands[n];
        if command.disturbed {
            return;
        }
        for span in &command.spans {
            let i = (span.to - 1) / u64::from(blocks.block_bytes);
            if let Some(ident) = telling(&command.values, i as usize) {
                let lba = blocks.slba.wrapping_add(i);
                self.through.push((blocks.nsid, lba, ident, span.forms));
            }
        }
    }

    /// Block `i` of the Read `n` holds what it must, which was known: `seen`.
    #[inline]
    pub(super) fn credit_block(&mut self, n: u32, blocks: Blocks, i: u64, seen: Ident) {
        if !self.through.blocks.is_empty() {
            let forms = self.through.take(blocks.nsid, blocks.slba.wrapping_add(i), seen);
            self.credit_forms(forms);
        }
        if !self.commands[n].spans.is_empty() {
            self.credit_read(n, blocks, i, seen);
        }
    }

    fn credit_read(&mut self, n: u32, blocks: Blocks, i: u64, seen: Ident) {
        let command = &self.commands[n];
        if telling(&command.values, i as usize) != Some(seen) {
            return;
        }
        let block = u64::from(blocks.block_bytes);
        let ends = |span: &&Span| span.to > i * block && span.to <= (i + 1) * block;
        let mut shown = Forms::NONE;
        for span in command.spans.iter().filter(ends) {
            let untouched = span.before.map(|byte| self.through.filled(byte, blocks.block_bytes));
            if untouched.is_some_and(|untouched| untouched != seen) {
                shown = shown.and(span.forms);
            }
        }
        self.credit_forms(shown);
    }

    /// All of the structure that command `n` returned was looked at: `bytes`.
    pub(super) fn credit_structure(&mut self, n: u32, bytes: &[u8]) {
        let arrived = |span: &&Span| {
            let data = bytes.get(span.from as usize..span.to as usize).unwrap_or_default();
            span.before.is_some_and(|before| data.iter().any(|byte| *byte != before))
        };
        let shown = self.commands[n].spans.iter().filter(arrived);
        let forms = shown.fold(Forms::NONE, |all, span| all.and(span.forms));
        self.credit_forms(forms);
    }

    /// Command `n` was accepted: what a transfer's size shows by that alone.
    pub(super) fn credit_size(&mut self, n: u32) {
        let command = &self.commands[n];
        if !matches!(command.data, Data::Read(_) | Data::Write(_) | Data::Returns { .. }) {
            return;
        }
        let (bytes, believed) = (command.buffer_bytes(), self.believed());
        if bytes <= SMALLEST_PAGE && believed.page_bytes() == SMALLEST_PAGE {
            return;
        }
        let (other, most) = (believed.page_bytes() != SMALLEST_PAGE, believed.max_transfer());
        if most == Some(bytes) {
            self.agrees(spec::requirement::common::MDTS_LEGAL);
        }
        if other {
            self.agrees(spec::requirement::register::MPS_EACH);
        }
    }
}
