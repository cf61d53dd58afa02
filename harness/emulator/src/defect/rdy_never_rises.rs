//! CSTS.RDY reads 0 for ever.

use spec::register::CSTS;

use crate::seam::{Defect, Scene};

pub(super) struct RdyNeverRises;

impl Defect for RdyNeverRises {
    fn name(&self) -> &'static str {
        "rdy-never-rises"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["ready.enable", "ready.rises-in-time", "ready.accepts-admin"]
    }

    fn story(&self) -> &'static str {
        "Firmware that waits for media which never comes; the host gives up after CAP.TO."
    }

    fn on_reg_read(&self, _: &mut Scene, offset: u32, value: u32) -> u32 {
        if offset == CSTS { value & !1 } else { value }
    }
}
