//! The host's side of the link: the arena with its permissions, the clock, the events.

use std::sync::Arc;

use dut::{Arena, Ctrl, Event};
use log::Perm;
use spec::Addr;

use crate::bus::{Bus, BusFault};

/// Permissions and changes are kept for pages of 2^n bytes.
const PAGE_SHIFT: u32 = 12;
/// Events that are kept until somebody drains them; later ones are dropped.
const EVENTS_MAX: usize = 1 << 20;

const READ: u8 = Perm::ToController as u8;
const WRITE: u8 = Perm::FromController as u8;

/// Host memory, clock and events.
pub struct Host {
    /// The memory.
    pub arena: Arc<Arena>,
    /// Its first address.
    pub base: u64,
    /// The time in nanoseconds.
    pub now: u64,
    /// What has shown itself since it was last asked for.
    pub events: Vec<Event>,
    /// Whether accesses are logged.
    pub logs_dma: bool,
    /// The next access begins an event of its own.
    apart: bool,
    /// What the controllers may do with each page.
    perms: Vec<u8>,
    perms_changed: bool,
    /// Pages written by a controller since the mark.
    dirty: Vec<bool>,
    dirty_list: Vec<u32>,
    marked: Option<Marked>,
}

struct Marked {
    bytes: Vec<u8>,
    perms: Vec<u8>,
    now: u64,
}

impl Host {
    /// All of the arena is accessible; the time is 0.
    pub fn new(arena: Arc<Arena>) -> Self {
        let pages = (arena.bytes() >> PAGE_SHIFT) as usize;
        Self {
            base: arena.base().0,
            arena,
            now: 0,
            events: Vec::new(),
            logs_dma: true,
            apart: true,
            perms: vec![Perm::Both as u8; pages],
            perms_changed: false,
            dirty: vec![false; pages],
            dirty_list: Vec::new(),
            marked: None,
        }
    }

    /// The pages that a range touches, as far as they exist.
    fn pages(&self, at: u64, len: u64) -> std::ops::Range<usize> {
        let from = at.saturating_sub(self.base) >> PAGE_SHIFT;
        let end = at.saturating_add(len).saturating_sub(self.base);
        let count = self.perms.len();
        let to = (end >> PAGE_SHIFT) + u64::from(end & ((1 << PAGE_SHIFT) - 1) != 0);
        (from as usize).min(count)..(to as usize).min(count)
    }

    /// Says what the controllers may do with a range; nothing for `None`.
    pub fn set_permission(&mut self, at: u64, len: u64, perm: Option<Perm>) {
        let pages = self.pages(at, len);
        self.perms[pages].fill(perm.map_or(0, |perm| perm as u8));
        self.perms_changed = true;
    }

    fn allowed(&self, at: u64, len: usize, right: u8) -> bool {
        self.arena.covers(Addr(at), len as u64)
            && self.perms[self.pages(at, len as u64)].iter().all(|perm| perm & right != 0)
    }

    fn log(&mut self, ctrl: usize, at: u64, len: usize, write: bool, fault: bool) {
        if !self.logs_dma {
            return;
        }
        let apart = std::mem::replace(&mut self.apart, false);
        let (ctrl, len) = (Ctrl(ctrl as u8), len as u32);
        if !apart
            && let Some(Event::Dma { ctrl: c, at: a, len: l, write: w, fault: f, .. }) =
                self.events.last_mut()
            && (*c, *w, *f) == (ctrl, write, fault)
            && a.0.wrapping_add(u64::from(*l)) == at
        {
            *l += len;
            return;
        }
        self.keep(Event::Dma { ctrl, at: Addr(at), len, write, fault, time: self.now });
    }

    fn keep(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push(event);
        }
    }

    /// Remembers memory, permissions and time.
    pub fn mark(&mut self) {
        let mut bytes = vec![0; self.arena.bytes() as usize];
        let _ = self.arena.read(Addr(self.base), &mut bytes);
        self.dirty.fill(false);
        self.dirty_list.clear();
        self.perms_changed = false;
        self.marked = Some(Marked { bytes, perms: self.perms.clone(), now: self.now });
    }

    /// Goes back to the mark: every page that a controller wrote, permissions, time. Events that
    /// nobody asked for are dropped.
    pub fn rewind(&mut self) {
        let Some(marked) = &self.marked else { return };
        for page in self.dirty_list.drain(..) {
            self.dirty[page as usize] = false;
            let at = (page as usize) << PAGE_SHIFT;
            let old = &marked.bytes[at..at + (1 << PAGE_SHIFT)];
            let _ = self.arena.write(Addr(self.base + at as u64), old);
        }
        if std::mem::replace(&mut self.perms_changed, false) {
            self.perms.clone_from(&marked.perms);
        }
        self.now = marked.now;
        self.events.clear();
        self.apart = true;
    }

    fn touch(&mut self, at: u64, len: usize) {
        if self.marked.is_none() {
            return;
        }
        for page in self.pages(at, len as u64) {
            if !std::mem::replace(&mut self.dirty[page], true) {
                self.dirty_list.push(page as u32);
            }
        }
    }
}

impl Bus for Host {
    fn now(&self) -> u64 {
        self.now
    }

    fn allows(&self, _ctrl: usize, at: u64, len: usize, write: bool) -> bool {
        self.allowed(at, len, if write { WRITE } else { READ })
    }

    fn read(&mut self, ctrl: usize, at: u64, to: &mut [u8]) -> Result<(), BusFault> {
        let done = self.allowed(at, to.len(), READ) && self.arena.read(Addr(at), to);
        self.log(ctrl, at, to.len(), false, !done);
        if done { Ok(()) } else { Err(BusFault) }
    }

    fn write(&mut self, ctrl: usize, at: u64, from: &[u8]) -> Result<(), BusFault> {
        let done = self.allowed(at, from.len(), WRITE) && self.arena.write(Addr(at), from);
        if done {
            self.touch(at, from.len());
        }
        self.log(ctrl, at, from.len(), true, !done);
        if done { Ok(()) } else { Err(BusFault) }
    }

    fn peek(&self, _ctrl: usize, at: u64, to: &mut [u8]) -> bool {
        self.arena.read(Addr(at), to)
    }

    fn message(&mut self, ctrl: usize, vector: u16) {
        let (not_before, seen) = (self.now, self.now);
        self.keep(Event::Interrupt { ctrl: Ctrl(ctrl as u8), vector, count: 1, not_before, seen });
    }

    fn next_command(&mut self) {
        self.apart = true;
    }
}
