//! A log page that is read from an offset on is another one than the whole.

use spec::command::{Command, GetLogPage};

use crate::seam::{Defect, Scene};

pub(super) struct PagePartsDiffer;

impl Defect for PagePartsDiffer {
    fn name(&self) -> &'static str {
        "page-parts-differ"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["get-log-page.offset-part"]
    }

    fn story(&self) -> &'static str {
        "The offset taken in bytes for one half of the transfer and in dwords for the other."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let asked = scene.sqid.is_admin()
            && scene.sqe.opcode() == GetLogPage::OPCODE
            && GetLogPage::project(scene.sqe).lpo != 0;
        if asked && let Some(first) = data.first_mut() {
            *first ^= 0x5a;
        }
    }
}
