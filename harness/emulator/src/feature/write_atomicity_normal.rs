//! Write Atomicity Normal (0Ah). NVM-1.0 §4.1.3.5.
//!
//! Every Write is atomic here, whatever DN says.

use spec::Fid;
use spec::feature::{SupportedCapabilities, WriteAtomicityNormal};

use super::{FeatureDef, Select, of_controller};
use crate::config::Config;
use crate::run::{Outcome, Run};

pub(super) const DEFINITION: FeatureDef =
    FeatureDef { fid: Fid::WRITE_ATOMICITY_NORMAL, capabilities, set, get };

fn capabilities(config: &Config) -> SupportedCapabilities {
    of_controller(config, Fid::WRITE_ATOMICITY_NORMAL)
}

fn set(run: &mut Run, cdw11: u32, save: bool) -> Outcome {
    let value = WriteAtomicityNormal::from_bits(cdw11 & 1);
    run.controller.features.write_atomicity_normal.set(value.into_bits(), save);
    run.success()
}

fn get(run: &mut Run, select: Select) -> Outcome {
    let value = run.controller.features.write_atomicity_normal.value(select);
    run.success_with(value)
}
