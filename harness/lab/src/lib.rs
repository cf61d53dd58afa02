//! The lab: how a host drives a DUT, writes down what it saw, and lets the model judge.
//!
//! - A test is a function over a [`Lab`], marked `#[conformance]` and found in [`tests`].
//! - [`Ctl`] is its handle of a controller. Every call is sugar over [`Action`]s, which all go through one
//!   door, so that any run can be kept as a [`Sequence`], replayed, shrunk and exported.
//! - [`Bench`] holds a DUT, runs tests and sequences on it, and gives each a fresh controller.
//! - A [`Witness`] judges a device model under a host that is not ours.
//! - What was seen becomes records of a [`log::Log`]; the judge follows them and makes findings
//!   and the verdict. The lab has no opinion of its own.
//!
//! It does not open DUTs, apply waivers or write reports: the runner does.

mod action;
mod answer;
mod audit;
mod batch;
mod bench;
mod buffer;
mod composite;
mod content;
mod core;
mod ctl;
mod generate;
mod host;
mod lab;
mod layout;
mod memory;
mod observe;
mod possible;
mod prelude;
mod queue;
mod registry;
mod sequence;
mod shrink;
mod snapshot;
mod stop;
mod submit;
mod text;
mod trace;
mod transport;
mod witness;

pub use self::action::{
    Action, Block, BufferId, ClaimOn, CommandId, Condition, Hazard, Links, Patience, Place, Seen,
    Word,
};
pub use self::answer::{Answer, Pending};
pub use self::batch::BlockBuffers;
pub use self::bench::{Bench, TestRun, run_test};
pub use self::buffer::{Buffer, Data};
pub use self::core::Settings;
pub use self::ctl::{ADMIN_ENTRIES, Ctl, QUEUES_ASKED, Shutdown};
pub use self::generate::{GenOptions, generate};
pub use self::host::{ControllerFacts, NamespaceFacts};
pub use self::lab::Lab;
pub use self::layout::Shape;
pub use self::registry::{TestCase, tests};
pub use self::sequence::{Sequence, Start};
pub use self::shrink::{Target, shrink};
pub use self::stop::{Outcome, Stop};
pub use self::text::{HEADER, TextError};
pub use self::trace::{HeaderError, TraceHeader, judge, sequence_of};
pub use self::witness::Witness;
pub use ::log::random::Random;
pub use dut::{Capability, DmaVisibility};
pub use lab_macros::conformance;

/// For the code that `#[conformance]` writes.
#[doc(hidden)]
pub mod private {
    pub use inventory;
    pub use spec::requirement;
}
