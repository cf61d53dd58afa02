//! The recovery of a temperature is told with every crossing of its threshold, enabled or not.

use spec::command::{AsyncEventRequest, Command};
use spec::event::{AsyncEvent, TEMPERATURE_THRESHOLD, TEMPERATURE_THRESHOLD_HYSTERESIS_RECOVERY};

use crate::seam::{Bound, Defect, Posting, Scene};

/// The critical warning of temperatures.
const TEMPERATURE: u64 = 1 << 1;
/// The note that holds whether the host wants to hear of temperatures.
const WANTED: usize = 0;

pub(super) struct RecoveryUnasked;

impl Defect for RecoveryUnasked {
    fn name(&self) -> &'static str {
        "recovery-unasked"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["async-event.optional-disabled"]
    }

    fn story(&self) -> &'static str {
        "A notice that came with 2.1, sent through the path of the older events: the bit that enables it is \
         never asked for."
    }

    fn on_bound(&self, scene: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound != Bound::EnabledWarnings {
            return value;
        }
        scene.notes[WANTED] = value & TEMPERATURE;
        value | TEMPERATURE
    }

    fn on_cqe(&self, scene: &mut Scene, posting: &mut Posting) {
        let event = AsyncEvent::from_bits(posting.cqe.dw0());
        let request = scene.sqid.is_admin() && scene.sqe.opcode() == AsyncEventRequest::OPCODE;
        let crossed = request
            && posting.cqe.status().is_success()
            && event.def() == Some(&TEMPERATURE_THRESHOLD);
        if crossed && scene.notes[WANTED] == 0 {
            posting.cqe.dw[0] = TEMPERATURE_THRESHOLD_HYSTERESIS_RECOVERY.dword0().into_bits();
        }
    }
}
