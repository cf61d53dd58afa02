//! Get Log Page into more than two pages is refused.

use spec::Status;
use spec::command::{Command, GetLogPage};

use crate::seam::{Check, Defect, Scene};

pub(super) struct LogPageListRefused;

impl Defect for LogPageListRefused {
    fn name(&self) -> &'static str {
        "log-page-list-refused"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["prp.admin-list", "get-log-page.mandatory"]
    }

    fn story(&self) -> &'static str {
        "Admin commands that know PRP1 and PRP2 and no list, because every page of the first \
         firmware was short."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let asks = scene.sqid.is_admin() && scene.sqe.opcode() == GetLogPage::OPCODE;
        let cmd = GetLogPage::project(scene.sqe);
        let long = cmd.prp1.0 % 4096 + cmd.bytes().0 > 2 * 4096;
        let wrong = asks && long && check == Check::Lid;
        found.or(wrong.then_some(Status::INVALID_FIELD_IN_COMMAND))
    }
}
