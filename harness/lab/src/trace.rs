//! What a trace file says about itself, in JSON: who, how, by which profile.

use dut::{Capabilities, Identity};
use serde_json::{Value, json};

/// The payload of the origin record: the DUT and what its transport can do.
pub(crate) fn origin_json(identity: &Identity, caps: &Capabilities) -> String {
    json!({
        "dut": { "kind": identity.kind, "description": identity.description },
        "capabilities": capabilities_json(caps),
    })
    .to_string()
}

fn capabilities_json(caps: &Capabilities) -> Value {
    let resets: Vec<String> = caps.resets.iter().map(|kind| format!("{kind:?}")).collect();
    json!({
        "clock": format!("{:?}", caps.clock),
        "controllers": caps.controllers,
        "resets": resets,
        "irq": format!("{:?}", caps.irq),
        "msix_vectors": caps.msix_vectors,
        "msix_table": caps.msix_table,
        "dma": format!("{:?}", caps.dma),
        "read_flushes_dma": caps.read_flushes_dma,
        "wide_access": caps.wide_access,
    })
}
