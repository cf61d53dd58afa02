//! The client: controllers behind vfio-user servers as a device under test.
//!
//! A server may be anybody's: it may refuse, hang, die or lie. What it refuses or does not answer is
//! an observation (`dut::Fault`); no wait is without a deadline.

mod device;
mod doorbells;
mod function;
mod host;
mod irqs;
mod lines;
mod peer;
mod serial;

use std::path::PathBuf;
use std::time::Duration;

pub use device::VfioUser;

/// How the server reaches the arena.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dma {
    /// By a file descriptor: quick, and out of our sight.
    #[default]
    Descriptors,
    /// By messages, each of which is checked and seen. The server has to know them.
    Messages,
}

/// How doorbells are rung.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ring {
    /// Mapped where the server offers it and the file behind it cannot be cut off (it is sealed, or
    /// lets us seal it); else by messages.
    #[default]
    Safely,
    /// Mapped where the server offers it: a server that cuts the file off ends this process.
    Trusting,
    /// By messages: no write is ever lost to a later one.
    ByMessages,
}

/// What to connect to, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// A socket for each controller of one subsystem.
    pub sockets: Vec<PathBuf>,
    /// How the server reaches the arena.
    pub dma: Dma,
    /// How doorbells are rung.
    pub ring: Ring,
    /// Size of the arena in bytes.
    pub memory: u64,
    /// How long an answer may take.
    pub answer_time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sockets: Vec::new(),
            dma: Dma::default(),
            ring: Ring::default(),
            memory: 16 << 20,
            answer_time: Duration::from_secs(5),
        }
    }
}

/// Why a server cannot be used. None of these says anything about its controller.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody listens.
    #[error(
        "cannot connect to {}: {source}; is a vfio-user server, such as \
         `lockstep serve --socket {}`, running?", path.display(), path.display()
    )]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// What listens there is no such server, or refused.
    #[error("{}: {why}", path.display())]
    Server {
        /// The socket.
        path: PathBuf,
        /// What it did.
        why: String,
    },
    /// The host failed.
    #[error("{what}: {source}")]
    Host {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}
