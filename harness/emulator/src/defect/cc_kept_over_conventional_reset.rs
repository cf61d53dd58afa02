//! CC still has the entry sizes of the last host after a conventional reset or a loss of power.

use log::ResetKind;
use spec::register::{CC, Cc};

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct CcKeptOverConventionalReset;

impl Defect for CcKeptOverConventionalReset {
    fn name(&self) -> &'static str {
        "cc-kept-over-conventional-reset"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["reset.conventional", "power.rdy-clear"]
    }

    fn story(&self) -> &'static str {
        "A reset that clears CC.EN, since the controller stops by that, and leaves the register."
    }

    fn on_reset(&self, scene: &mut Scene, work: &mut ResetWork) {
        let bare = matches!(work.kind, ResetKind::Conventional | ResetKind::PowerCycle);
        scene.notes[scene.ctrl % 8] = u64::from(bare);
    }

    fn on_reg_write(&self, scene: &mut Scene, offset: u32, value: u32) -> Option<u32> {
        if offset == CC {
            scene.notes[scene.ctrl % 8] = 0;
        }
        Some(value)
    }

    fn on_reg_read(&self, scene: &mut Scene, offset: u32, value: u32) -> u32 {
        let kept = offset == CC && scene.notes[scene.ctrl % 8] != 0;
        if kept { Cc::from_bits(value).with_iosqes(6).with_iocqes(4).into_bits() } else { value }
    }
}
