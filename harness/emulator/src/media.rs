//! Namespaces: logical blocks in flat memory, and the volatile write cache as an undo log.
//!
//! `data` holds what a Read returns. A block that was written but not made durable has its durable
//! content in the undo log; losing power puts it back, a Flush forgets it. A namespace may be backed
//! by a file, which holds the durable content: a block reaches it when it becomes durable, so that
//! the end of this process is a loss of power.

mod backing;
#[cfg(test)]
mod tests;

use std::io;

use backing::Backing;

use crate::config::{Config, ConfigError};
use crate::feature::Setting;

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
#[derive(Debug)]
pub struct Namespace {
    /// Its identifier.
    pub nsid: u32,
    /// Logical block size: 2^n bytes.
    pub block_shift: u32,
    /// How many logical blocks.
    pub blocks: u64,
    /// The controllers it is attached to, one bit each.
    pub attached: u64,
    /// IEEE Extended Unique Identifier (EUI64); 0 is none.
    pub eui64: [u8; 8],
    /// Namespace Globally Unique Identifier (NGUID); 0 is none.
    pub nguid: [u8; 16],
    /// UUID; 0 is none.
    pub uuid: [u8; 16],
    /// Error Recovery (05h), a feature of namespace scope.
    pub error_recovery: Setting,
    backing: Backing,
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
    error_recovery: Setting,
}

impl Namespace {
    fn new(all: &Config, at: usize, nsid: u32) -> Result<Self, ConfigError> {
        let config = &all.namespaces[at];
        let bytes = config.blocks * u64::from(config.block_bytes);
        let everybody = u64::MAX >> (64 - u32::from(all.controllers));
        let named = config.controllers.iter().fold(0, |bits, ctrl| bits | 1 << ctrl);
        let (backing, data) = match &config.path {
            Some(path) => Backing::open(path, bytes)?,
            None => (Backing::Memory, vec![0; bytes as usize]),
        };
        Ok(Self {
            nsid,
            block_shift: config.block_bytes.trailing_zeros(),
            blocks: config.blocks,
            attached: if named == 0 { everybody } else { named },
            eui64: config.eui64.eui64(all, nsid),
            nguid: config.nguid.nguid(all, nsid),
            uuid: config.uuid.uuid(all, nsid),
            error_recovery: Setting::new(0),
            touched: vec![false; data.len().div_ceil(CHUNK)],
            cached: vec![0; config.blocks as usize],
            backing,
            data,
            undo: UndoLog::default(),
            marked: None,
            touched_list: Vec::new(),
        })
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
    /// of them at a loss of power follows from `durable`; durable ones are to be [`Self::settle`]d
    /// once they are there.
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

    /// Puts `count` blocks from `lba` on, written as durable, where durable content stands.
    pub fn settle(&mut self, lba: u64, count: u64) -> io::Result<()> {
        if self.backing.is_memory() {
            return Ok(());
        }
        let (from, to) = self.range(lba, count);
        self.backing.store(from as u64, &self.data[from..to])?;
        self.backing.sync()
    }

    /// Makes `count` blocks from `lba` on durable as they are. After an error they are as volatile as
    /// before.
    pub fn commit(&mut self, lba: u64, count: u64) -> io::Result<()> {
        let (from, to) = self.range(lba, count);
        let blocks = from >> self.block_shift..to >> self.block_shift;
        if self.cached[blocks.clone()].iter().any(|entry| *entry != 0) {
            self.settle(lba, count)?;
        }
        blocks.for_each(|block| self.make_durable(block));
        Ok(())
    }

    /// Makes everything in the cache durable. After an error all of it is as volatile as before.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.backing.is_memory() && !self.undo.blocks.is_empty() {
            self.store_cached()?;
        }
        for block in self.undo.blocks.drain(..) {
            self.cached[block as usize] = 0;
        }
        self.undo.bytes.clear();
        Ok(())
    }

    /// Stores every cached block, neighbours with one write.
    fn store_cached(&self) -> io::Result<()> {
        let mut blocks = self.undo.blocks.clone();
        blocks.sort_unstable();
        for run in blocks.chunk_by(|before, after| before + 1 == *after) {
            let from = (run[0] as usize) << self.block_shift;
            let bytes = run.len() << self.block_shift;
            self.backing.store(from as u64, &self.data[from..from + bytes])?;
        }
        self.backing.sync()
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
        self.marked = Some(Box::new(Mark {
            data: self.data.clone(),
            undo: self.undo.clone(),
            error_recovery: self.error_recovery,
        }));
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
        self.error_recovery = mark.error_recovery;
        self.undo.clone_from(&mark.undo);
        for (entry, &block) in self.undo.blocks.iter().enumerate() {
            self.cached[block as usize] = entry as u32 + 1;
        }
    }
}

/// All namespaces of the subsystem, in the order of their identifiers.
#[derive(Debug)]
pub struct Media {
    namespaces: Vec<Namespace>,
    /// The largest valid namespace identifier (NN).
    pub nn: u32,
}

impl Media {
    /// As configured: all zeroes, or what the files hold.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let nsids = config.nsids().enumerate();
        let namespaces = nsids.map(|(at, nsid)| Namespace::new(config, at, nsid));
        let mut namespaces = namespaces.collect::<Result<Vec<_>, _>>()?;
        namespaces.sort_by_key(|ns| ns.nsid);
        Ok(Self { namespaces, nn: config.nn() })
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

    /// Remembers the present content. False if a file holds some of it: a file is not taken back.
    pub fn mark(&mut self) -> bool {
        let possible = self.namespaces.iter().all(|ns| ns.backing.is_memory());
        if possible {
            self.namespaces.iter_mut().for_each(Namespace::mark);
        }
        possible
    }

    /// Goes back to the content at the mark, at the cost of what has changed since.
    pub fn rewind(&mut self) {
        self.namespaces.iter_mut().for_each(Namespace::rewind);
    }

    /// Makes everything in the caches durable; the first error, after all were tried.
    pub fn flush(&mut self) -> io::Result<()> {
        self.namespaces.iter_mut().map(Namespace::flush).fold(Ok(()), Result::and)
    }
}
