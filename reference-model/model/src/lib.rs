//! The golden reference model: an executable reading of the NVM Express specifications, as a judge.
//!
//! Pure: no I/O, no clock, no randomness, no threads, no `unsafe`. Its findings *and* the verdict of
//! a test are a function of ([`Profile`], log) alone. It does not predict one answer: it rules which
//! answers the text allows, adopts the one that the DUT gave, and says so when it was not allowed.
//!
//! [`rules`] holds one file per command: its checks and its effects. [`ruling`] says how an answer is
//! held against them, [`state`] is what is believed of the structure, [`memory`] of host memory. The
//! [`Judge`] does everything that is not one command's rule.

mod choices;
mod finding;
mod judge;
pub mod lives;
pub mod memory;
mod profile;
pub mod prp;
pub mod rules;
pub mod ruling;
pub mod sample;
pub mod state;
pub mod truth;

pub use choices::{CHOICES, Choice, ChoiceId};
pub use finding::{Allowed, Coverage, DivergenceKind, Finding, FindingKind, Verdict};
pub use judge::{Judge, Ruled};
pub use profile::Profile;
