//! Active Namespace ID List (CNS 02h). Base-2.3 §5.2.13.2.3.

use spec::identify::NamespaceList;
use spec::{Cns, Nsid, Status};

use super::StructureDef;
use crate::run::{Refusal, Run};
use crate::seam::Check;

pub(super) const DEFINITION: StructureDef = StructureDef {
    cns: Cns::ACTIVE_NAMESPACE_ID_LIST,
    since: (1, 1),
    uses_nsid: true,
    uses_csi: false,
    make,
};

/// The identifiers above NSID, rising. FFFFFFFEh and FFFFFFFFh are refused.
pub(super) fn make(run: &mut Run, nsid: Nsid) -> Result<[u8; 4096], Refusal> {
    let invalid = nsid.0 >= Nsid::BROADCAST.0 - 1;
    run.refuse_if(Check::NsidValid, invalid, Status::INVALID_NAMESPACE_OR_FORMAT)?;
    let ctrl = run.controller.index;
    let attached = run.media.iter().filter(|ns| ns.is_attached_to(ctrl) && ns.nsid > nsid.0);
    Ok(NamespaceList::of(attached.map(|ns| Nsid(ns.nsid))).0)
}
