//! Set Features is no command of the controller.

use spec::Status;
use spec::command::{Command, SetFeatures};

use crate::seam::{Check, Defect, Scene};

pub(super) struct SetFeaturesUnknown;

impl Defect for SetFeaturesUnknown {
    fn name(&self) -> &'static str {
        "set-features-unknown"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["set-features.both-supported", "number-of-queues.dw0"]
    }

    fn story(&self) -> &'static str {
        "Firmware whose features were read-only at first: Get Features came, Set Features did \
         not."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let sets = scene.sqid.is_admin() && scene.sqe.opcode() == SetFeatures::OPCODE;
        found.or((sets && check == Check::Opcode).then_some(Status::INVALID_COMMAND_OPCODE))
    }
}
