//! Get Features. Base-2.3 §5.2.11, figures 195 to 198.

use spec::Status;
use spec::command::{Command, GetFeatures};

use crate::feature::{self, Select};
use crate::run::{Outcome, Run};
use crate::seam::Check;

/// For a feature of controller scope a valid NSID returns the controller's value.
pub(super) fn execute(run: &mut Run) -> Outcome {
    let cmd = GetFeatures::project(&run.sqe);
    let found = feature::find(cmd.fid);
    run.refuse_if(Check::Fid, found.is_none(), Status::INVALID_FIELD_IN_COMMAND)?;
    run.refuse_if(Check::Select, cmd.sel > 3, Status::INVALID_FIELD_IN_COMMAND)?;
    let Some(feature) = found else { return run.success() };
    match cmd.sel {
        0 => (feature.get)(run, Select::Current),
        1 => (feature.get)(run, Select::Default),
        2 => (feature.get)(run, Select::Saved),
        _ => {
            // Refused like the values where the feature is not there.
            (feature.get)(run, Select::Default)?;
            run.success_with((feature.capabilities)(run.config).into_bits())
        }
    }
}
