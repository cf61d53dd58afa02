//! Identify structures: one file each (CNS). Base-2.3 figure 326.

mod active_namespace_id_list;
mod controller;
mod independent_namespace;
mod io_active_namespace_id_list;
mod namespace;
mod namespace_identification;
mod nvm_controller;
mod nvm_namespace;

use spec::{Cns, Nsid, Status};

use crate::config::Config;
use crate::media::Namespace;
use crate::run::{Refusal, Run};
use crate::seam::Check;

pub use controller::FIRMWARE_REVISION;

/// A structure that Identify returns.
pub struct StructureDef {
    /// What asks for it.
    pub cns: Cns,
    /// The revision that it came with: major, minor.
    pub since: (u16, u8),
    /// Whether NSID has a use.
    pub uses_nsid: bool,
    /// Whether CSI has a use.
    pub uses_csi: bool,
    /// Makes it.
    pub make: fn(&mut Run, Nsid) -> Result<[u8; 4096], Refusal>,
}

/// The structures.
pub const TABLE: &[StructureDef] = &[
    namespace::DEFINITION,
    controller::DEFINITION,
    active_namespace_id_list::DEFINITION,
    namespace_identification::DEFINITION,
    nvm_namespace::DEFINITION,
    nvm_controller::DEFINITION,
    io_active_namespace_id_list::DEFINITION,
    independent_namespace::DEFINITION,
];

/// The structure of a CNS value, if the controllers' revision has it.
pub fn find(cns: Cns, config: &Config) -> Option<&'static StructureDef> {
    let has = |one: &&StructureDef| one.cns == cns && config.from(one.since.0, one.since.1);
    TABLE.iter().find(has)
}

impl Run<'_> {
    /// The namespace that a structure is about: nothing if `nsid` is an inactive one. 0, what is
    /// above NN, and, without namespace management, FFFFFFFFh are refused.
    fn namespace_to_identify(&mut self, nsid: Nsid) -> Result<Option<&Namespace>, Refusal> {
        let invalid = nsid.0 == 0 || nsid.0 > self.media.nn;
        self.refuse_if(Check::NsidValid, invalid, Status::INVALID_NAMESPACE_OR_FORMAT)?;
        let ctrl = self.controller.index;
        Ok(self.media.get(nsid.0).filter(|ns| ns.is_attached_to(ctrl)))
    }
}
