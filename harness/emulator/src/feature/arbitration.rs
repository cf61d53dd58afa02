//! Arbitration (01h). Base-2.3 §5.2.26.1.1, §3.4.4.
//!
//! The weights are kept and change nothing: weighted round robin is not supported (CAP.AMS).

use spec::Fid;
use spec::feature::{Arbitration, SupportedCapabilities};

use super::{FeatureDef, Select, of_controller};
use crate::config::Config;
use crate::run::{Outcome, Run};

/// AB = 111b, no limit: then the policy alone says how many commands a turn has.
pub(super) const DEFAULT: u32 = 7;
/// Bits 7:3.
const RESERVED: u32 = 0xf8;

pub(super) const DEFINITION: FeatureDef =
    FeatureDef { fid: Fid::ARBITRATION, capabilities, set, get };

fn capabilities(config: &Config) -> SupportedCapabilities {
    of_controller(config, Fid::ARBITRATION)
}

fn set(run: &mut Run, cdw11: u32, save: bool) -> Outcome {
    let value = Arbitration::from_bits(cdw11 & !RESERVED);
    run.controller.features.arbitration.set(value.into_bits(), save);
    // The turn at hand is no longer than a new one.
    let burst = run.controller.burst(run.config);
    run.controller.turn = run.controller.turn.min(burst);
    run.success()
}

fn get(run: &mut Run, select: Select) -> Outcome {
    let value = run.controller.features.arbitration.value(select);
    run.success_with(value)
}
