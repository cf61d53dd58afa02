//! CSTS.RDY stays 1 after CC.EN was cleared.

use spec::register::CSTS;

use crate::seam::{Defect, Scene};

pub(super) struct RdyNeverFalls;

impl Defect for RdyNeverFalls {
    fn name(&self) -> &'static str {
        "rdy-never-falls"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["ready.disable", "ready.falls-in-time", "reset.rdy-clear", "reset.stops-everything"]
    }

    fn story(&self) -> &'static str {
        "Linux waits before it looks at CSTS after a disable, for controllers that hang \
         (NVME_QUIRK_DELAY_BEFORE_CHK_RDY)."
    }

    fn on_reg_read(&self, scene: &mut Scene, offset: u32, value: u32) -> u32 {
        if offset != CSTS {
            return value;
        }
        scene.notes[0] |= u64::from(value & 1);
        value | scene.notes[0] as u32
    }
}
