//! MSI-X messages are sent although their vector is masked.

use crate::seam::{Defect, Irq, Scene};

pub(super) struct MsixWhileMasked;

impl Defect for MsixWhileMasked {
    fn name(&self) -> &'static str {
        "msix-while-masked"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["interrupt.masked-pending"]
    }

    fn story(&self) -> &'static str {
        "A model that sends a message per completion and leaves masks to nobody."
    }

    fn on_irq(&self, _: &mut Scene, irq: &mut Irq) {
        irq.ignore_masks = true;
    }
}
