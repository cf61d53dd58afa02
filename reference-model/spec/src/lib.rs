//! What the NVM Express specifications define, as data: wire formats, numbers, requirement handles.
//!
//! Two layers, after smoltcp: **raw** structures ([`Sqe`], [`Cqe`], registers) hold any bit pattern
//! and judge nothing; **typed** commands ([`mod@command`]) are total projections of an SQE: every
//! SQE projects onto them and every value encodes, so that a test starts from a good command and
//! changes one field. What a command *means* is said elsewhere, twice and independently: by the
//! model and by the emulator. Structures in data buffers ([`identify`], [`log_page`]) are views
//! over bytes ([`structure`]); codes (opcodes, statuses, features, events) are tables of names.
//!
//! This crate depends on no other crate of the project, and does no I/O.

// `command!` is used by the modules below it.
#[macro_use]
pub mod field;
pub mod cns;
pub mod command;
pub mod cqe;
pub mod event;
pub mod feature;
pub mod identify;
pub mod log_page;
pub mod num;
pub mod opcode;
pub mod prp;
pub mod register;
pub mod requirement;
pub mod sqe;
pub mod status;
pub mod structure;

pub use cns::Cns;
pub use cqe::Cqe;
pub use feature::Fid;
pub use field::{FieldDef, FieldValue, Kind};
pub use log_page::Lid;
pub use num::{Addr, Bytes, Cid, Cntlid, Entries, Lba, Nsid, Qid, Version};
pub use requirement::Req;
pub use sqe::{QueueKind, Sqe};
pub use status::Status;
