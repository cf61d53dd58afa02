//! Identify Namespace (CNS 00h). NVM-1.0 §4.1.5.1, figure 97.

use spec::identify::{IdentifyNamespace, LbaFormat};
use spec::{Cns, Nsid, Status};

use super::StructureDef;
use crate::run::{Refusal, Run};
use crate::seam::Check;

pub(super) const DEFINITION: StructureDef =
    StructureDef { cns: Cns::IDENTIFY_NAMESPACE, uses_nsid: true, make };

/// An inactive namespace is all zeroes; without namespace management FFFFFFFFh is refused.
fn make(run: &mut Run, nsid: Nsid) -> Result<[u8; 4096], Refusal> {
    let invalid = nsid.0 == 0 || nsid.0 > run.media.nn;
    run.refuse_if(Check::NsidValid, invalid, Status::INVALID_NAMESPACE_OR_FORMAT)?;
    let ctrl = run.controller.index;
    let found = run.media.get(nsid.0).filter(|ns| ns.is_attached_to(ctrl));
    let Some(namespace) = found else { return Ok([0; 4096]) };
    let mut lbaf = [LbaFormat::new(); 64];
    lbaf[0] = LbaFormat::new().with_lbads(namespace.block_shift as u8);
    let shared = namespace.attached.count_ones() > 1;
    let mut structure = IdentifyNamespace::zeroed();
    structure
        .set()
        .nsze(namespace.blocks)
        .ncap(namespace.blocks)
        .nuse(namespace.blocks)
        .nmic(u8::from(shared))
        .nvmcap(u128::from(namespace.blocks) << namespace.block_shift)
        .lbaf(lbaf);
    Ok(structure.0)
}
