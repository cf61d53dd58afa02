//! Identify structures: one file each (CNS). Base-2.3 figure 326.

mod active_namespace_id_list;
mod controller;
mod namespace;

use spec::{Cns, Nsid};

use crate::run::{Refusal, Run};

/// A structure that Identify returns.
pub struct StructureDef {
    /// What asks for it.
    pub cns: Cns,
    /// Whether NSID has a use.
    pub uses_nsid: bool,
    /// Makes it.
    pub make: fn(&mut Run, Nsid) -> Result<[u8; 4096], Refusal>,
}

/// The structures.
pub const TABLE: &[StructureDef] =
    &[namespace::DEFINITION, controller::DEFINITION, active_namespace_id_list::DEFINITION];

/// The structure of a CNS value.
pub fn find(cns: Cns) -> Option<&'static StructureDef> {
    TABLE.iter().find(|structure| structure.cns == cns)
}
