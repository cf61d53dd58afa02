//! An entry of the error log is another one each time that it is read.

use spec::Lid;
use spec::log_page::ErrorInformation;

use super::reads_page;
use crate::seam::{Defect, Scene};

pub(super) struct ErrorEntriesChange;

impl Defect for ErrorEntriesChange {
    fn name(&self) -> &'static str {
        "error-entries-change"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["error-log.unique"]
    }

    fn story(&self) -> &'static str {
        "The transport's part of an entry filled in when the page is read, from what is there then."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        if !reads_page(scene, Lid::ERROR_INFORMATION) {
            return;
        }
        scene.notes[0] += 1;
        for entry in data.as_chunks_mut::<64>().0 {
            let mut entry = ErrorInformation(entry);
            if entry.ecnt() != 0 {
                entry.set().csinfo(scene.notes[0]);
            }
        }
    }
}
