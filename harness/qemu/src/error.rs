//! Why QEMU did not come up.

use std::path::PathBuf;
use std::time::Duration;

/// Why [`crate::Qemu::open`] failed. None of these says anything about the controller.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An option makes no sense.
    #[error("QEMU options: {0}")]
    Options(String),
    /// The program cannot be started.
    #[error("cannot start {program}: {source}; install qemu-system-x86 or name another program",
        program = .program.display())]
    Missing {
        /// What was to be started.
        program: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The program is something else.
    #[error("{} is not QEMU: `--version` says {said:?}", program.display())]
    NotQemu {
        /// What was asked.
        program: PathBuf,
        /// The first line of its answer.
        said: String,
    },
    /// The program is a QEMU that this crate cannot drive.
    #[error("{} is QEMU {version}, too old: 7.2 is the oldest whose NVMe queues run without a \
        guest clock", program.display())]
    TooOld {
        /// The program.
        program: PathBuf,
        /// Its version.
        version: String,
    },
    /// QEMU ended while starting: it refused the device options, or the host lacks something.
    #[error("QEMU did not start ({ended}): {stderr}")]
    Refused {
        /// How it ended.
        ended: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// QEMU runs but does not answer.
    #[error("QEMU did not answer on its {socket} socket within {} s; stderr: {stderr}",
        within.as_secs())]
    Silent {
        /// Which socket.
        socket: &'static str,
        /// How long was waited.
        within: Duration,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// There is no NVMe controller behind the slot, or it lacks what bring-up needs.
    #[error("PCI bring-up: {0}")]
    Pci(String),
    /// The host failed.
    #[error("{what}: {source}")]
    Host {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl OpenError {
    /// For `map_err`.
    pub(crate) fn host(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Host { what, source }
    }
}
