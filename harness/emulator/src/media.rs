//! Namespaces: logical blocks in flat memory, and the volatile write cache as an undo log.
//!
//! `data` holds what a Read returns. A block that was written but not made durable has its durable
//! content in the undo log; losing power puts it back, a Flush forgets it.

use crate::config::Config;

/// Which blocks changed since the mark: in units of this many bytes.
const CHUNK: usize = 4096;

/// The durable content of blocks that are newer in the cache.
#[derive(Clone, Debug, Default)]
struct UndoLog {
    /// The logical block of each entry.
    blocks: Vec<u32>,
    /// The durable bytes of each entry.
    bytes: Vec<u8>,
}

/// A namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Its identifier.
    pub nsid: u32,
    /// Logical block size: 2^n bytes.
    pub block_shift: u32,
    /// How many logical blocks.
    pub blocks: u64,
    /// The controllers it is attached to, one bit each.
    pub attached: u64,
    data: Vec<u8>,
    /// For each block: its entry in the undo log plus 1, or 0.
    cached: Vec<u32>,
    undo: UndoLog,
    marked: Option<Box<Mark>>,
    touched: Vec<bool>,
    touched_list: Vec<u32>,
}

/// What [`Namespace::rewind`] goes back to.
#[derive(Clone, Debug)]
struct Mark {
    data: Vec<u8>,
    undo: UndoLog,
}

impl Namespace {
    fn new(nsid: u32, block_bytes: u32, blocks: u64, attached: u64) -> Self {
        let bytes = (blocks * u64::from(block_bytes)) as usize;
        Self {
            nsid,
            block_shift: block_bytes.trailing_zeros(),
            blocks,
            attached,
            data: vec![0; bytes],
            cached: vec![0; blocks as usize],
            undo: UndoLog::default(),
            marked: None,
            touched: vec![false; bytes.div_ceil(CHUNK)],
            touched_list: Vec::new(),
        }
    }

    /// Size of a logical block in bytes.
    pub const fn block_bytes(&self) -> usize {
        1 << self.block_shift
    }

    /// Whether it is attached to a controller.
    pub const fn is_attached_to(&self, ctrl: usize) -> bool {
        self.attached >> ctrl & 1 != 0
    }

    /// The bytes of `count` blocks from `lba` on; cut off at the end of the namespace.
    pub fn read(&self, lba: u64, count: u64) -> &[u8] {
        let (from, to) = self.range(lba, count);
        &self.data[from..to]
    }

    /// The durable bytes of one block, if the cache holds a newer content.
    pub fn durable(&self, lba: u64) -> Option<&[u8]> {
        let entry = *self.cached.get(usize::try_from(lba).ok()?)?;
        let at = (entry as usize).checked_sub(1)? << self.block_shift;
        Some(&self.undo.bytes[at..at + self.block_bytes()])
    }

    /// The bytes of `count` blocks from `lba` on, to be overwritten by the caller now. What becomes
    /// of them at a loss of power follows from `durable`.
    pub fn write(&mut self, lba: u64, count: u64, durable: bool) -> &mut [u8] {
        let (from, to) = self.range(lba, count);
        for block in from >> self.block_shift..to >> self.block_shift {
            if durable {
                self.make_durable(block);
            } else if self.cached[block] == 0 {
                let at = block << self.block_shift;
                self.undo.blocks.push(block as u32);
                self.undo.bytes.extend_from_slice(&self.data[at..at + self.block_bytes()]);
                self.cached[block] = self.undo.blocks.len() as u32;
            }
        }
        self.touch(from, to);
        &mut self.data[from..to]
    }

    /// Forgets the old content of a block: the last entry of the log takes its place.
    fn make_durable(&mut self, block: usize) {
        let Some(entry) = (self.cached[block] as usize).checked_sub(1) else { return };
        self.cached[block] = 0;
        self.undo.blocks.swap_remove(entry);
        if let Some(&moved) = self.undo.blocks.get(entry) {
            self.cached[moved as usize] = entry as u32 + 1;
            let last = self.undo.blocks.len() << self.block_shift;
            self.undo.bytes.copy_within(last.., entry << self.block_shift);
        }
        self.undo.bytes.truncate(self.undo.blocks.len() << self.block_shift);
    }

    /// Makes `count` blocks from `lba` on durable as they are.
    pub fn commit(&mut self, lba: u64, count: u64) {
        let (from, to) = self.range(lba, count);
        for block in from >> self.block_shift..to >> self.block_shift {
            self.make_durable(block);
        }
    }

    /// Makes everything in the cache durable.
    pub fn flush(&mut self) {
        for block in self.undo.blocks.drain(..) {
            self.cached[block as usize] = 0;
        }
        self.undo.bytes.clear();
    }

    /// Loses what is in the cache and not durable.
    pub fn lose_power(&mut self) {
        let undo = std::mem::take(&mut self.undo);
        for (entry, &block) in undo.blocks.iter().enumerate() {
            self.cached[block as usize] = 0;
            let (at, bytes) = ((block as usize) << self.block_shift, self.block_bytes());
            let old = &undo.bytes[entry << self.block_shift..][..bytes];
            self.data[at..at + bytes].copy_from_slice(old);
            self.touch(at, at + bytes);
        }
    }

    fn range(&self, lba: u64, count: u64) -> (usize, usize) {
        let from = lba.min(self.blocks);
        let to = lba.saturating_add(count).min(self.blocks);
        ((from << self.block_shift) as usize, (to << self.block_shift) as usize)
    }

    fn touch(&mut self, from: usize, to: usize) {
        if self.marked.is_none() {
            return;
        }
        for chunk in from / CHUNK..to.div_ceil(CHUNK) {
            if !std::mem::replace(&mut self.touched[chunk], true) {
                self.touched_list.push(chunk as u32);
            }
        }
    }

    fn mark(&mut self) {
        self.marked = Some(Box::new(Mark { data: self.data.clone(), undo: self.undo.clone() }));
        self.touched.fill(false);
        self.touched_list.clear();
    }

    fn rewind(&mut self) {
        let Some(mark) = &self.marked else { return };
        for chunk in self.touched_list.drain(..) {
            self.touched[chunk as usize] = false;
            let at = chunk as usize * CHUNK;
            let to = (at + CHUNK).min(self.data.len());
            self.data[at..to].copy_from_slice(&mark.data[at..to]);
        }
        for &block in &self.undo.blocks {
            self.cached[block as usize] = 0;
        }
        self.undo.clone_from(&mark.undo);
        for (entry, &block) in self.undo.blocks.iter().enumerate() {
            self.cached[block as usize] = entry as u32 + 1;
        }
    }
}

/// All namespaces of the subsystem, in the order of their identifiers.
#[derive(Clone, Debug)]
pub struct Media {
    namespaces: Vec<Namespace>,
    /// The largest valid namespace identifier (NN).
    pub nn: u32,
}

impl Media {
    /// As configured, all zeroes.
    pub fn new(config: &Config) -> Self {
        let all = u64::MAX >> (64 - u32::from(config.controllers));
        let mut namespaces: Vec<_> = config
            .namespaces
            .iter()
            .zip(config.nsids())
            .map(|(ns, nsid)| {
                let named = ns.controllers.iter().fold(0, |bits, ctrl| bits | 1 << ctrl);
                let attached = if ns.controllers.is_empty() { all } else { named };
                Namespace::new(nsid, ns.block_bytes, ns.blocks, attached)
            })
            .collect();
        namespaces.sort_by_key(|ns| ns.nsid);
        Self { namespaces, nn: config.nn() }
    }

    /// The namespace `nsid`, attached or not.
    pub fn get(&self, nsid: u32) -> Option<&Namespace> {
        self.index(nsid).map(|at| &self.namespaces[at])
    }

    /// The namespace `nsid`, attached or not.
    pub fn get_mut(&mut self, nsid: u32) -> Option<&mut Namespace> {
        self.index(nsid).map(|at| &mut self.namespaces[at])
    }

    fn index(&self, nsid: u32) -> Option<usize> {
        // Nearly always the identifiers are 1, 2, 3...
        let guess = (nsid as usize).wrapping_sub(1);
        match self.namespaces.get(guess) {
            Some(ns) if ns.nsid == nsid => Some(guess),
            _ => self.namespaces.binary_search_by_key(&nsid, |ns| ns.nsid).ok(),
        }
    }

    /// Every namespace, by rising identifier.
    pub fn iter(&self) -> impl Iterator<Item = &Namespace> {
        self.namespaces.iter()
    }

    /// Every namespace, by rising identifier.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Namespace> {
        self.namespaces.iter_mut()
    }

    /// Remembers the present content.
    pub fn mark(&mut self) {
        self.namespaces.iter_mut().for_each(Namespace::mark);
    }

    /// Goes back to the content at the mark, at the cost of what has changed since.
    pub fn rewind(&mut self) {
        self.namespaces.iter_mut().for_each(Namespace::rewind);
    }
}
