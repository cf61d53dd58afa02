//! Asynchronous Event Configuration (FID 0Bh). Base-2.3 §5.2.26.1.5.

use spec::event::{self, AsyncEvent, EventDef};
use spec::feature::AsynchronousEventConfiguration;
use spec::requirement::{event_configuration, reset};

use super::value::{Value, accept_get, accept_set, single, stays, untold};
use super::*;
use crate::truth::No;

/// The feature. A notice that the controller does not send need not come back as it was set.
pub static VALUE: Value = Value {
    fid: Fid::ASYNCHRONOUS_EVENT_CONFIGURATION,
    of: single,
    bits: |controller, _, version| {
        warnings(version) | sent(controller, version).unwrap_or(0) & !ENDURANCE_GROUPS
    },
    reserved: 0x07c0_0080,
    current: |_| event_configuration::VALUE,
    default: untold,
    after_reset: reset::FEATURES_DEFAULT,
    moves: stays,
    of_namespace: false,
};

value_rules! {
    ASYNCHRONOUS_EVENT_CONFIGURATION, "0Bh", reads Cells::NONE;
    get get_features::MANDATORY, get_tables!(), |apply| accept_get(apply, &VALUE);
    set event_configuration::VALUE, set_tables!(&SET_RESERVED, &SET_OWN),
        |apply| accept_set(apply, &VALUE);
}

/// Critical warnings of the revision: those of 1.0, Persistent Memory Region Read-Only (1.4),
/// Indeterminate Personality State (2.3). Base-2.3 figure 210.
fn warnings(version: Version) -> u32 {
    match version {
        v if v < Version::new(1, 4) => 0x1f,
        v if v < Version::new(2, 3) => 0x3f,
        _ => 0x7f,
    }
}

/// Endurance Group Event Aggregate Log Change Notices.
const ENDURANCE_GROUPS: u32 = AsynchronousEventConfiguration::new().with_egealcn(true).into_bits();
const TELEMETRY: u32 = AsynchronousEventConfiguration::new().with_tln(true).into_bits();
const REACHABILITY: u32 =
    AsynchronousEventConfiguration::new().with_rassn(true).with_rgrp0(true).into_bits();
/// Every notice: all but the critical warnings and what is reserved.
const NOTICES: u32 = !(VALUE.reserved | 0xff);

/// The notices that the controller says to send (OAES, from 1.2): telemetry stands in LPA, and one
/// bit stands for both reachability notices. Base-2.3 figure 326.
fn sent(controller: &Controller, version: Version) -> Option<u32> {
    if version < Version::new(1, 2) {
        return Some(0);
    }
    let claims = controller.claims?;
    let told = claims.oaes & NOTICES & !(TELEMETRY | REACHABILITY);
    let telemetry = if claims.lpa & 1 << 3 != 0 { TELEMETRY } else { 0 };
    let reachability = if claims.oaes & 1 << 17 != 0 { REACHABILITY } else { 0 };
    Some(told | telemetry | reachability)
}

/// Type of a SMART / Health event. Base-2.3 figure 150.
const SMART_HEALTH: u8 = 1;

/// The events that a bit enables, other than those of critical warnings. Base-2.3 figure 409.
const ENABLED: [(EventDef, AsynchronousEventConfiguration); 13] = {
    const NONE: AsynchronousEventConfiguration = AsynchronousEventConfiguration::new();
    [
        (event::ATTACHED_NAMESPACE_ATTRIBUTE_CHANGED, NONE.with_nan(true)),
        (event::FIRMWARE_ACTIVATION_STARTING, NONE.with_fan(true)),
        (event::TELEMETRY_LOG_CHANGED, NONE.with_tln(true)),
        (event::ASYMMETRIC_NAMESPACE_ACCESS_CHANGE, NONE.with_anacn(true)),
        (event::PREDICTABLE_LATENCY_EVENT_AGGREGATE_LOG_PAGE_CHANGE, NONE.with_plealcn(true)),
        (event::LBA_STATUS_INFORMATION_ALERT, NONE.with_lsian(true)),
        (event::ENDURANCE_GROUP_EVENT_AGGREGATE_LOG_PAGE_CHANGE, NONE.with_egealcn(true)),
        (event::NVM_SUBSYSTEM_NORMAL_SHUTDOWN, NONE.with_nnsshdn(true)),
        (event::TEMPERATURE_THRESHOLD_HYSTERESIS_RECOVERY, NONE.with_tthry(true)),
        (event::REACHABILITY_ASSOCIATION_CHANGE, NONE.with_rassn(true)),
        (event::REACHABILITY_GROUP_CHANGE, NONE.with_rgrp0(true)),
        (event::ALLOCATED_NAMESPACE_ATTRIBUTE_CHANGED, NONE.with_ansan(true)),
        (event::ZONE_DESCRIPTOR_CHANGED, NONE.with_zdcn(true)),
    ]
};

/// The bits of which one must be 1 for the event to be sent; 0: it is sent whatever the value. Base-2.3
/// figures 153, 210 and 409.
pub fn enabling(event: AsyncEvent) -> u32 {
    match (event.aet(), event.aei()) {
        // Spare and temperature have information of their own, and the other warnings of an I/O
        // controller have this one, as far as the text says.
        (SMART_HEALTH, 0x00) => 0xfc,
        (SMART_HEALTH, 0x01) => 1 << 1,
        (SMART_HEALTH, 0x02) => 1,
        (SMART_HEALTH, _) => 0xff,
        (aet, aei) => {
            let enabled = ENABLED.iter().find(|(def, _)| (def.aet, def.aei) == (aet, aei));
            enabled.map_or(0, |(_, bits)| bits.into_bits())
        }
    }
}

static SET_RESERVED: Reserved<SetFeatures> = Reserved::and(|cmd, v| {
    let warnings = cmd.cdw11 & 0xff & !warnings(v.version) != 0;
    set_leftovers(cmd) || warnings || cmd.cdw11 & VALUE.reserved != 0
});

checks! {
    static SET_OWN: SetFeatures[cmd, v] in event_configuration {
        ENDURANCE_GROUPS  INVALID_FIELD_IN_COMMAND
                          if cmd.cdw11 & ENDURANCE_GROUPS != 0
                          => "CDW11 {:08X}h, CTRATT bit 4 = 0", cmd.cdw11;
        UNADVERTISED      INVALID_FIELD_IN_COMMAND
                          if unsent(cmd.cdw11, v) => "CDW11 {:08X}h, {}", cmd.cdw11, told(v);
    }
}

/// Whether it asks for a notice that the controller does not send. Endurance groups have their own
/// check.
fn unsent(value: u32, v: &View) -> Truth {
    let asked = value & NOTICES & !ENDURANCE_GROUPS;
    match sent(v, v.version) {
        _ if asked == 0 => No,
        None => Maybe,
        Some(sent) => (asked & !sent != 0).into(),
    }
}

fn told(v: &View) -> String {
    v.claims.map_or("OAES was not read".into(), |claims| format!("OAES {:08X}h", claims.oaes))
}
