//! A Completion Queue that is not physically contiguous is used as if it were.

use spec::Sqe;
use spec::command::{Command, CreateIoCq};

use crate::config::Config;
use crate::seam::{Defect, Scene};

pub(super) struct ListAsCompletionQueue;

impl Defect for ListAsCompletionQueue {
    fn name(&self) -> &'static str {
        "list-as-completion-queue"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["create-io-cq.not-contiguous", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "NVMeVirt warns of a queue with PC = 0 and then takes PRP1 for its base all the same: \
         completions are written over the PRP list."
    }

    fn configure(&self, config: &mut Config) {
        config.cqr = false;
    }

    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        if scene.sqid.is_admin() && sqe.opcode() == CreateIoCq::OPCODE {
            sqe.dw[11] |= 1;
        }
    }
}
