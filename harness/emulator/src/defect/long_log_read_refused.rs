//! A read of the error log that is longer than the page is refused.

use spec::command::{Command, GetLogPage};
use spec::{Lid, Status};

use super::reads_page;
use crate::config::Config;
use crate::seam::{Check, Defect, Scene};

/// The entries of the error log.
const ENTRIES: u64 = 64;

pub(super) struct LongLogReadRefused;

impl Defect for LongLogReadRefused {
    fn name(&self) -> &'static str {
        "long-log-read-refused"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["get-log-page.long-read", "get-log-page.mandatory"]
    }

    fn story(&self) -> &'static str {
        "Get Log Page that wants exactly the size of the page; tools that ask for the newest \
         entries only, or for a round number, are refused."
    }

    fn configure(&self, config: &mut Config) {
        config.elpe_z = (ENTRIES - 1) as u8;
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let asks = reads_page(scene, Lid::ERROR_INFORMATION);
        let long = GetLogPage::project(scene.sqe).bytes().0 > 64 * ENTRIES;
        let wrong = asks && long && check == Check::Lid;
        found.or(wrong.then_some(Status::INVALID_FIELD_IN_COMMAND))
    }
}
