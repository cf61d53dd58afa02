//! Volatile Write Cache (FID 06h). Base-2.3 §5.2.26.1.4.

use spec::QueueKind;
use spec::command::{Command, GetFeatures, SetFeatures};
use spec::feature::VolatileWriteCache;
use spec::requirement::{cqe, reset, set_features, volatile_write_cache};

use super::*;

/// Get Features of the volatile write cache.
pub static GET: Rule = Rule {
    name: "get-features 06h",
    queue: QueueKind::Admin,
    opcode: GetFeatures::OPCODE,
    tables: get_tables!(&GET_OWN),
    succeeds: Some(volatile_write_cache::WCE),
    data: no_data,
    footprint: |_, _| Footprint { reads: Cells::WRITE_CACHE, writes: Cells::NONE },
    accept: accept_get,
    refuse: no_second_dword,
};

/// Set Features of the volatile write cache.
pub static SET: Rule = Rule {
    name: "set-features 06h",
    queue: QueueKind::Admin,
    opcode: SetFeatures::OPCODE,
    tables: set_tables!(&SET_RESERVED, &SET_OWN),
    succeeds: Some(volatile_write_cache::WCE),
    data: no_data,
    footprint: |_, _| Footprint { reads: Cells::NONE, writes: Cells::WRITE_CACHE },
    accept: accept_set,
    refuse: no_second_dword,
};

static SET_RESERVED: Reserved<SetFeatures> =
    Reserved::and(|cmd, _| set_leftovers(cmd) || cmd.cdw11 & !WCE != 0);

checks! {
    static GET_OWN: GetFeatures[cmd, v] in volatile_write_cache {
        GET_WITHOUT_VWC   INVALID_FIELD_IN_COMMAND
                          if true => "VWC bit 0 = 0: no volatile write cache";
    }
}

checks! {
    static SET_OWN: SetFeatures[cmd, v] in volatile_write_cache {
        SET_WITHOUT_VWC   INVALID_FIELD_IN_COMMAND
                          if true => "VWC bit 0 = 0: no volatile write cache";
    }
}

/// Volatile Write Cache Enable; the other bits of the value are reserved.
const WCE: u32 = VolatileWriteCache::new().with_wce(true).into_bits();

fn accept_set(apply: &mut Apply) {
    no_second_dword(apply);
    answered(apply, true);
    let cmd = SetFeatures::project(apply.sqe);
    let value = cmd.cdw11 & WCE;
    let saves = cmd.sv & selects(apply.controller());
    let feature = &mut apply.controller().volatile_write_cache;
    feature.current = Some(value);
    feature.since_reset = false;
    match saves {
        Yes => feature.saved = Some(value),
        Maybe => feature.saved = None,
        Truth::No => {}
    }
}

fn accept_get(apply: &mut Apply) {
    no_second_dword(apply);
    answered(apply, true);
    let known = apply.controller().volatile_write_cache;
    let dw0 = apply.cqe.dw0();
    let current = asks_current(apply);
    if current.is_yes() {
        let saveable = known.capabilities.is_some_and(|c| c & SAVEABLE != 0);
        let req = match (known.since_reset, saveable) {
            (true, true) => reset::SAVED_FEATURES,
            (true, false) => reset::FEATURES_DEFAULT,
            (false, _) => volatile_write_cache::WCE,
        };
        let agrees = known.current.map(|value| value & WCE == dw0 & WCE);
        let right = agrees == Some(true);
        shows(apply, reset::FEATURES, right && known.since_reset);
        shows(apply, set_features::EFFECTIVE_AT_COMPLETION, right && !known.since_reset);
        apply.hold(req, agrees, || {
            (
                format!("WCE = {}", dw0 & WCE),
                format!("WCE = {}", known.current.unwrap_or(0) & WCE),
                match known.since_reset {
                    true => "the value that a reset leaves".into(),
                    false => "the value as it was set or seen before".into(),
                },
            )
        });
    }
    // Current, default and saved value are laid out as in Set Features: bits 31:1 are reserved.
    if shows_a_value(apply) {
        apply.hold(cqe::RESERVED_DWORDS, dw0 & !WCE == 0, || {
            let because = "bits 31:1 of the value are reserved".into();
            (format!("DW0 {dw0:08X}h"), format!("DW0 {:08X}h", dw0 & WCE), because)
        });
    }
    let mut learned = seen_other_than_current(apply, known, WCE, false);
    if current.is_yes() {
        learned.current = Some(dw0 & WCE);
        learned.since_reset = false;
    }
    apply.controller().volatile_write_cache = learned;
}
