//! CSTS.SHST still says that a shutdown is complete after the reset that ends it.

use spec::register::{CC, CSTS, Cc, Csts};

use crate::seam::{Defect, ResetWork, Scene};

/// Bits of the notes of a controller.
const SEEN: u64 = 1;
const KEPT: u64 = 2;

pub(super) struct ShutdownStatusKept;

impl Defect for ShutdownStatusKept {
    fn name(&self) -> &'static str {
        "shutdown-status-kept"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["shutdown.reset-clears-shst"]
    }

    fn story(&self) -> &'static str {
        "The status cleared by the next enable, and not by the reset before it."
    }

    fn on_reg_read(&self, scene: &mut Scene, offset: u32, value: u32) -> u32 {
        if offset != CSTS {
            return value;
        }
        let notes = &mut scene.notes[scene.ctrl % 8];
        let csts = Csts::from_bits(value);
        if csts.shst() == 2 {
            *notes |= SEEN;
        }
        if *notes & KEPT != 0 { csts.with_shst(2).into_bits() } else { value }
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        let notes = &mut scene.notes[scene.ctrl % 8];
        *notes = if *notes & SEEN != 0 { KEPT } else { 0 };
    }

    fn on_reg_write(&self, scene: &mut Scene, offset: u32, value: u32) -> Option<u32> {
        if offset == CC && Cc::from_bits(value).en() {
            scene.notes[scene.ctrl % 8] = 0;
        }
        Some(value)
    }
}
