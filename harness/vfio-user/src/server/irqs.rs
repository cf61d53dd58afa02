//! Interrupts of one client: eventfds, and the MSI-X table as far as the server keeps it.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::port::Messages;

/// An eventfd of a client.
///
/// It is the client's too: so it is checked to be one, made non-blocking, and looked at before each
/// write, because a full one would block the server. (A client that makes it blocking again and fills
/// it in the instant between can still hold the server up until somebody reads it.)
pub struct Signal(OwnedFd);

impl Signal {
    /// Takes a file descriptor if it is an eventfd.
    pub fn new(fd: OwnedFd) -> Result<Self, Errno> {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        if !link.is_ok_and(|link| link.as_os_str() == "anon_inode:[eventfd]") {
            return Err(Errno::INVAL);
        }
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        Ok(Self(fd))
    }

    /// Signals. A full counter has been signalled already.
    pub fn signal(&self) {
        let mut fds = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::OUT)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut fds, Some(&now)) == Ok(1) && fds[0].revents().contains(PollFlags::OUT) {
            let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
        }
    }
}

/// Bytes of an entry of the MSI-X table.
pub const ENTRY_BYTES: usize = 16;

/// A vector.
#[derive(Default)]
pub struct Vector {
    /// What its messages signal.
    pub signal: Option<Signal>,
    /// Message address and data: kept for whoever reads them, never used.
    pub message: [u8; 12],
    /// Its mask bit.
    pub masked: bool,
}

/// All interrupts.
pub struct Irqs {
    /// The vectors of MSI-X, or of MSI.
    pub vectors: Vec<Vector>,
    /// How many of them are on: with MSI-X all or none, with MSI up to the last that was given an
    /// eventfd, rounded up to a power of two, since it was last turned off.
    pub on: u16,
    /// INTx.
    pub intx: Option<Signal>,
    /// INTx was signalled, or masked: nothing more until it is unmasked.
    pub intx_masked: bool,
    /// Errors: kept for the client, never signalled.
    pub err: Option<Signal>,
    /// Request to release the device.
    pub req: Option<Signal>,
}

impl Irqs {
    /// Everything off, every vector masked.
    pub fn new(messages: Messages) -> Self {
        let vector = || Vector { masked: true, ..Vector::default() };
        Self {
            vectors: (0..messages.count()).map(|_| vector()).collect(),
            on: 0,
            intx: None,
            intx_masked: false,
            err: None,
            req: None,
        }
    }

    /// Signals the messages of a vector.
    pub fn message(&self, vector: u16) {
        let vector = self.vectors.get(usize::from(vector));
        if let Some(signal) = vector.and_then(|vector| vector.signal.as_ref()) {
            signal.signal();
        }
    }

    /// INTx has this level: it is signalled, and masks itself until it is unmasked.
    pub fn intx_level(&mut self, asserted: bool) {
        if asserted
            && !self.intx_masked
            && let Some(signal) = &self.intx
        {
            self.intx_masked = true;
            signal.signal();
        }
    }
}
