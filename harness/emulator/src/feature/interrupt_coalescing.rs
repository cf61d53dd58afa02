//! Interrupt Coalescing (08h). Base-2.3 §5.2.26.2.2. What it does: `work.rs`.

use spec::Fid;
use spec::feature::{InterruptCoalescing, SupportedCapabilities};

use super::{FeatureDef, Select, of_controller};
use crate::config::Config;
use crate::run::{Outcome, Run};

pub(super) const DEFINITION: FeatureDef =
    FeatureDef { fid: Fid::INTERRUPT_COALESCING, capabilities, set, get };

fn capabilities(config: &Config) -> SupportedCapabilities {
    of_controller(config, Fid::INTERRUPT_COALESCING)
}

fn set(run: &mut Run, cdw11: u32, save: bool) -> Outcome {
    let value = InterruptCoalescing::from_bits(cdw11 & 0xffff);
    run.controller.features.interrupt_coalescing.set(value.into_bits(), save);
    run.success()
}

fn get(run: &mut Run, select: Select) -> Outcome {
    let value = run.controller.features.interrupt_coalescing.value(select);
    run.success_with(value)
}
