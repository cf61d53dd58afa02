//! A Controller Reset leaves the commands of before it in the controller: they complete in the queues of
//! the next host.

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct CommandsKeptOverReset;

impl Defect for CommandsKeptOverReset {
    fn name(&self) -> &'static str {
        "commands-kept-over-reset"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["reset.nothing-posted-after", "ready.nothing-while-disabled", "reset.aer-dropped"]
    }

    fn story(&self) -> &'static str {
        "Outstanding Asynchronous Event Requests in a list of their own, which the reset forgets."
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.drops_commands = false;
    }
}
