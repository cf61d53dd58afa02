//! Power Management (02h). Base-2.3 §5.2.26.1.2.
//!
//! There is one power state (NPSS = 0).

use spec::feature::{PowerManagement, SupportedCapabilities};
use spec::{Fid, Status};

use super::{FeatureDef, Select, of_controller};
use crate::config::Config;
use crate::run::{Outcome, Run};
use crate::seam::Check;

/// The last Workload Hint that is not reserved. Base-2.3 figure 674.
const HEAVY_SEQUENTIAL_WRITES: u8 = 2;

pub(super) const DEFINITION: FeatureDef =
    FeatureDef { fid: Fid::POWER_MANAGEMENT, capabilities, set, get };

fn capabilities(config: &Config) -> SupportedCapabilities {
    of_controller(config, Fid::POWER_MANAGEMENT)
}

fn set(run: &mut Run, cdw11: u32, save: bool) -> Outcome {
    let asked = PowerManagement::from_bits(cdw11);
    let impossible = asked.ps() != 0 || asked.wh() > HEAVY_SEQUENTIAL_WRITES;
    run.refuse_if(Check::FeatureValue, impossible, Status::INVALID_FIELD_IN_COMMAND)?;
    let value = PowerManagement::new().with_ps(asked.ps()).with_wh(asked.wh());
    run.controller.features.power_management.set(value.into_bits(), save);
    run.success()
}

fn get(run: &mut Run, select: Select) -> Outcome {
    let value = run.controller.features.power_management.value(select);
    run.success_with(value)
}
