//! I/O Command Set specific Active Namespace ID List (CNS 07h). Base-2.3 §5.2.13.2.7.

use spec::Cns;

use super::{StructureDef, active_namespace_id_list};

/// There is one command set, so the list is that of CNS 02h.
pub(super) const DEFINITION: StructureDef = StructureDef {
    cns: Cns::IO_COMMAND_SET_SPECIFIC_ACTIVE_NAMESPACE_ID_LIST,
    since: (2, 0),
    uses_nsid: true,
    uses_csi: true,
    make: active_namespace_id_list::make,
};
