//! Error Recovery (05h), of each namespace. NVM-1.0 §4.1.3.2.
//!
//! Nothing is ever recovered here, so a time limit changes nothing.

use spec::command::{Command, GetFeatures, SetFeatures};
use spec::feature::{ErrorRecovery, SupportedCapabilities};
use spec::{Fid, Nsid, Status};

use super::{FeatureDef, Select};
use crate::config::Config;
use crate::run::{Outcome, Run};
use crate::seam::Check;

pub(super) const DEFINITION: FeatureDef =
    FeatureDef { fid: Fid::ERROR_RECOVERY, capabilities, set, get };

fn capabilities(config: &Config) -> SupportedCapabilities {
    SupportedCapabilities::new()
        .with_changeable(true)
        .with_namespace_specific(true)
        .with_saveable(config.saves(Fid::ERROR_RECOVERY))
}

/// FFFFFFFFh means every namespace that is attached.
fn set(run: &mut Run, cdw11: u32, save: bool) -> Outcome {
    let nsid = SetFeatures::project(&run.sqe).nsid;
    let all = nsid == Nsid::BROADCAST;
    let one = if all { 0 } else { run.check_namespace(nsid)? };
    let value = ErrorRecovery::from_bits(cdw11 & 0x1_ffff);
    // NSFEAT bit 2 is clear: no namespace has the error that DULBE enables.
    run.refuse_if(Check::FeatureValue, value.dulbe(), Status::INVALID_FIELD_IN_COMMAND)?;
    let ctrl = run.controller.index;
    let attached = run.media.iter_mut().filter(|namespace| namespace.is_attached_to(ctrl));
    for namespace in attached.filter(|namespace| all || namespace.nsid == one) {
        namespace.error_recovery.set(value.into_bits(), save);
    }
    run.success()
}

fn get(run: &mut Run, select: Select) -> Outcome {
    let nsid = GetFeatures::project(&run.sqe).nsid;
    let all = nsid == Nsid::BROADCAST;
    run.refuse_if(Check::NsidBroadcast, all, Status::INVALID_NAMESPACE_OR_FORMAT)?;
    let nsid = run.check_namespace(nsid)?;
    let value = run.media.get(nsid).map_or(0, |namespace| namespace.error_recovery.value(select));
    run.success_with(value)
}
