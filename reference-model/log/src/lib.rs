//! Records: what a host did and what it saw, as plain data.
//!
//! A [`Log`] is the only input of the judge, and a trace holds exactly these records: a record in
//! memory *is* the record in the trace. A record has a fixed head (kind, controller, interval) and
//! 64 bytes of body; what is longer lies in the log's payload area. Nothing here judges.
//!
//! **Observation is not event order.** A host never sees a fetch, an execution or the posting of a
//! CQE; it sees looks, each with a beginning and an end. So every record carries an interval:
//! `not_before` (the start of the last look at this place that saw no change, or the start of the
//! access) and `seen` (its end). "It happened in that interval" is all that may be concluded.

pub mod content;
pub mod random;
pub mod record;
mod store;
pub mod trace;

pub use content::{BlockTag, Ident};
pub use record::{
    Body, Claim, DoorbellWrite, EmptyLook, Interval, LookReason, Origin, Perm, Record,
    RegisterWrite, ResetKind, SubmitRef,
};
pub use store::{Log, PayloadRef};
