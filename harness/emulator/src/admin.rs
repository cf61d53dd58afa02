//! Admin commands: one file each. Base-2.3 figure 142.

mod abort;
mod async_event_request;
mod create_io_cq;
mod create_io_sq;
mod delete_io_cq;
mod delete_io_sq;
mod get_features;
mod get_log_page;
mod identify;
mod set_features;

use spec::command::{self, Command};

use crate::run::{Outcome, Run};

/// A command, as a queue of its kind dispatches it.
pub struct CommandDef {
    /// Combined opcode.
    pub opcode: u8,
    /// Whether the command has a use for NSID.
    pub uses_nsid: bool,
    /// Executes it.
    pub execute: fn(&mut Run) -> Outcome,
}

impl CommandDef {
    /// An entry of a table.
    pub const fn of<C: Command>(uses_nsid: bool, execute: fn(&mut Run) -> Outcome) -> Self {
        Self { opcode: C::OPCODE, uses_nsid, execute }
    }
}

/// The admin commands.
pub const TABLE: &[CommandDef] = &[
    CommandDef::of::<command::DeleteIoSq>(false, delete_io_sq::execute),
    CommandDef::of::<command::CreateIoSq>(false, create_io_sq::execute),
    CommandDef::of::<command::GetLogPage>(true, get_log_page::execute),
    CommandDef::of::<command::DeleteIoCq>(false, delete_io_cq::execute),
    CommandDef::of::<command::CreateIoCq>(false, create_io_cq::execute),
    CommandDef::of::<command::Identify>(true, identify::execute),
    CommandDef::of::<command::Abort>(false, abort::execute),
    CommandDef::of::<command::SetFeatures>(true, set_features::execute),
    CommandDef::of::<command::GetFeatures>(true, get_features::execute),
    CommandDef::of::<command::AsyncEventRequest>(false, async_event_request::execute),
];
