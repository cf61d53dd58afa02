//! A queue that is not contiguous is created although CAP.CQR is 1.

use spec::Status;

use crate::config::Config;
use crate::seam::{Check, Defect, Scene};

pub(super) struct NonContiguousWithCqr;

impl Defect for NonContiguousWithCqr {
    fn name(&self) -> &'static str {
        "non-contiguous-with-cqr"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["create-io-cq.pc-with-cqr", "create-io-sq.pc-with-cqr"]
    }

    fn story(&self) -> &'static str {
        "CAP.CQR set because the list of pages is not read, and PC not looked at."
    }

    fn configure(&self, config: &mut Config) {
        config.cqr = true;
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::Contiguous)
    }
}
