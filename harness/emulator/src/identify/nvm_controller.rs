//! I/O Command Set specific Identify Controller (CNS 06h). NVM-1.0 §4.1.5.4, figure 102.

use spec::identify::NvmIdentifyController;
use spec::{Cns, Nsid};

use super::StructureDef;
use crate::run::{Refusal, Run};

/// NSID is not used by the base specification's table; that of NVM-1.0 (figure 96) says otherwise.
pub(super) const DEFINITION: StructureDef = StructureDef {
    cns: Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_CONTROLLER,
    since: (2, 0),
    uses_nsid: false,
    uses_csi: true,
    make,
};

/// Limits of 0 say, together with ONCS, that Verify, Write Zeroes, Write Uncorrectable and Dataset
/// Management are not supported.
fn make(_: &mut Run, _: Nsid) -> Result<[u8; 4096], Refusal> {
    Ok(NvmIdentifyController::zeroed().0)
}
