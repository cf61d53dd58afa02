//! Interrupt Vector Configuration (09h). Base-2.3 §5.2.26.2.3.

use spec::command::{Command, GetFeatures};
use spec::feature::{InterruptVectorConfiguration, SupportedCapabilities};
use spec::{Fid, Status};

use super::{FeatureDef, Select};
use crate::config::Config;
use crate::run::{Outcome, Run};
use crate::seam::Check;

pub(super) const DEFINITION: FeatureDef =
    FeatureDef { fid: Fid::INTERRUPT_VECTOR_CONFIGURATION, capabilities, set, get };

fn capabilities(_: &Config) -> SupportedCapabilities {
    SupportedCapabilities::new().with_changeable(true)
}

/// The vector has to be that of an I/O Completion Queue.
fn set(run: &mut Run, cdw11: u32, _save: bool) -> Outcome {
    let asked = InterruptVectorConfiguration::from_bits(cdw11);
    let mut io_cqs = run.controller.cqs.iter().skip(1).flatten();
    let unused = !io_cqs.any(|cq| cq.iv == asked.iv());
    run.refuse_if(Check::FeatureValue, unused, Status::INVALID_FIELD_IN_COMMAND)?;
    if let Some(cd) = run.controller.features.interrupt_vectors.get_mut(usize::from(asked.iv())) {
        *cd = asked.cd();
    }
    run.success()
}

/// The vector has to be there; whether a queue uses it makes no difference.
fn get(run: &mut Run, select: Select) -> Outcome {
    let iv = InterruptVectorConfiguration::from_bits(GetFeatures::project(&run.sqe).cdw11).iv();
    let found = run.controller.features.interrupt_vectors.get(usize::from(iv)).copied();
    run.refuse_if(Check::FeatureValue, found.is_none(), Status::INVALID_FIELD_IN_COMMAND)?;
    let cd = select == Select::Current && found.unwrap_or(false);
    run.success_with(InterruptVectorConfiguration::new().with_iv(iv).with_cd(cd).into_bits())
}
