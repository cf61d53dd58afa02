//! What a run has to say, and how it is said.
//!
//! A run is a stream of [`Event`]s: run started, test started, test finished, run finished. The
//! runner makes them; [`EventStream`] puts each on disk as one JSON line before any writer sees it,
//! so that Ctrl-C or a full disk loses nothing that was finished. Everything else is made from the
//! events alone: the terminal's lines and stories ([`Terminal`]), the machine's [`Report`] (JSON,
//! with a schema made from the types) and JUnit's XML (`junit`).
//!
//! Nothing here judges, and nothing here reads a clock: wall-clock times stand in an event only when
//! the DUT's own clock is the wall, so the same seed in virtual time gives the same bytes.
//!
//! This crate knows `spec` for the requirements' names and clauses, and no other crate of ours.

mod compare;
mod event;
mod finding;
mod junit;
mod matrix;
mod report;
mod story;
mod stream;
mod terminal;
mod verdict;

pub use compare::{Comparison, CoverageDifference, Pair, ReadError, Said, Side, TestDifference};
pub use event::{
    CapabilityFact, ChoiceTaken, Clock, DutFacts, Event, FORMAT, Problem, ProblemKind,
    ProfileFacts, RunFinished, RunStarted, Seed, SeedError, Shown, TestFinished, TestStarted,
};
pub use finding::{
    Allowed, Command, Counted, DivergenceKind, Finding, FindingKind, Observations, Place,
};
pub use junit::{JunitError, write_junit, xml_text};
pub use matrix::{DefectRow, Kill, KillMatrix};
pub use report::{Report, RequirementCounts, schema};
pub use story::{Story, profile_argument, shell_word, write_story};
pub use stream::{EventStream, StreamError, read_events};
pub use terminal::{Progress, Terminal};
pub use verdict::{Counts, Exit, Verdict};
