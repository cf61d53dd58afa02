//! Typed commands, one file each, named as the specification names them.

use crate::{FieldDef, Kind, QueueKind, Sqe};

mod abort;
mod async_event_request;
mod create_io_cq;
mod create_io_sq;
mod delete_io_cq;
mod delete_io_sq;
mod flush;
mod get_features;
mod get_log_page;
mod identify;
mod read;
mod set_features;
mod table;
mod text;
mod write;

pub use abort::Abort;
pub use async_event_request::AsyncEventRequest;
pub use create_io_cq::CreateIoCq;
pub use create_io_sq::CreateIoSq;
pub use delete_io_cq::DeleteIoCq;
pub use delete_io_sq::DeleteIoSq;
pub use flush::Flush;
pub use get_features::GetFeatures;
pub use get_log_page::GetLogPage;
pub use identify::Identify;
pub use read::Read;
pub use set_features::SetFeatures;
pub use table::{COMMON, CommandDef, TABLE, by_name, by_opcode};
pub use text::{TextError, describe, from_text, parse_value, to_text, value_text};
pub use write::Write;

/// A typed command: a total projection of the SQE. See [`crate::command!`].
pub trait Command: Sized {
    /// The name in sequences and reports: `create-io-sq`.
    const NAME: &'static str;
    /// Which kind of queue takes it.
    const QUEUE: QueueKind;
    /// The combined opcode (SQE dword 0, bits 7:0).
    const OPCODE: u8;
    /// The fields that this command defines, beyond dword 0.
    const FIELDS: &'static [FieldDef];

    /// The SQE with CID 0: the host driver gives the identifier.
    fn sqe(&self) -> Sqe;
    /// Reads the fields out of any SQE, whatever its opcode.
    fn project(sqe: &Sqe) -> Self;
}

/// The field called `name` of command `C`. For [`crate::command!`], at compile time.
pub const fn field<C: Command>(name: &str) -> FieldDef {
    let mut at = 0;
    while at < C::FIELDS.len() {
        if same(C::FIELDS[at].name, name) {
            return C::FIELDS[at];
        }
        at += 1;
    }
    panic!("no such field")
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
