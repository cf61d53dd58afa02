//! The phase tag stays 1 when the queue wraps.

use crate::seam::{Defect, Posting, Scene};

pub(super) struct PhaseWrongAfterWrap;

impl Defect for PhaseWrongAfterWrap {
    fn name(&self) -> &'static str {
        "phase-wrong-after-wrap"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["cqe.phase", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "A controller that sets the phase tag once, at creation: works until the queue \
         wraps, then hangs the host."
    }

    fn on_cqe(&self, _: &mut Scene, posting: &mut Posting) {
        posting.cqe = posting.cqe.with_phase(true);
    }
}
