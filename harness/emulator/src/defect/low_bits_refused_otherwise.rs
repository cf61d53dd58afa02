//! Bits 1:0 of a PRP entry are refused with Invalid Field in Command.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct LowBitsRefusedOtherwise;

impl Defect for LowBitsRefusedOtherwise {
    fn name(&self) -> &'static str {
        "low-bits-refused-otherwise"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["prp.low-bits"]
    }

    fn story(&self) -> &'static str {
        "One check of all reserved bits before the pointers are looked at, with the status of reserved bits."
    }

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let low = check == Check::PrpOffset && scene.sqe.prp1().0 & 3 != 0;
        found.map(|status| if low { Status::INVALID_FIELD_IN_COMMAND } else { status })
    }
}
