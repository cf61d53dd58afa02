//! Unknown commands complete with success.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct UnknownOpcodeSucceeds;

impl Defect for UnknownOpcodeSucceeds {
    fn name(&self) -> &'static str {
        "unknown-opcode-succeeds"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["common.opcode"]
    }

    fn story(&self) -> &'static str {
        "A dispatch table whose default does nothing, successfully."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        match check {
            Check::Opcode => found.map(|_| Status::SUCCESSFUL_COMPLETION),
            _ => found,
        }
    }
}
