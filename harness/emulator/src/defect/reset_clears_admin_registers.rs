//! A Controller Reset clears AQA, ASQ and ACQ.

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct ResetClearsAdminRegisters;

impl Defect for ResetClearsAdminRegisters {
    fn name(&self) -> &'static str {
        "reset-clears-admin-registers"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["reset.admin-queue-kept", "reset.admin-queue-registers"]
    }

    fn story(&self) -> &'static str {
        "One reset routine for all kinds of reset."
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.clears_admin_registers = true;
    }
}
