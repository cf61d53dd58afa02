//! I/O Command Set specific Identify Namespace (CNS 05h). NVM-1.0 §4.1.5.3, figure 100.

use spec::identify::NvmIdentifyNamespace;
use spec::{Cns, Nsid};

use super::StructureDef;
use crate::run::{Refusal, Run};

pub(super) const DEFINITION: StructureDef = StructureDef {
    cns: Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE,
    since: (2, 0),
    uses_nsid: true,
    uses_csi: true,
    make,
};

/// Without protection information, and with nothing to recommend, an active namespace looks like an
/// inactive one: all zeroes.
fn make(run: &mut Run, nsid: Nsid) -> Result<[u8; 4096], Refusal> {
    run.namespace_to_identify(nsid)?;
    Ok(NvmIdentifyNamespace::zeroed().0)
}
