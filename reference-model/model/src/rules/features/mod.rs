//! Get Features (opcode 0Ah) and Set Features (opcode 09h), with one file per feature: its get, its
//! set, and what is particular to its value. Base-2.3 §5.2.11, §5.2.26, §4.4.

use spec::command::{Command, GetFeatures, SetFeatures};
use spec::requirement::get_features;
use spec::{Fid, Nsid, QueueKind, Sqe, Version};

use super::common::{DWORD_0, NSID_ABOVE_NN, PSDT_ADMIN, Reserved, no_second_dword, shows};
use crate::checks;
use crate::ruling::{Apply, Rule, View, no_data, no_effect, no_footprint};
use crate::state::{Controller, Feature};
use crate::truth::{Maybe, Truth, Yes};

pub mod number_of_queues;
pub mod volatile_write_cache;

/// The rules of the modelled features.
pub static TABLE: &[&Rule] = &[
    &volatile_write_cache::GET,
    &volatile_write_cache::SET,
    &number_of_queues::GET,
    &number_of_queues::SET,
];

/// The rule for Get Features or Set Features of this SQE; `None`: a feature that is not modelled.
pub fn find(sqe: &Sqe) -> Option<&'static Rule> {
    let get = sqe.opcode() == GetFeatures::OPCODE;
    // Both commands have FID in the same place.
    let fid = SetFeatures::project(sqe).fid;
    let (get_rule, set_rule) = match fid {
        Fid::VOLATILE_WRITE_CACHE => (&volatile_write_cache::GET, &volatile_write_cache::SET),
        Fid::NUMBER_OF_QUEUES => (&number_of_queues::GET, &number_of_queues::SET),
        fid if is_undefined(fid) => (&GET_UNDEFINED, &SET_UNDEFINED),
        _ => return None,
    };
    Some(if get { get_rule } else { set_rule })
}

/// Whether no known revision defines the identifier. 86h is neither defined nor reserved, 7Ah to
/// 7Ch are kept for management features, C0h to FFh are the vendor's. Base-2.3 figure 403.
fn is_undefined(fid: Fid) -> bool {
    fid.name().is_none() && !matches!(fid.0, 0x7a..=0x7c | 0x86 | 0xc0..)
}

/// Get Features of an identifier that no known revision defines.
pub static GET_UNDEFINED: Rule = Rule {
    name: "get-features (undefined)",
    queue: QueueKind::Admin,
    opcode: GetFeatures::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &GET_FID],
    succeeds: None,
    data: no_data,
    footprint: no_footprint,
    accept: no_effect,
    refuse: no_effect,
};

/// Set Features of an identifier that no known revision defines.
pub static SET_UNDEFINED: Rule = Rule {
    name: "set-features (undefined)",
    queue: QueueKind::Admin,
    opcode: SetFeatures::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &SET_FID],
    succeeds: None,
    data: no_data,
    footprint: no_footprint,
    accept: no_effect,
    refuse: no_effect,
};

checks! {
    static GET_FID: GetFeatures[cmd, v] in get_features {
        FID_UNKNOWN       INVALID_FIELD_IN_COMMAND
                          if true => "FID {} is not defined", cmd.fid;
    }
}

checks! {
    static SET_FID: SetFeatures[cmd, v] in set_features {
        FID_UNKNOWN       INVALID_FIELD_IN_COMMAND
                          if true => "FID {} is not defined", cmd.fid;
    }
}

checks! {
    /// Get Features of any feature. Base-2.3 §5.2.11, figure 196.
    pub static GET_CHECKS: GetFeatures[cmd, v] in get_features {
        SEL_RESERVED      INVALID_FIELD_IN_COMMAND
                          if cmd.sel > SUPPORTED_CAPABILITIES => "SEL {} is reserved", cmd.sel;
    }
}

checks! {
    /// Set Features of any feature of the controller. Base-2.3 §5.2.26, §4.4.
    pub static SET_CHECKS: SetFeatures[cmd, v] in set_features {
        NOT_SAVEABLE      FEATURE_IDENTIFIER_NOT_SAVEABLE
                          if cmd.sv & !capability(v, cmd.fid, SAVEABLE)
                          => "SV 1, {}", told_capabilities(v, cmd.fid);
        SAVE_WITHOUT_SUPPORT  FEATURE_IDENTIFIER_NOT_SAVEABLE | INVALID_FIELD_IN_COMMAND
                          if cmd.sv => "SV 1, ONCS bit 4 = 0";
        NOT_CHANGEABLE    FEATURE_NOT_CHANGEABLE
                          if !capability(v, cmd.fid, CHANGEABLE) & changes(cmd, v)
                          => "{}", told_capabilities(v, cmd.fid);
        NSID_CONTROLLER_SCOPE  FEATURE_NOT_NAMESPACE_SPECIFIC
                          if (cmd.nsid.0 != 0 && cmd.nsid != Nsid::BROADCAST)
                             & v.valid_nsid(cmd.nsid)
                          => "NSID {}, the feature belongs to the controller", cmd.nsid;
    }
}

/// The tables of Get Features for a feature of the controller that returns no data.
macro_rules! get_tables {
    ($($own:expr),*) => {
        &[&DWORD_0, &PSDT_ADMIN, &NSID_ABOVE_NN, &GET_RESERVED, &GET_CHECKS, $($own),*]
    };
}
use get_tables;

/// The tables of Set Features for a feature of the controller without data.
macro_rules! set_tables {
    ($reserved:expr, $($own:expr),*) => {
        &[&DWORD_0, &PSDT_ADMIN, &NSID_ABOVE_NN, $reserved, &SET_CHECKS, $($own),*]
    };
}
use set_tables;

/// Dwords that no modelled feature uses in Get Features. The data pointer is ignored from 2.3; the
/// Select field means nothing without ONCS bit 4, CDW11 means nothing to feature 06h.
static GET_RESERVED: Reserved<GetFeatures> = Reserved::and(|cmd, v| {
    let pointer = cmd.prp1.0 | cmd.prp2.0 != 0 && v.version < Version::new(2, 3);
    let select = cmd.sel != 0 && selects(v) != Yes;
    let dword_11 =
        cmd.cdw11 != 0 && (cmd.fid != Fid::NUMBER_OF_QUEUES || v.version < Version::new(1, 3));
    pointer || select || dword_11 || cmd.cdw12 | cmd.cdw13 | cmd.cdw15 != 0 || cmd.uidx != 0
});

/// Dwords that no modelled feature uses in Set Features.
fn set_leftovers(cmd: &SetFeatures) -> bool {
    let dwords = cmd.cdw12 | cmd.cdw13 | cmd.cdw15;
    dwords != 0 || cmd.uidx != 0 || cmd.prp1.0 | cmd.prp2.0 != 0
}

// Values of the Select field (SEL). Base-2.3 figure 196.
const DEFAULT: u8 = 1;
const SAVED: u8 = 2;
const SUPPORTED_CAPABILITIES: u8 = 3;

// Bits of the supported capabilities. Base-2.3 figure 199.
const SAVEABLE: u32 = 1 << 0;
const NAMESPACE_SPECIFIC: u32 = 1 << 1;
const CHANGEABLE: u32 = 1 << 2;

/// Whether the controller supports SEL and SV (ONCS bit 4).
fn selects(controller: &Controller) -> Truth {
    controller.claims.map(|c| c.oncs & 1 << 4 != 0).into()
}

/// What is believed of a modelled feature.
fn feature(controller: &Controller, fid: Fid) -> Feature {
    match fid {
        Fid::VOLATILE_WRITE_CACHE => controller.volatile_write_cache,
        Fid::NUMBER_OF_QUEUES => controller.number_of_queues,
        _ => Feature::default(),
    }
}

fn capability(v: &View, fid: Fid, bit: u32) -> Truth {
    feature(v, fid).capabilities.map(|c| c & bit != 0).into()
}

fn told_capabilities(v: &View, fid: Fid) -> String {
    match feature(v, fid).capabilities {
        Some(bits) => format!("supported capabilities of feature {fid}: {bits:X}h"),
        None => format!("the capabilities of feature {fid} were not read"),
    }
}

/// Whether the command asks for another value. Asking for the value that a feature already has may
/// be refused or not, so it decides nothing.
fn changes(cmd: &SetFeatures, v: &View) -> Truth {
    let differs = feature(v, cmd.fid).current.is_some_and(|now| now != cmd.cdw11);
    if differs { Yes } else { Maybe }
}

/// What a Get Features saw of a feature, held against what is believed of it. Returns what is
/// believed afterwards. The current value (SEL = 000b) is the caller's.
fn seen_other_than_current(apply: &mut Apply, known: Feature) -> Feature {
    let cmd = GetFeatures::project(apply.sqe);
    let of_namespace = cmd.nsid != Nsid::BROADCAST && cmd.nsid.0 != 0;
    shows(apply, get_features::NSID_CONTROLLER_SCOPE, of_namespace);
    shows(apply, get_features::DATA_POINTER_IGNORED, cmd.prp1.0 | cmd.prp2.0 != 0);
    let dw0 = apply.cqe.dw0();
    let mut learned = known;
    if selects(apply.controller()) != Yes {
        return learned;
    }
    // Were SEL ignored, the answer would be the current value.
    let other = known.current.is_some_and(|current| current != dw0);
    shows(apply, get_features::SELECT, cmd.sel != 0 && cmd.sel <= SUPPORTED_CAPABILITIES && other);
    match cmd.sel {
        DEFAULT => {
            apply.hold(get_features::DEFAULT_CONSTANT, known.default.map(|d| d == dw0), || {
                unequal("default", dw0, known.default)
            });
            learned.default = Some(dw0);
        }
        SAVED => {
            let unsaved = known.capabilities.is_some_and(|c| c & SAVEABLE == 0);
            if unsaved && known.saved.is_none() {
                let same = known.default.map(|d| d == dw0);
                apply.hold(get_features::SAVED_IS_DEFAULT, same, || {
                    unequal("saved", dw0, known.default)
                });
            } else {
                apply.hold(get_features::SELECT, known.saved.map(|s| s == dw0), || {
                    unequal("saved", dw0, known.saved)
                });
                learned.saved = Some(dw0);
            }
        }
        SUPPORTED_CAPABILITIES => {
            apply.hold(get_features::CAPABILITIES, dw0 & NAMESPACE_SPECIFIC == 0, || {
                (
                    format!("capabilities {dw0:X}h"),
                    "bit 1 = 0".into(),
                    format!("feature {} belongs to the controller", cmd.fid),
                )
            });
            learned.capabilities = Some(dw0);
        }
        _ => {}
    }
    learned
}

fn unequal(which: &str, observed: u32, believed: Option<u32>) -> (String, String, String) {
    (
        format!("{which} value {observed:08X}h"),
        format!("{:08X}h", believed.unwrap_or(0)),
        format!("the {which} value as it was seen or set before"),
    )
}

/// Whether dword 0 of the answer is a value of the feature: not its capabilities.
fn shows_a_value(apply: &mut Apply) -> bool {
    let sel = GetFeatures::project(apply.sqe).sel;
    sel == 0 || sel < SUPPORTED_CAPABILITIES && selects(apply.controller()) == Yes
}

/// Whether the command asks for the current value: SEL = 000b, or SEL means nothing.
fn asks_current(apply: &mut Apply) -> Truth {
    let sel = GetFeatures::project(apply.sqe).sel;
    (sel == 0) | (!selects(apply.controller()) & Maybe)
}
