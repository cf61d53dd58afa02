//! After a shutdown nothing but a reset of the function starts the controller again.

use log::ResetKind;
use spec::register::{CC, CSTS, Cc, Csts};

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct ShutdownForGood;

impl Defect for ShutdownForGood {
    fn name(&self) -> &'static str {
        "shutdown-for-good"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["shutdown.restart", "ready.rises-in-time"]
    }

    fn story(&self) -> &'static str {
        "Shutdown taken for the end: the hosts at hand switch the power off next."
    }

    fn on_reg_read(&self, scene: &mut Scene, offset: u32, value: u32) -> u32 {
        if offset == CSTS && Csts::from_bits(value).shst() == 2 {
            scene.notes[scene.ctrl % 8] = 1;
        }
        value
    }

    fn on_reg_write(&self, scene: &mut Scene, offset: u32, value: u32) -> Option<u32> {
        let over = offset == CC && scene.notes[scene.ctrl % 8] != 0;
        Some(if over { Cc::from_bits(value).with_en(false).into_bits() } else { value })
    }

    fn on_reset(&self, scene: &mut Scene, work: &mut ResetWork) {
        if work.kind != ResetKind::Controller {
            scene.notes[scene.ctrl % 8] = 0;
        }
    }
}
