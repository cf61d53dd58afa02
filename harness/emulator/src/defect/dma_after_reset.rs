//! Commands in flight at a reset run after CSTS.RDY fell.

use crate::config::Config;
use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct DmaAfterReset;

impl Defect for DmaAfterReset {
    fn name(&self) -> &'static str {
        "dma-after-reset"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["dma.none-after-reset"]
    }

    fn story(&self) -> &'static str {
        "Reset handling that does not wait for the data path: memory corruption in the \
         next kernel after kexec."
    }

    fn configure(&self, config: &mut Config) {
        config.io_latency_ns = config.io_latency_ns.max(50_000);
    }

    fn on_reset(&self, _: &mut Scene, work: &mut ResetWork) {
        work.lets_commands_run = true;
    }
}
