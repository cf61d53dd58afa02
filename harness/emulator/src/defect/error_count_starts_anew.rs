//! The error count begins at 1 again after a reset.

use spec::Lid;
use spec::log_page::ErrorInformation;

use super::reads_page;
use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct ErrorCountStartsAnew;

impl Defect for ErrorCountStartsAnew {
    fn name(&self) -> &'static str {
        "error-count-starts-anew"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["error-log.count-continues"]
    }

    fn story(&self) -> &'static str {
        "A counter in memory: tools that remember the last count they saw report nothing new."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        if !reads_page(scene, Lid::ERROR_INFORMATION) {
            return;
        }
        for entry in data.as_chunks_mut::<64>().0 {
            let mut entry = ErrorInformation(entry);
            let count = entry.ecnt();
            // The highest count shown, and the one from which it was counted anew.
            let [highest, base, ..] = &mut *scene.notes;
            *highest = (*highest).max(count);
            if count > *base {
                entry.set().ecnt(count - *base);
            }
        }
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        scene.notes[1] = scene.notes[0];
    }
}
