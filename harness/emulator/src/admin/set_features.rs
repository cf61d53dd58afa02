//! Set Features. Base-2.3 §5.2.26, figures 400 to 404.

use spec::command::{Command, SetFeatures};
use spec::{Nsid, Status};

use crate::feature;
use crate::run::{Outcome, Run};
use crate::seam::Check;

/// For a feature of controller scope NSID 0h and FFFFFFFFh both mean the controller; one of namespace
/// scope looks at NSID itself. Base-2.3 §4.4.
pub(super) fn execute(run: &mut Run) -> Outcome {
    let cmd = SetFeatures::project(&run.sqe);
    let found = feature::find(cmd.fid);
    run.refuse_if(Check::Fid, found.is_none(), Status::INVALID_FIELD_IN_COMMAND)?;
    let Some(feature) = found else { return run.success() };
    let capabilities = (feature.capabilities)(run.config);
    let saveable = capabilities.saveable();
    let status = Status::FEATURE_IDENTIFIER_NOT_SAVEABLE;
    run.refuse_if(Check::Saveable, cmd.sv && !saveable, status)?;
    if !capabilities.namespace_specific() {
        let scoped = cmd.nsid.0 != 0 && cmd.nsid != Nsid::BROADCAST;
        let status = Status::FEATURE_NOT_NAMESPACE_SPECIFIC;
        run.refuse_if(Check::FeatureScope, scoped, status)?;
    }
    (feature.set)(run, cmd.cdw11, cmd.sv)
}
