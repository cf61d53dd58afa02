//! Identify. Base-2.3 §5.2.13, figures 322 to 326.

use spec::Status;
use spec::command::{Command, Identify};
use spec::identify::csi;

use crate::identify;
use crate::run::{Outcome, Run};
use crate::seam::Check;

pub(super) fn execute(run: &mut Run) -> Outcome {
    let cmd = Identify::project(&run.sqe);
    let found = identify::find(cmd.cns, run.config);
    run.refuse_if(Check::Cns, found.is_none(), Status::INVALID_FIELD_IN_COMMAND)?;
    let Some(structure) = found else { return run.success() };
    if !structure.uses_nsid {
        run.check_nsid_unused()?;
    }
    let foreign = structure.uses_csi && cmd.csi != csi::NVM;
    run.refuse_if(Check::Csi, foreign, Status::INVALID_FIELD_IN_COMMAND)?;
    run.check_mdts(4096)?;
    let mut data = (structure.make)(run, cmd.nsid)?;
    run.return_structure(&mut data, 4096)
}
