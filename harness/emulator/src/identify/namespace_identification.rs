//! Namespace Identification Descriptor list (CNS 03h). Base-2.3 §5.2.13.2.3, figure 331.

use spec::identify::{NamespaceIdentificationList, Nidt, csi};
use spec::{Cns, Nsid, Status};

use super::StructureDef;
use crate::run::{Refusal, Run};
use crate::seam::Check;

pub(super) const DEFINITION: StructureDef = StructureDef {
    cns: Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST,
    since: (1, 3),
    uses_nsid: true,
    uses_csi: false,
    make,
};

/// The identifiers that the namespace has, and its command set from 2.0 on. An inactive namespace is
/// refused; before 2.3 the text has no word on FFFFFFFFh.
fn make(run: &mut Run, nsid: Nsid) -> Result<[u8; 4096], Refusal> {
    let tells_csi = run.config.from(2, 0);
    let inactive = run.namespace_to_identify(nsid)?.is_none();
    run.refuse_if(Check::NsidActive, inactive, Status::INVALID_FIELD_IN_COMMAND)?;
    let Some(namespace) = run.media.get(nsid.0) else { return Ok([0; 4096]) };
    let ids = [
        (Nidt::EUI64, &namespace.eui64[..]),
        (Nidt::NGUID, &namespace.nguid[..]),
        (Nidt::UUID, &namespace.uuid[..]),
    ];
    let there = ids.into_iter().filter(|(_, nid)| nid.iter().any(|byte| *byte != 0));
    let command_set = tells_csi.then_some((Nidt::CSI, &[csi::NVM][..]));
    Ok(NamespaceIdentificationList::of(there.chain(command_set)).0)
}
