//! The host's side: the arena, what controllers may do with it, and what was seen.

use std::sync::Arc;

use dut::{Arena, Ctrl, Event};
use log::Perm;
use rustix::io::Errno;
use spec::Addr;

use crate::channel::DATA_MAX;
use crate::message::{Command, DmaAccess, Header, Layout};

/// Permissions are kept for pages of 2^n bytes.
const PAGE_SHIFT: u32 = 12;
/// Events that are kept until somebody drains them; later ones are dropped.
const EVENTS_MAX: usize = 1 << 20;

/// Memory and events.
pub struct HostSide {
    pub arena: Arc<Arena>,
    /// What the controllers may do with each page.
    perms: Vec<u8>,
    /// Seen, and not yet handed over.
    pub events: Vec<Event>,
    scratch: Vec<u8>,
}

impl HostSide {
    /// All of the arena is accessible.
    pub fn new(arena: Arc<Arena>) -> Self {
        let pages = (arena.bytes() >> PAGE_SHIFT) as usize;
        let perms = vec![Perm::Both as u8; pages];
        Self { arena, perms, events: Vec::new(), scratch: Vec::new() }
    }

    /// The pages that a range touches, as far as they exist.
    fn pages(&self, at: u64, len: u64) -> std::ops::Range<usize> {
        let base = self.arena.base().0;
        let from = at.saturating_sub(base) >> PAGE_SHIFT;
        let end = at.saturating_add(len).saturating_sub(base);
        let to = end.div_ceil(1 << PAGE_SHIFT);
        let count = self.perms.len();
        (from as usize).min(count)..(to as usize).min(count)
    }

    /// Says what the controllers may do with a range; nothing for `None`.
    pub fn set_permission(&mut self, at: u64, len: u64, perm: Option<Perm>) {
        let pages = self.pages(at, len);
        self.perms[pages].fill(perm.map_or(0, |perm| perm as u8));
    }

    fn allows(&self, at: u64, len: u64, write: bool) -> bool {
        let right = if write { Perm::FromController } else { Perm::ToController } as u8;
        self.arena.covers(Addr(at), len)
            && self.perms[self.pages(at, len)].iter().all(|perm| perm & right != 0)
    }

    pub fn keep(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push(event);
        }
    }

    /// Does what a server's command asks for; the whole reply, unless none is wanted.
    pub fn answer(
        &mut self,
        ctrl: Ctrl,
        time: u64,
        header: &Header,
        payload: &[u8],
    ) -> Option<&[u8]> {
        self.scratch.clear();
        self.scratch.resize(Header::SIZE, 0);
        let done = match Command(header.command) {
            Command::DMA_READ => self.dma_read(ctrl, time, payload),
            Command::DMA_WRITE => self.dma_write(ctrl, time, payload),
            _ => Err(Errno::OPNOTSUPP),
        };
        let reply = match done {
            Ok(()) => header.reply(self.scratch.len() - Header::SIZE),
            Err(errno) => {
                self.scratch.truncate(Header::SIZE);
                header.refusal(errno.raw_os_error().unsigned_abs())
            }
        };
        self.scratch[..Header::SIZE].copy_from_slice(zerocopy::IntoBytes::as_bytes(&reply));
        (!header.wants_no_reply()).then_some(&self.scratch[..])
    }

    fn dma_read(&mut self, ctrl: Ctrl, time: u64, payload: &[u8]) -> Result<(), Errno> {
        let access = DmaAccess::decode(payload).map_err(|_| Errno::INVAL)?;
        self.check(ctrl, time, &access, false)?;
        access.encode(&mut self.scratch);
        let from = self.scratch.len();
        self.scratch.resize(from + access.count as usize, 0);
        match self.arena.read(Addr(access.address), &mut self.scratch[from..]) {
            true => Ok(()),
            false => Err(Errno::FAULT),
        }
    }

    fn dma_write(&mut self, ctrl: Ctrl, time: u64, payload: &[u8]) -> Result<(), Errno> {
        let (access, data) = DmaAccess::with_data(payload).map_err(|_| Errno::INVAL)?;
        self.check(ctrl, time, &access, true)?;
        if !self.arena.write(Addr(access.address), data) {
            return Err(Errno::FAULT);
        }
        access.encode(&mut self.scratch);
        Ok(())
    }

    /// Whether an access is allowed; it is logged either way.
    fn check(
        &mut self,
        ctrl: Ctrl,
        time: u64,
        access: &DmaAccess,
        write: bool,
    ) -> Result<(), Errno> {
        let DmaAccess { address, count } = *access;
        let fits = count <= DATA_MAX as u64;
        let allowed = fits && self.allows(address, count, write);
        let len = u32::try_from(count).unwrap_or(u32::MAX);
        self.keep(Event::Dma { ctrl, at: Addr(address), len, write, fault: !allowed, time });
        match (fits, allowed) {
            (false, _) => Err(Errno::INVAL),
            (true, false) => Err(Errno::FAULT),
            (true, true) => Ok(()),
        }
    }
}
