//! Interrupts by eventfds: one for each vector.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use dut::{Ctrl, Event};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

use super::host::HostSide;

/// Vectors that are looked at with one call.
const BATCH: usize = 32;

/// The eventfds of a function.
#[derive(Default)]
pub struct Irqs {
    /// By vector.
    pub fds: Vec<OwnedFd>,
    /// Tells which of them were signalled.
    watch: Option<OwnedFd>,
    /// When they were looked at last.
    looked: u64,
}

impl Irqs {
    /// New eventfds, for so many vectors.
    pub fn new(vectors: u16, now: u64) -> std::io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let fds = (0..vectors).map(|_| eventfd(0, flags)).collect::<Result<Vec<_>, _>>()?;
        let watch = epoll::create(CreateFlags::CLOEXEC)?;
        for (vector, fd) in (0u64..).zip(&fds) {
            epoll::add(&watch, fd, EventData::new_u64(vector), EventFlags::IN)?;
        }
        Ok(Self { fds, watch: Some(watch), looked: now })
    }

    /// Takes the messages that have come since the last time.
    pub fn take(&mut self, ctrl: Ctrl, now: impl Fn() -> u64, host: &mut HostSide) {
        let Some(watch) = self.watch.as_ref().filter(|_| !self.fds.is_empty()) else { return };
        let begun = now();
        loop {
            let mut space = [MaybeUninit::uninit(); BATCH];
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let found = epoll::wait(watch, &mut space, Some(&at_once));
            let signalled = found.map_or(&[][..], |(found, _)| &*found);
            for event in signalled {
                let data = event.data;
                let vector = data.u64() as u16;
                let mut count = [0; 8];
                let Some(fd) = self.fds.get(usize::from(vector)) else { continue };
                if rustix::io::read(fd, &mut count) == Ok(8) {
                    let count = u32::try_from(u64::from_ne_bytes(count)).unwrap_or(u32::MAX);
                    let (not_before, seen) = (self.looked, now());
                    host.keep(Event::Interrupt { ctrl, vector, count, not_before, seen });
                }
            }
            if signalled.len() < BATCH {
                break;
            }
        }
        self.looked = begun;
    }
}
