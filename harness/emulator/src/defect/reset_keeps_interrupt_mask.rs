//! A reset leaves INTMS and INTMC as they are.

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct ResetKeepsInterruptMask;

impl Defect for ResetKeepsInterruptMask {
    fn name(&self) -> &'static str {
        "reset-keeps-interrupt-mask"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["reset.interrupt-mask"]
    }

    fn story(&self) -> &'static str {
        "The mask lives in the interrupt block, which the reset does not reach."
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.clears_intm = false;
    }
}
