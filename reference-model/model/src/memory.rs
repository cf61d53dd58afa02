//! What host memory holds, as far as the log tells: never the bytes themselves where a tag will do.
//!
//! A page is believed as a whole where one fill or set covers it, else in sectors of 512 bytes, and
//! only raw writes (PRP lists, edits) are kept as bytes. What the controller may have written is
//! forgotten.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use log::content::identify;
use log::{BlockTag, Ident, Perm};
use spec::Addr;

use crate::truth::{Maybe, No, Truth, Yes};

const PAGE: u64 = 4096;
const SECTOR: u64 = 512;

/// A multiplicative hasher for integers: keys are page numbers that the host chose itself.
#[derive(Clone, Copy, Default, Debug)]
pub struct IntHasher(u64);

impl Hasher for IntHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    #[inline]
    fn write_u64(&mut self, n: u64) {
        let h = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = h ^ (h >> 32);
    }
    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }
    fn write_u16(&mut self, n: u16) {
        self.write_u64(u64::from(n));
    }
}

/// A map keyed by integers.
pub type IntMap<K, V> = HashMap<K, V, BuildHasherDefault<IntHasher>>;

/// A sector's bytes, with one bit a byte for those that are known.
#[derive(Clone, Debug, PartialEq)]
struct Raw {
    bytes: [u8; SECTOR as usize],
    known: [u64; SECTOR as usize / 64],
}

impl Raw {
    const UNKNOWN: Raw = Raw { bytes: [0; SECTOR as usize], known: [0; SECTOR as usize / 64] };

    fn set(&mut self, at: usize, value: u8) {
        self.bytes[at] = value;
        self.known[at / 64] |= 1 << (at % 64);
    }

    fn forget(&mut self, at: usize) {
        self.known[at / 64] &= !(1 << (at % 64));
    }

    fn get(&self, at: usize) -> Option<u8> {
        (self.known[at / 64] >> (at % 64) & 1 != 0).then_some(self.bytes[at])
    }
}

/// Where the bytes of a page or sector come from.
#[derive(Clone, Debug, PartialEq)]
enum Source {
    Unknown,
    Constant(u8),
    /// Block n of `block_bytes` from `start` is `tag.plus(n)`.
    Tagged {
        start: u64,
        block_bytes: u32,
        tag: BlockTag,
    },
    /// The block of `block_bytes` from `start` is this one; its bytes were not told.
    Named {
        start: u64,
        block_bytes: u32,
        ident: Ident,
    },
    Raw(Box<Raw>),
    /// The controller may have written it, for this command: byte `start` is its data byte `offset`.
    Device {
        owner: Owner,
        start: u64,
        offset: u64,
    },
}

/// The command whose destination buffer a piece of memory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The command's number.
    pub command: u32,
    /// Which use of that number.
    pub generation: u32,
}

impl Source {
    /// The byte at address `at`, which lies in the page or sector of this source.
    fn byte(&self, at: u64) -> Option<u8> {
        match self {
            Source::Unknown | Source::Device { .. } | Source::Named { .. } => None,
            Source::Constant(value) => Some(*value),
            Source::Tagged { start, block_bytes, tag } => {
                let offset = at - start;
                let block = u64::from(*block_bytes);
                let mut bytes = vec![0; *block_bytes as usize];
                tag.plus(offset / block).fill(&mut bytes);
                Some(bytes[(offset % block) as usize])
            }
            Source::Raw(raw) => raw.get((at % SECTOR) as usize),
        }
    }

    /// The identity of the block of `block_bytes` at `at`, if this source makes it whole.
    fn block(&self, at: u64, wanted: u32) -> Option<Ident> {
        match *self {
            Source::Tagged { start, block_bytes, tag } if block_bytes == wanted => {
                let offset = at - start;
                let block = u64::from(wanted);
                offset.is_multiple_of(block).then(|| tag.plus(offset / block).ident())
            }
            Source::Named { start, block_bytes, ident } => {
                (start == at && block_bytes == wanted).then_some(ident)
            }
            Source::Constant(0) => Some(Ident::ZERO),
            Source::Constant(0xff) => Some(Ident::ONES),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Page {
    Whole(Source),
    Sectors(Box<[Source; 8]>),
}

impl Page {
    fn source(&self, at: u64) -> &Source {
        match self {
            Page::Whole(source) => source,
            Page::Sectors(sectors) => &sectors[(at % PAGE / SECTOR) as usize],
        }
    }

    /// The sectors of this page, which starts at `base`; made if it was whole.
    fn sectors(&mut self) -> &mut [Source; 8] {
        if let Page::Whole(source) = self {
            let sectors = match source {
                // A raw page never is whole: raw sources are made in sectors only.
                Source::Raw(_) => std::array::from_fn(|_| Source::Unknown),
                source => std::array::from_fn(|_| source.clone()),
            };
            *self = Page::Sectors(Box::new(sectors));
        }
        match self {
            Page::Sectors(sectors) => sectors,
            Page::Whole(_) => unreachable!("made sectors above"),
        }
    }
}

const fn permits(perm: Perm, write: bool) -> bool {
    match perm {
        Perm::Both => true,
        Perm::ToController => !write,
        Perm::FromController => write,
    }
}

/// What host memory holds, and who may access it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    pages: IntMap<u64, Page>,
    /// Mapped ranges by their start, without overlaps: end and permission.
    maps: BTreeMap<u64, (u64, Perm)>,
    /// Whether any `Map` record was seen: without one, nothing is known of what is mapped.
    any_map: bool,
}

impl Memory {
    /// Memory became accessible. What was mapped already keeps what it permitted before.
    pub fn map(&mut self, at: Addr, len: u64, perm: Perm) {
        self.any_map = true;
        let (from, to) = (at.0, at.0.saturating_add(len));
        let mut next = from;
        for (start, end, old) in self.cut(from, to) {
            if next < start {
                self.maps.insert(next, (start, perm));
            }
            let both = if old == perm { perm } else { Perm::Both };
            self.maps.insert(start, (end, both));
            next = end;
        }
        if next < to {
            self.maps.insert(next, (to, perm));
        }
    }

    /// Memory was taken away; 0 bytes: all of it.
    pub fn unmap(&mut self, at: Addr, len: u64) {
        if len == 0 {
            self.maps.clear();
            return;
        }
        self.cut(at.0, at.0.saturating_add(len));
    }

    /// Takes `from..to` out of the maps; what was mapped there, ascending.
    fn cut(&mut self, from: u64, to: u64) -> Vec<(u64, u64, Perm)> {
        let mut out = Vec::new();
        while let Some((&start, &(end, perm))) = self.maps.range(..to).next_back()
            && end > from
        {
            self.maps.remove(&start);
            if start < from {
                self.maps.insert(start, (from, perm));
            }
            if end > to {
                self.maps.insert(to, (end, perm));
            }
            out.push((start.max(from), end.min(to), perm));
        }
        out.reverse();
        out
    }

    /// Whether the controller may access `len` bytes at `at`, writing them if `write`.
    pub fn accessible(&self, at: Addr, len: u64, write: bool) -> Truth {
        if !self.any_map {
            return Maybe;
        }
        let Some(end) = at.0.checked_add(len) else { return No };
        let mut from = at.0;
        while from < end {
            match self.maps.range(..=from).next_back() {
                Some((_, &(upto, perm))) if upto > from && permits(perm, write) => from = upto,
                _ => return No,
            }
        }
        Yes
    }

    /// The host filled `blocks` tagged blocks.
    pub fn fill(&mut self, at: Addr, block_bytes: u32, blocks: u32, tag: BlockTag) {
        let len = u64::from(block_bytes) * u64::from(blocks);
        let source = Source::Tagged { start: at.0, block_bytes, tag };
        if at.0.is_multiple_of(SECTOR) && len.is_multiple_of(SECTOR) && len != 0 {
            self.put(at.0, len, &source);
            return;
        }
        let mut block = vec![0; block_bytes as usize];
        for n in 0..u64::from(blocks) {
            tag.plus(n).fill(&mut block);
            self.write(Addr(at.0.wrapping_add(n * u64::from(block_bytes))), &block);
        }
    }

    /// The host wrote a block of which only the identity is known.
    pub fn name(&mut self, at: Addr, block_bytes: u32, ident: Ident) {
        let source = match ident {
            Ident::ZERO => Source::Constant(0),
            Ident::ONES => Source::Constant(0xff),
            ident => Source::Named { start: at.0, block_bytes, ident },
        };
        self.put(at.0, block_bytes.into(), &source);
    }

    /// The host set bytes.
    pub fn set(&mut self, at: Addr, len: u64, value: u8) {
        self.put(at.0, len, &Source::Constant(value));
    }

    /// What the controller may have written is not known any more.
    #[inline]
    pub fn forget(&mut self, at: Addr, len: u64) {
        if at.0.is_multiple_of(PAGE) && len == PAGE {
            self.pages.remove(&(at.0 / PAGE));
        } else {
            self.put(at.0, len, &Source::Unknown);
        }
    }

    /// Nothing is known any more of what memory holds.
    pub fn forget_all(&mut self) {
        self.pages.clear();
    }

    /// The controller may write here, for the command `owner`: its data from byte `offset` on.
    #[inline]
    pub fn give(&mut self, at: Addr, len: u64, owner: Owner, offset: u64) {
        self.put(at.0, len, &Source::Device { owner, start: at.0, offset });
    }

    /// Whose destination buffer `at` is, and which byte of that command's data it holds.
    #[inline]
    pub fn owner(&self, at: Addr) -> Option<(Owner, u64)> {
        match *self.source(at.0) {
            Source::Device { owner, start, offset } if at.0 >= start => {
                Some((owner, offset + (at.0 - start)))
            }
            _ => None,
        }
    }

    /// The host wrote bytes.
    pub fn write(&mut self, at: Addr, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let here = at.0.wrapping_add(done as u64);
            let within = (here % SECTOR) as usize;
            let count = (SECTOR as usize - within).min(bytes.len() - done);
            let raw = self.raw_sector(here);
            for n in 0..count {
                raw.set(within + n, bytes[done + n]);
            }
            done += count;
        }
    }

    /// Puts one source over a range: whole pages, whole sectors, and bytes at the edges.
    fn put(&mut self, at: u64, len: u64, source: &Source) {
        let end = at.saturating_add(len);
        let mut from = at;
        while from < end {
            if from.is_multiple_of(PAGE) && end - from >= PAGE {
                self.pages.insert(from / PAGE, Page::Whole(source.clone()));
                from += PAGE;
            } else if from.is_multiple_of(SECTOR) && end - from >= SECTOR {
                self.page(from).sectors()[(from % PAGE / SECTOR) as usize] = source.clone();
                from += SECTOR;
            } else {
                let upto = end.min((from / SECTOR + 1) * SECTOR);
                let raw = self.raw_sector(from);
                for at in from..upto {
                    let within = (at % SECTOR) as usize;
                    match source.byte(at) {
                        Some(value) => raw.set(within, value),
                        None => raw.forget(within),
                    }
                }
                from = upto;
            }
        }
    }

    fn page(&mut self, at: u64) -> &mut Page {
        self.pages.entry(at / PAGE).or_insert(Page::Whole(Source::Unknown))
    }

    /// The sector at `at` as raw bytes, converted if it was something else.
    fn raw_sector(&mut self, at: u64) -> &mut Raw {
        let base = at / SECTOR * SECTOR;
        let sector = &mut self.page(at).sectors()[(at % PAGE / SECTOR) as usize];
        if !matches!(sector, Source::Raw(_)) {
            let mut raw = Box::new(Raw::UNKNOWN);
            for n in 0..SECTOR {
                if let Some(value) = sector.byte(base + n) {
                    raw.set(n as usize, value);
                }
            }
            *sector = Source::Raw(raw);
        }
        match sector {
            Source::Raw(raw) => raw,
            _ => unreachable!("converted above"),
        }
    }

    fn source(&self, at: u64) -> &Source {
        self.pages.get(&(at / PAGE)).map_or(&Source::Unknown, |page| page.source(at))
    }

    /// The byte at `at`, if known.
    pub fn byte(&self, at: Addr) -> Option<u8> {
        self.source(at.0).byte(at.0)
    }

    /// The little-endian qword at `at` (a PRP entry), if all of it is known.
    pub fn qword(&self, at: Addr) -> Option<u64> {
        let mut bytes = [0; 8];
        if let Source::Raw(raw) = self.source(at.0)
            && at.0.is_multiple_of(8)
        {
            // As PRP lists nearly always lie: one search for all eight bytes.
            let within = (at.0 % SECTOR) as usize;
            for (n, byte) in bytes.iter_mut().enumerate() {
                *byte = raw.get(within + n)?;
            }
            return Some(u64::from_le_bytes(bytes));
        }
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = self.byte(Addr(at.0.wrapping_add(n as u64)))?;
        }
        Some(u64::from_le_bytes(bytes))
    }

    /// Whether every byte of the range is known to be `value`.
    pub fn is_all(&self, at: Addr, len: u64, value: u8) -> bool {
        let end = at.0.saturating_add(len);
        let mut from = at.0;
        while from < end {
            let upto = end.min((from / SECTOR + 1) * SECTOR);
            let same = match self.source(from) {
                Source::Constant(constant) => *constant == value,
                source => (from..upto).all(|at| source.byte(at) == Some(value)),
            };
            if !same {
                return false;
            }
            from = upto;
        }
        true
    }

    /// What the block of `block_bytes` at `at` holds, if all of it is known.
    #[inline]
    pub fn block(&self, at: Addr, block_bytes: u32) -> Option<Ident> {
        let last = at.0.checked_add(u64::from(block_bytes).max(1) - 1)?;
        let source = self.source(at.0);
        if let Some(ident) = source.block(at.0, block_bytes)
            && (at.0 / SECTOR == last / SECTOR || self.same(at.0, last, source))
        {
            return Some(ident);
        }
        let mut bytes = vec![0; block_bytes as usize];
        self.read(at, &mut bytes).then(|| identify(&bytes))
    }

    /// Whether every sector from `at` to `last` has the source `source`.
    fn same(&self, at: u64, last: u64, source: &Source) -> bool {
        if at / PAGE == last / PAGE && matches!(self.pages.get(&(at / PAGE)), Some(Page::Whole(_)))
        {
            return true;
        }
        (at / SECTOR..=last / SECTOR).all(|sector| self.source(sector * SECTOR) == source)
    }

    /// Copies known bytes out; false if any is unknown.
    pub fn read(&self, at: Addr, to: &mut [u8]) -> bool {
        let mut from = at.0;
        let mut done = 0;
        while done < to.len() {
            let count = ((SECTOR - from % SECTOR) as usize).min(to.len() - done);
            if !self.read_sector(from, &mut to[done..done + count]) {
                return false;
            }
            done += count;
            from = from.wrapping_add(count as u64);
        }
        true
    }

    /// As `read`, within one sector.
    fn read_sector(&self, at: u64, to: &mut [u8]) -> bool {
        match self.source(at) {
            Source::Unknown | Source::Device { .. } | Source::Named { .. } => false,
            Source::Constant(value) => {
                to.fill(*value);
                true
            }
            Source::Tagged { start, block_bytes, tag } => {
                let block = u64::from(*block_bytes);
                let mut bytes = vec![0; *block_bytes as usize];
                let mut made = u64::MAX;
                for (n, byte) in to.iter_mut().enumerate() {
                    let offset = at + n as u64 - start;
                    if offset / block != made {
                        made = offset / block;
                        tag.plus(made).fill(&mut bytes);
                    }
                    *byte = bytes[(offset % block) as usize];
                }
                true
            }
            Source::Raw(raw) => to.iter_mut().enumerate().all(|(n, byte)| {
                raw.get((at % SECTOR) as usize + n).map(|value| *byte = value).is_some()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: BlockTag = BlockTag { nsid: 1, writer: 0, lba: 10, sequence: 3 };

    #[test]
    fn tagged_fills_are_recognised_whole_in_sectors_and_as_bytes() {
        let mut memory = Memory::default();
        memory.fill(Addr(0x4000), 4096, 2, TAG);
        assert_eq!(memory.block(Addr(0x5000), 4096), Some(TAG.plus(1).ident()));
        memory.fill(Addr(0x8200), 512, 3, TAG);
        assert_eq!(memory.block(Addr(0x8600), 512), Some(TAG.plus(2).ident()));
        assert_eq!(memory.block(Addr(0x8800), 512), None);
        memory.fill(Addr(0xa004), 512, 2, TAG);
        assert_eq!(memory.block(Addr(0xa204), 512), Some(TAG.plus(1).ident()));
        // A block of another size is known by its bytes.
        let mut bytes = [0; 4096];
        TAG.fill(&mut bytes);
        assert_eq!(memory.block(Addr(0x4200), 512), Some(identify(&bytes[512..1024])));
    }

    #[test]
    fn an_edit_within_a_fill_changes_the_block_and_forgetting_forgets_it() {
        let mut memory = Memory::default();
        memory.fill(Addr(0x4000), 4096, 1, TAG);
        memory.write(Addr(0x4800), &[1]);
        let mut bytes = [0; 4096];
        TAG.fill(&mut bytes);
        bytes[0x800] = 1;
        assert_eq!(memory.block(Addr(0x4000), 4096), Some(identify(&bytes)));
        memory.forget(Addr(0x4801), 1);
        assert_eq!(memory.block(Addr(0x4000), 4096), None);
    }

    #[test]
    fn access_follows_the_maps() {
        let mut memory = Memory::default();
        assert_eq!(memory.accessible(Addr(0), 1, true), Maybe);
        memory.map(Addr(0x1000), 0x2000, Perm::ToController);
        assert_eq!(memory.accessible(Addr(0x1000), 0x2000, false), Yes);
        assert_eq!(memory.accessible(Addr(0x1000), 1, true), No);
        memory.unmap(Addr(0x1800), 0x800);
        assert_eq!(memory.accessible(Addr(0x1000), 0x2000, false), No);
        assert_eq!(memory.accessible(Addr(0x2000), 0x1000, false), Yes);
        memory.map(Addr(0x1000), 0x3000, Perm::FromController);
        assert_eq!(memory.accessible(Addr(0x1000), 0x3000, true), Yes);
        assert_eq!(memory.accessible(Addr(0x1000), 0x1000, false), No);
        assert_eq!(memory.accessible(Addr(0x1000), 0x800, false), Yes);
        memory.unmap(Addr(0), 0);
        assert_eq!(memory.accessible(Addr(0x1000), 1, false), No);
    }
}
