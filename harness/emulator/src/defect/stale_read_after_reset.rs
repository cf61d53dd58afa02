//! A Controller Reset loses what was in the volatile write cache.

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct StaleReadAfterReset;

impl Defect for StaleReadAfterReset {
    fn name(&self) -> &'static str {
        "stale-read-after-reset"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["reset.completed-results-kept", "data.last-written"]
    }

    fn story(&self) -> &'static str {
        "A reset that re-initialises the cache as power on does: data of completed writes \
         is old again."
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.loses_cache = true;
    }
}
