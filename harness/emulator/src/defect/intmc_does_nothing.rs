//! Writes to INTMC are lost.

use spec::register::INTMC;

use crate::seam::{Defect, Scene};

pub(super) struct IntmcDoesNothing;

impl Defect for IntmcDoesNothing {
    fn name(&self) -> &'static str {
        "intmc-does-nothing"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["register.intmc"]
    }

    fn story(&self) -> &'static str {
        "Masking was tested and unmasking was not."
    }

    fn on_reg_write(&self, _: &mut Scene, offset: u32, value: u32) -> Option<u32> {
        (offset != INTMC).then_some(value)
    }
}
