//! Every I/O Completion Queue has interrupts, whatever IEN says.

use spec::Sqe;
use spec::command::{Command, CreateIoCq};

use crate::seam::{Defect, Scene};

pub(super) struct IenIgnored;

impl Defect for IenIgnored {
    fn name(&self) -> &'static str {
        "ien-ignored"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["create-io-cq.ien-clear", "interrupt.unused-vector"]
    }

    fn story(&self) -> &'static str {
        "Drivers at hand all set IEN: only those that poll see what comes without it."
    }

    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        if scene.sqid.is_admin() && sqe.opcode() == CreateIoCq::OPCODE {
            sqe.dw[11] |= 2;
        }
    }
}
