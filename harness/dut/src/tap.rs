//! The [`Tap`]: what a device's side of the link tells of a host that is not ours.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use log::{Perm, ResetKind};
use spec::Addr;

use crate::{Ctrl, Width};

/// Host memory, read by the observer: no access of the controller, nothing is logged.
pub trait HostMemory {
    /// Copies bytes out. False, and nothing is promised of `to`, where memory is not there.
    fn peek(&self, at: u64, to: &mut [u8]) -> bool;
}

/// One access of a controller to host memory.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// Where.
    pub at: Addr,
    /// The bytes that went over the link; those that would have gone, where it was refused.
    pub bytes: &'a [u8],
    /// The controller wrote them.
    pub write: bool,
    /// The access was refused: nothing went over.
    pub fault: bool,
}

/// Is told everything that passes between a controller and its host, in the order in which the
/// device's side of the link sees it. `now` is the device's clock, in nanoseconds.
///
/// Any device model that can say so much can be judged under a host driver that nobody here wrote.
pub trait Tap {
    /// The host read a register of BAR 0, and got `value`.
    fn register_read(&mut self, ctrl: Ctrl, now: u64, offset: u32, width: Width, value: u64);
    /// The host writes a register of BAR 0. Told before the controller sees it.
    fn register_write(
        &mut self,
        ctrl: Ctrl,
        now: u64,
        memory: &dyn HostMemory,
        write: (u32, Width, u64),
    );
    /// The controller reads host memory, or is about to write it: told before the host can see what
    /// is written, so that what a completion announces can be looked at while it is still the
    /// controller's.
    fn dma(&mut self, ctrl: Ctrl, now: u64, memory: &dyn HostMemory, access: Access<'_>);
    /// The controller sent a message on an MSI-X vector.
    fn message(&mut self, ctrl: Ctrl, now: u64, vector: u16);
    /// The host turned MSI-X on for `vectors` vectors, or off (0).
    fn msix(&mut self, ctrl: Ctrl, now: u64, vectors: u16);
    /// The host masked or unmasked a vector.
    fn msix_mask(&mut self, ctrl: Ctrl, now: u64, vector: u16, masked: bool);
    /// The host reset the function (or, `all`, every function) by means outside BAR 0.
    fn reset(&mut self, ctrl: Ctrl, now: u64, kind: ResetKind, all: bool);
    /// The host opened memory to the controllers (`None`: closed it; 0 bytes: all of it).
    fn mapped(&mut self, now: u64, at: Addr, len: u64, perm: Option<Perm>);
    /// No controller has anything to do until the host does something.
    fn idle(&mut self, now: u64);
}

/// A tap that somebody else looks at too.
impl<T: Tap> Tap for Arc<Mutex<T>> {
    fn register_read(&mut self, ctrl: Ctrl, now: u64, offset: u32, width: Width, value: u64) {
        locked(self).register_read(ctrl, now, offset, width, value);
    }
    fn register_write(
        &mut self,
        ctrl: Ctrl,
        now: u64,
        memory: &dyn HostMemory,
        write: (u32, Width, u64),
    ) {
        locked(self).register_write(ctrl, now, memory, write);
    }
    fn dma(&mut self, ctrl: Ctrl, now: u64, memory: &dyn HostMemory, access: Access<'_>) {
        locked(self).dma(ctrl, now, memory, access);
    }
    fn message(&mut self, ctrl: Ctrl, now: u64, vector: u16) {
        locked(self).message(ctrl, now, vector);
    }
    fn msix(&mut self, ctrl: Ctrl, now: u64, vectors: u16) {
        locked(self).msix(ctrl, now, vectors);
    }
    fn msix_mask(&mut self, ctrl: Ctrl, now: u64, vector: u16, masked: bool) {
        locked(self).msix_mask(ctrl, now, vector, masked);
    }
    fn reset(&mut self, ctrl: Ctrl, now: u64, kind: ResetKind, all: bool) {
        locked(self).reset(ctrl, now, kind, all);
    }
    fn mapped(&mut self, now: u64, at: Addr, len: u64, perm: Option<Perm>) {
        locked(self).mapped(now, at, len, perm);
    }
    fn idle(&mut self, now: u64) {
        locked(self).idle(now);
    }
}

/// A tap that panicked elsewhere has kept what it was told: go on with that.
fn locked<T>(tap: &Mutex<T>) -> MutexGuard<'_, T> {
    tap.lock().unwrap_or_else(PoisonError::into_inner)
}
