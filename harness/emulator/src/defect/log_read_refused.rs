//! A read of the error log that is shorter, or longer, than the page is refused.

use std::cmp::Ordering;

use spec::command::{Command, GetLogPage};
use spec::{Lid, Status};

use super::reads_page;
use crate::config::Config;
use crate::seam::{Check, Defect, Scene};

/// The entries of the error log.
const ENTRIES: u64 = 64;

/// Which reads are refused.
pub(super) enum LogReadRefused {
    Short,
    Long,
}

impl Defect for LogReadRefused {
    fn name(&self) -> &'static str {
        match self {
            Self::Short => "short-log-read-refused",
            Self::Long => "long-log-read-refused",
        }
    }

    fn breaks(&self) -> &'static [&'static str] {
        match self {
            Self::Short => &["get-log-page.short-read", "get-log-page.mandatory"],
            Self::Long => &["get-log-page.long-read", "get-log-page.mandatory"],
        }
    }

    fn story(&self) -> &'static str {
        "Get Log Page that wants exactly the size of the page; tools that ask for the newest \
         entries only, or for a round number, are refused."
    }

    fn configure(&self, config: &mut Config) {
        config.elpe_z = (ENTRIES - 1) as u8;
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let refused = match self {
            Self::Short => Ordering::Less,
            Self::Long => Ordering::Greater,
        };
        let asks = reads_page(scene, Lid::ERROR_INFORMATION);
        let length = GetLogPage::project(scene.sqe).bytes().0.cmp(&(64 * ENTRIES));
        let wrong = asks && length == refused && check == Check::Lid;
        found.or(wrong.then_some(Status::INVALID_FIELD_IN_COMMAND))
    }
}
