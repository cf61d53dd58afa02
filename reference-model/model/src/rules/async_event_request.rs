//! Asynchronous Event Request (opcode 0Ch). Base-2.3 §5.2.2.

use spec::command::{AsyncEventRequest, Command};
use spec::event::{AsyncEvent, EventDef};
use spec::requirement::{async_event, async_event_request};
use spec::{Lid, QueueKind, Version};

use super::common::{DWORD_0, NSID_UNUSED, PSDT_ADMIN, Reserved, no_second_dword};
use crate::checks;
use crate::ruling::{Apply, Rule, no_data, no_footprint};
use crate::truth::{Maybe, Truth, Yes};

/// The rule. What caused an event, and whether one was due or masked, is the judge's to weigh: a
/// request is in flight nearly always, so it has no footprint.
pub static RULE: Rule = Rule {
    name: AsyncEventRequest::NAME,
    queue: QueueKind::Admin,
    opcode: AsyncEventRequest::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &NSID_UNUSED, &RESERVED, &CHECKS],
    succeeds: Some(async_event_request::ONLY_FOR_EVENTS),
    data: no_data,
    footprint: no_footprint,
    accept,
    refuse: no_second_dword,
};

static RESERVED: Reserved<AsyncEventRequest> = Reserved::ALWAYS;

checks! {
    /// Asynchronous Event Request. Base-2.3 §5.2.2.1 figure 149.
    static CHECKS: AsyncEventRequest[cmd, v] in async_event_request {
        // One of them is refused, and any may be the one: to a single request this is a permission.
        LIMIT             ASYNCHRONOUS_EVENT_REQUEST_LIMIT_EXCEEDED
                          if v.claims.map(|c| v.others.aers > u32::from(c.aerl))
                          => "{} others outstanding, AERL = {} (0's based)",
                             v.others.aers, v.claims.map_or(0, |c| c.aerl);
    }
}

/// Type of an error event. Base-2.3 figure 152.
const ERROR: u8 = 0;
/// Type of a SMART / Health event. Base-2.3 figure 153.
const SMART_HEALTH: u8 = 1;
const IMMEDIATE: u8 = 3;
const ONE_SHOT: u8 = 4;

fn accept(apply: &mut Apply) {
    let event = AsyncEvent::from_bits(apply.cqe.dw0());
    let told = format!("dword 0 {:08X}h", apply.cqe.dw0());
    let (version, dw1) = (apply.version, apply.cqe.dw[1]);
    apply.hold(async_event::DW0, well_formed(event, version, dw1), || {
        (
            told.clone(),
            "a known type and 0 in reserved bits".into(),
            format!("type {}, information {:02X}h", event.aet(), event.aei()),
        )
    });
    if event.aet() == ERROR {
        let right = event.lid() == Lid::ERROR_INFORMATION.0 && event.aei() <= 5;
        apply.hold(async_event::ERROR_EVENT, right, || {
            (told, "log page 01h, information 00h to 05h".into(), "the type is Error".into())
        });
        apply.controller().events.error_masked = Yes;
    }
    if event.aet() == SMART_HEALTH {
        apply.controller().events.health_masked = Yes;
    }
}

/// Reserved bits are 0, the type is one of the revision, and the log page is that of the event.
fn well_formed(event: AsyncEvent, version: Version, dw1: u32) -> Truth {
    let named = AsyncEvent::new().with_aet(event.aet()).with_aei(event.aei()).with_lid(event.lid());
    let type_is_known = match event.aet() {
        IMMEDIATE => version >= Version::new(2, 0),
        ONE_SHOT => version >= Version::new(2, 1),
        5 => false,
        _ => true,
    };
    // Dword 1 is defined for a few events, in newer revisions.
    let dword_1_is_clear = dw1 == 0 || event.aet() == ONE_SHOT;
    if named.into_bits() != event.into_bits() || !type_is_known || !dword_1_is_clear {
        return Truth::No;
    }
    match event.def() {
        Some(EventDef { lid: Some(lid), .. }) => (lid.0 == event.lid()).into(),
        Some(_) => Yes,
        // An event that no known revision names.
        None => Maybe,
    }
}
