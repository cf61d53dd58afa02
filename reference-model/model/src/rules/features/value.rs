//! Features whose value stands in dword 11 of Set Features and in dword 0 of Get Features: what a Set
//! changes, and what a Get is held against. Base-2.3 §4.4, §5.2.11, §5.2.26.

use spec::command::{Command, GetFeatures, SetFeatures};
use spec::requirement::{cqe, reset, set_features};
use spec::{Fid, Req, Version};

use super::{SAVEABLE, answered, asks_current, seen_other_than_current, selects, shows_a_value};
use crate::rules::common::{no_second_dword, shows};
use crate::ruling::Apply;
use crate::state::{Controller, Feature};
use crate::truth::{Maybe, Truth, Yes};

/// A feature of this kind.
pub struct Value {
    /// Its identifier.
    pub fid: Fid,
    /// Which of its values a command means; 0 where it has one.
    pub of: fn(nsid: u32, dword_11: u32, version: Version) -> u32,
    /// The bits that a Get must return as they were set, for the value `of`.
    pub bits: fn(&Controller, of: u32, Version) -> u32,
    /// The bits that are reserved in what a Get returns.
    pub reserved: u32,
    /// The requirement that the current value `of` is the one that was set.
    pub current: fn(of: u32) -> Req,
    /// The bits of the default value that the text gives, what they are, and the requirement.
    pub default: fn(&Controller, of: u32) -> Option<Default>,
    /// The requirement that a reset leaves the default, where nothing was saved.
    pub after_reset: Req,
    /// Whether a controller may change the current value by itself after it was set to this.
    pub moves: fn(&Controller, value: u32) -> Truth,
    /// Whether the feature has a value for each namespace.
    pub of_namespace: bool,
}

/// What the text says of a default value.
pub struct Default {
    /// The bits that it speaks of.
    pub bits: u32,
    /// What they are.
    pub value: u32,
    /// The requirement.
    pub by: Req,
}

/// For features with one value.
pub fn single(_: u32, _: u32, _: Version) -> u32 {
    0
}

/// For features whose default value the text leaves to the controller.
pub fn untold(_: &Controller, _: u32) -> Option<Default> {
    None
}

/// For features that only the host changes.
pub fn stays(_: &Controller, _: u32) -> Truth {
    Truth::No
}

/// A Set Features was accepted.
pub fn accept_set(apply: &mut Apply, value: &Value) {
    no_second_dword(apply);
    answered(apply, true);
    let cmd = SetFeatures::project(apply.sqe);
    let of = (value.of)(cmd.nsid.0, cmd.cdw11, apply.version);
    set(apply, value, of);
}

/// The value `of` was set.
pub fn set(apply: &mut Apply, value: &Value, of: u32) {
    let cmd = SetFeatures::project(apply.sqe);
    let saves = cmd.sv & selects(apply.controller());
    let moves = (value.moves)(apply.controller(), cmd.cdw11);
    let feature = apply.controller().features.value_mut(value.fid, of);
    feature.current = Some(cmd.cdw11).filter(|_| moves.is_no());
    feature.since_reset = false;
    match saves {
        Yes => feature.saved = Some(cmd.cdw11),
        Maybe => feature.saved = None,
        Truth::No => {}
    }
}

/// A Get Features was accepted.
pub fn accept_get(apply: &mut Apply, value: &Value) {
    no_second_dword(apply);
    answered(apply, true);
    let cmd = GetFeatures::project(apply.sqe);
    let (version, dw0) = (apply.version, apply.cqe.dw0());
    let of = (value.of)(cmd.nsid.0, cmd.cdw11, version);
    let bits = (value.bits)(apply.controller(), of, version);
    let known = apply.controller().features.value(value.fid, of);
    let current = asks_current(apply);
    if current.is_yes() {
        hold_current(apply, value, (of, bits), known);
    }
    // Reserved bits that the host itself has set may come back.
    let reserved = value.reserved & !known.current.unwrap_or(0) & !known.saved.unwrap_or(0);
    if shows_a_value(apply) {
        apply.hold(cqe::RESERVED_DWORDS, dw0 & reserved == 0, || {
            let because = format!("bits {reserved:08X}h of the value are reserved");
            (format!("DW0 {dw0:08X}h"), format!("DW0 {:08X}h", dw0 & !reserved), because)
        });
    }
    let asks_default = cmd.sel == super::DEFAULT && selects(apply.controller()) == Yes;
    if let Some(told) = (value.default)(apply.controller(), of).filter(|_| asks_default) {
        let agrees = dw0 & told.bits == told.value;
        apply.hold(told.by, agrees, || wrong("default", dw0 & told.bits, told.value));
    }
    let mut learned = seen_other_than_current(apply, known, bits, value.of_namespace);
    if current.is_yes() {
        let moves = (value.moves)(apply.controller(), dw0);
        learned.current = Some(dw0).filter(|_| moves.is_no());
        learned.since_reset = false;
    }
    *apply.controller().features.value_mut(value.fid, of) = learned;
}

/// Whether the feature can be saved, so that a reset may leave another value than the default.
pub fn saveable(controller: &Controller, feature: Feature) -> Truth {
    match feature.capabilities {
        Some(capabilities) => (capabilities & SAVEABLE != 0).into(),
        None => selects(controller) & Maybe,
    }
}

/// Holds the current value against what it was set to, or to what a reset must have left.
fn hold_current(apply: &mut Apply, value: &Value, (of, bits): (u32, u32), known: Feature) {
    let dw0 = apply.cqe.dw0();
    let saveable = saveable(apply.controller(), known);
    let told = (value.default)(apply.controller(), of).filter(|_| known.since_reset);
    let told = told.filter(|_| saveable.is_no() && known.current.is_none());
    let by = match (known.since_reset, saveable) {
        (true, Yes) => reset::SAVED_FEATURES,
        (true, _) => value.after_reset,
        (false, _) => (value.current)(of),
    };
    let (believed, bits) = match told {
        Some(told) => (Some(told.value), told.bits & bits),
        None => (known.current, bits),
    };
    // Nothing of the value is held where the text gives no bit of it.
    let agrees = believed.filter(|_| bits != 0).map(|believed| believed & bits == dw0 & bits);
    let right = agrees == Some(true);
    shows(apply, reset::FEATURES, right && known.since_reset);
    let shown = right && !known.since_reset && by != set_features::EFFECTIVE_AT_COMPLETION;
    shows(apply, set_features::EFFECTIVE_AT_COMPLETION, shown);
    apply.hold(by, agrees, || {
        let because = match known.since_reset {
            true => "the value that a reset leaves",
            false => "the value as it was set or seen before",
        };
        let believed = believed.unwrap_or(0) & bits;
        (format!("{:08X}h", dw0 & bits), format!("{believed:08X}h"), because.to_string())
    });
}

fn wrong(which: &str, observed: u32, told: u32) -> (String, String, String) {
    let because = format!("the text gives the {which} value");
    (format!("{which} value {observed:08X}h"), format!("{told:08X}h"), because)
}

/// The feature of an identifier, if it is of this kind.
pub fn of(fid: Fid) -> Option<&'static Value> {
    use super::*;
    Some(match fid {
        Fid::ARBITRATION => &arbitration::VALUE,
        Fid::POWER_MANAGEMENT => &power_management::VALUE,
        Fid::TEMPERATURE_THRESHOLD => &temperature_threshold::VALUE,
        Fid::ERROR_RECOVERY => &error_recovery::VALUE,
        Fid::INTERRUPT_COALESCING => &interrupt_coalescing::VALUE,
        Fid::INTERRUPT_VECTOR_CONFIGURATION => &interrupt_vector_configuration::VALUE,
        Fid::WRITE_ATOMICITY_NORMAL => &write_atomicity_normal::VALUE,
        Fid::ASYNCHRONOUS_EVENT_CONFIGURATION => &asynchronous_event_configuration::VALUE,
        _ => return None,
    })
}
