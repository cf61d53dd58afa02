//! Interrupts by eventfds: one for each vector.

use std::os::fd::{AsFd, OwnedFd};

use dut::{Ctrl, Event};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::host::HostSide;

/// The eventfds of a function.
#[derive(Default)]
pub struct Irqs {
    /// By vector.
    pub fds: Vec<OwnedFd>,
    /// When they were looked at last.
    looked: u64,
}

impl Irqs {
    /// New eventfds, for so many vectors.
    pub fn new(vectors: u16, now: u64) -> std::io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let fds = (0..vectors).map(|_| eventfd(0, flags)).collect::<Result<_, _>>()?;
        Ok(Self { fds, looked: now })
    }

    /// Takes the messages that have come since the last time.
    pub fn take(&mut self, ctrl: Ctrl, now: impl Fn() -> u64, host: &mut HostSide) {
        if self.fds.is_empty() {
            return;
        }
        let begun = now();
        if self.any() {
            for (vector, fd) in (0u16..).zip(&self.fds) {
                let mut count = [0; 8];
                if rustix::io::read(fd, &mut count) == Ok(8) {
                    let count = u32::try_from(u64::from_ne_bytes(count)).unwrap_or(u32::MAX);
                    let (not_before, seen) = (self.looked, now());
                    host.keep(Event::Interrupt { ctrl, vector, count, not_before, seen });
                }
            }
        }
        self.looked = begun;
    }

    fn any(&self) -> bool {
        let fd = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut fds: Vec<_> = self.fds.iter().map(|one| fd(one.as_fd())).collect();
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) != Ok(0)
    }
}
