//! Why a function cannot be used, and what to do about it.

use std::io;

use crate::Bdf;

/// Why a function cannot be opened. Nothing has been changed when it comes back.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The user asked for something that is not so: another address, serial number or consent.
    #[error("{0}")]
    Refused(String),
    /// The machine does not allow it as it stands.
    #[error("{0}")]
    Machine(String),
    /// The controller does not answer as a controller must.
    #[error("{bdf}: {why}")]
    Controller {
        /// The function.
        bdf: Bdf,
        /// In words.
        why: String,
    },
}

impl OpenError {
    pub(crate) fn machine(what: impl Into<String>) -> Self {
        Self::Machine(what.into())
    }

    /// A failed access of a file, with what to do about it.
    pub(crate) fn file(path: &str, error: &io::Error, hint: &str) -> Self {
        Self::Machine(format!("{path}: {error}; {hint}"))
    }
}
