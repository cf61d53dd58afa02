//! Asynchronous Event Configuration (0Bh). Base-2.3 §5.2.26.1.5.
//!
//! No notice is supported (OAES = 0): their bits are kept, and no such event is ever sent.

use spec::feature::{AsynchronousEventConfiguration, SupportedCapabilities};
use spec::{Fid, Status};

use super::{FeatureDef, Select, of_controller};
use crate::config::Config;
use crate::run::{Outcome, Run};
use crate::seam::Check;

/// Bits 26:22.
const RESERVED: u32 = 0x07c0_0000;

pub(super) const DEFINITION: FeatureDef =
    FeatureDef { fid: Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, capabilities, set, get };

fn capabilities(config: &Config) -> SupportedCapabilities {
    of_controller(config, Fid::ASYNCHRONOUS_EVENT_CONFIGURATION)
}

fn set(run: &mut Run, cdw11: u32, save: bool) -> Outcome {
    // There are no endurance groups.
    let groups = AsynchronousEventConfiguration::from_bits(cdw11).egealcn();
    let impossible = groups && run.config.from(1, 4);
    run.refuse_if(Check::FeatureValue, impossible, Status::INVALID_FIELD_IN_COMMAND)?;
    let value = AsynchronousEventConfiguration::from_bits(cdw11 & !RESERVED);
    run.controller.features.asynchronous_event_configuration.set(value.into_bits(), save);
    run.review_health();
    run.success()
}

fn get(run: &mut Run, select: Select) -> Outcome {
    let value = run.controller.features.asynchronous_event_configuration.value(select);
    run.success_with(value)
}
