//! Identify Namespace (CNS 00h). NVM-1.0 §4.1.5.1, figure 97.

use spec::identify::{IdentifyNamespace, LbaFormat};
use spec::{Cns, Nsid};

use super::StructureDef;
use crate::run::{Refusal, Run};

pub(super) const DEFINITION: StructureDef = StructureDef {
    cns: Cns::IDENTIFY_NAMESPACE,
    since: (1, 0),
    uses_nsid: true,
    uses_csi: false,
    make,
};

/// An inactive namespace is all zeroes; without namespace management FFFFFFFFh is refused.
fn make(run: &mut Run, nsid: Nsid) -> Result<[u8; 4096], Refusal> {
    let Some(namespace) = run.namespace_to_identify(nsid)? else { return Ok([0; 4096]) };
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
        .nguid(namespace.nguid)
        .eui64(namespace.eui64)
        .lbaf(lbaf);
    Ok(structure.0)
}
