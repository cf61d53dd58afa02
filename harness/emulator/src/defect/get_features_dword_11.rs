//! Get Features of the number of queues is refused if command dword 11 is not 0.

use spec::command::{Command, GetFeatures};
use spec::{Fid, Status};

use crate::seam::{Check, Defect, Scene};

pub(super) struct GetFeaturesDword11;

impl Defect for GetFeaturesDword11 {
    fn name(&self) -> &'static str {
        "get-features-dword-11"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["number-of-queues.get-ignores-cdw11", "number-of-queues.dw0"]
    }

    fn story(&self) -> &'static str {
        "One routine checks the fields of Set Features and of Get Features, where dword 11 means \
         nothing; a tool that leaves the last value there is refused."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let gets = scene.sqid.is_admin() && scene.sqe.opcode() == GetFeatures::OPCODE;
        let of_queues = GetFeatures::project(scene.sqe).fid == Fid::NUMBER_OF_QUEUES;
        let wrong = gets && of_queues && check == Check::Select && scene.sqe.dw[11] != 0;
        found.or(wrong.then_some(Status::INVALID_FIELD_IN_COMMAND))
    }
}
