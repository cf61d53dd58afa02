//! I/O Command Set Independent Identify Namespace (CNS 08h). Base-2.3 §5.2.13.2.8, figure 335.

use spec::identify::IndependentIdentifyNamespace;
use spec::{Cns, Nsid};

use super::StructureDef;
use crate::run::{Refusal, Run};

pub(super) const DEFINITION: StructureDef = StructureDef {
    cns: Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE,
    since: (2, 0),
    uses_nsid: true,
    uses_csi: false,
    make,
};

/// NSTAT: the namespace is ready (NRDY).
const READY: u8 = 1;

/// An inactive namespace is all zeroes.
fn make(run: &mut Run, nsid: Nsid) -> Result<[u8; 4096], Refusal> {
    let mut structure = IndependentIdentifyNamespace::zeroed();
    if let Some(namespace) = run.namespace_to_identify(nsid)? {
        let shared = namespace.attached.count_ones() > 1;
        structure.set().nmic(u8::from(shared)).nstat(READY);
    }
    Ok(structure.0)
}
