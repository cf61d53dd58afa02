//! Messages go out on the next vector.

use crate::seam::{Defect, Irq, Scene};

pub(super) struct WrongVector;

impl Defect for WrongVector {
    fn name(&self) -> &'static str {
        "wrong-vector"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["interrupt.unused-vector", "interrupt.signalled"]
    }

    fn story(&self) -> &'static str {
        "Vectors counted from 1; seen with hosts that use a vector for each queue."
    }

    fn on_irq(&self, _: &mut Scene, irq: &mut Irq) {
        irq.vector = irq.vector.wrapping_add(1);
    }
}
