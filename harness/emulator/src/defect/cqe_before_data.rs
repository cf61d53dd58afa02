//! The completion of a Read is posted before its data is written.

use crate::seam::{Defect, Scene, Transfer};

pub(super) struct CqeBeforeData;

impl Defect for CqeBeforeData {
    fn name(&self) -> &'static str {
        "cqe-before-data"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["dma.none-after-completion", "data.last-written", "data.unwritten"]
    }

    fn story(&self) -> &'static str {
        "Data and completion on paths of their own without an order between them."
    }

    fn on_dma(&self, scene: &mut Scene, transfer: &mut Transfer) {
        transfer.late = transfer.to_host && !scene.sqid.is_admin();
    }
}
