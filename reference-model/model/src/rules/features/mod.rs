//! Get Features (opcode 0Ah) and Set Features (opcode 09h), with one file per feature: its get, its
//! set, and what is particular to its value. Base-2.3 §5.2.11, §5.2.26, §4.4.

use spec::command::{Command, GetFeatures, SetFeatures};
use spec::requirement::{features_supported, get_features};
use spec::{Fid, Nsid, QueueKind, Sqe, Status, Version};

use super::common::{DWORD_0, NSID_ABOVE_NN, PSDT_ADMIN, Reserved, no_second_dword, shows};
use super::log_pages::supported::lists_feature;
use crate::checks;
use crate::ruling::{Apply, Cells, Data, Footprint, Rule, View, no_data, no_effect, no_footprint};
use crate::state::{Controller, Feature};
use crate::truth::{Maybe, Truth, Yes};

pub mod arbitration;
pub mod asynchronous_event_configuration;
pub mod error_recovery;
pub mod interrupt_coalescing;
pub mod interrupt_vector_configuration;
pub mod number_of_queues;
pub mod power_management;
pub mod temperature_threshold;
pub mod value;
pub mod volatile_write_cache;
pub mod write_atomicity_normal;

/// The rules of the modelled features.
pub static TABLE: &[&Rule] = &[
    &arbitration::GET,
    &arbitration::SET,
    &power_management::GET,
    &power_management::SET,
    &temperature_threshold::GET,
    &temperature_threshold::SET,
    &error_recovery::GET,
    &error_recovery::SET,
    &volatile_write_cache::GET,
    &volatile_write_cache::SET,
    &number_of_queues::GET,
    &number_of_queues::SET,
    &interrupt_coalescing::GET,
    &interrupt_coalescing::SET,
    &interrupt_vector_configuration::GET,
    &interrupt_vector_configuration::SET,
    &write_atomicity_normal::GET,
    &write_atomicity_normal::SET,
    &asynchronous_event_configuration::GET,
    &asynchronous_event_configuration::SET,
];

/// The rule for Get Features or Set Features of this SQE; `None`: a feature that is not modelled.
pub fn find(sqe: &Sqe) -> Option<&'static Rule> {
    let get = sqe.opcode() == GetFeatures::OPCODE;
    // Both commands have FID in the same place.
    let fid = SetFeatures::project(sqe).fid;
    let (get_rule, set_rule) = match fid {
        Fid::ARBITRATION => (&arbitration::GET, &arbitration::SET),
        Fid::POWER_MANAGEMENT => (&power_management::GET, &power_management::SET),
        Fid::TEMPERATURE_THRESHOLD => (&temperature_threshold::GET, &temperature_threshold::SET),
        Fid::ERROR_RECOVERY => (&error_recovery::GET, &error_recovery::SET),
        Fid::VOLATILE_WRITE_CACHE => (&volatile_write_cache::GET, &volatile_write_cache::SET),
        Fid::NUMBER_OF_QUEUES => (&number_of_queues::GET, &number_of_queues::SET),
        Fid::INTERRUPT_COALESCING => (&interrupt_coalescing::GET, &interrupt_coalescing::SET),
        Fid::INTERRUPT_VECTOR_CONFIGURATION => {
            (&interrupt_vector_configuration::GET, &interrupt_vector_configuration::SET)
        }
        Fid::WRITE_ATOMICITY_NORMAL => (&write_atomicity_normal::GET, &write_atomicity_normal::SET),
        Fid::ASYNCHRONOUS_EVENT_CONFIGURATION => {
            (&asynchronous_event_configuration::GET, &asynchronous_event_configuration::SET)
        }
        fid if is_undefined(fid) => (&GET_UNDEFINED, &SET_UNDEFINED),
        fid if get && WITHOUT_SELECTION.contains(&fid) => return Some(&GET_BY_NAME),
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

/// Features of the controller that are defined and not modelled, and of which nothing but the identifier
/// has to be named: a good Get Features of one is refused only where it is not supported.
/// Base-2.3 figure 403, §5.2.26.1.6 to §5.2.26.1.10, §5.2.26.1.14, §5.2.26.1.15, §5.2.26.1.31, §5.2.26.2.4.
const WITHOUT_SELECTION: [Fid; 9] = [
    Fid::AUTONOMOUS_POWER_STATE_TRANSITION,
    Fid::HOST_MEMORY_BUFFER,
    Fid::TIMESTAMP,
    Fid::KEEP_ALIVE_TIMER,
    Fid::HOST_CONTROLLED_THERMAL_MANAGEMENT,
    Fid::NON_OPERATIONAL_POWER_STATE_CONFIG,
    Fid::HOST_BEHAVIOR_SUPPORT,
    Fid::SANITIZE_CONFIG,
    Fid::SOFTWARE_PROGRESS_MARKER,
];

/// Get Features of a feature that is defined and not modelled: whether it is there has to agree with page 12h.
/// Of what it returns, the supported capabilities alone are modelled.
pub static GET_BY_NAME: Rule = Rule {
    name: "get-features (by name)",
    queue: QueueKind::Admin,
    opcode: GetFeatures::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &NSID_ABOVE_NN, &BY_NAME_RESERVED, &GET_CHECKS, &UNLISTED],
    succeeds: Some(get_features::SELECT),
    // Some of them return a structure.
    data: |_, _| Data::Unknown,
    footprint: no_footprint,
    accept: accept_by_name,
    refuse: refuse_by_name,
};

/// The Select field means nothing without ONCS bit 4; the data pointer is a few features'.
static BY_NAME_RESERVED: Reserved<GetFeatures> = Reserved::and(|cmd, v| {
    let select = cmd.sel != 0 && selects(v) != Yes;
    select || dwords_of_get(cmd) != 0 || cmd.uidx != 0
});

fn dwords_of_get(cmd: &GetFeatures) -> u32 {
    cmd.cdw11 | cmd.cdw12 | cmd.cdw13 | cmd.cdw15
}

checks! {
    static UNLISTED: GetFeatures[cmd, v] in get_features {
        FID_UNKNOWN       INVALID_FIELD_IN_COMMAND
                          if unlisted(cmd.fid, v) => "FID {} is not listed by page 12h", cmd.fid;
    }
}

/// Whether page 12h says that the feature is not there. If it says that it is, a refusal is held against
/// the page: see [`refuse_by_name`].
fn unlisted(fid: Fid, v: &View) -> Truth {
    match lists_feature(fid, v) {
        Some(false) => Yes,
        _ => Maybe,
    }
}

fn accept_by_name(apply: &mut Apply) {
    let cmd = GetFeatures::project(apply.sqe);
    answered(apply, true);
    let known = apply.controller().features.value(cmd.fid, 0);
    if cmd.sel == SUPPORTED_CAPABILITIES && selects(apply.controller()) == Yes {
        no_second_dword(apply);
        let learned = seen_other_than_current(apply, known, u32::MAX, false);
        *apply.controller().features.value_mut(cmd.fid, 0) = learned;
    } else {
        let what = format!("attributes of feature {}", cmd.fid);
        apply.gap(features_supported::ENTRIES, what);
    }
}

/// A refusal as an invalid field says that the feature is not supported, if nothing else is named.
fn refuse_by_name(apply: &mut Apply) {
    no_second_dword(apply);
    let cmd = GetFeatures::project(apply.sqe);
    let dword_0 = apply.sqe.fuse() | apply.sqe.psdt();
    let named = u32::from(dword_0) | cmd.nsid.0 | dwords_of_get(&cmd) | u32::from(cmd.uidx);
    let selected =
        cmd.sel == 0 || cmd.sel <= SUPPORTED_CAPABILITIES && selects(apply.controller()) == Yes;
    if named == 0 && selected && apply.cqe.status() == Status::INVALID_FIELD_IN_COMMAND {
        answered(apply, false);
    }
}

/// Holds an answer against the list of features (page 12h).
fn answered(apply: &mut Apply, supported: bool) {
    let fid = SetFeatures::project(apply.sqe).fid;
    let listed = lists_feature(fid, apply.controller());
    apply.hold(features_supported::ENTRIES, listed.map(|listed| listed == supported), || {
        let did = if supported { "accepted" } else { "refused as not supported" };
        let (allowed, is) = if supported { ("FSUPP 1", "0") } else { ("FSUPP 0", "1") };
        (format!("FID {fid} was {did}"), allowed.into(), format!("page 12h has FSUPP {is}"))
    });
}

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
    /// Set Features of any feature. Base-2.3 §5.2.26, §4.4.
    pub static SET_CHECKS: SetFeatures[cmd, v] in set_features {
        NOT_SAVEABLE      FEATURE_IDENTIFIER_NOT_SAVEABLE
                          if cmd.sv & !capability(v, cmd, SAVEABLE)
                          => "SV 1, {}", told_capabilities(v, cmd);
        SAVE_WITHOUT_SUPPORT  FEATURE_IDENTIFIER_NOT_SAVEABLE | INVALID_FIELD_IN_COMMAND
                          if cmd.sv => "SV 1, ONCS bit 4 = 0";
        NOT_CHANGEABLE    FEATURE_NOT_CHANGEABLE
                          if !capability(v, cmd, CHANGEABLE) & changes(cmd, v)
                          => "{}", told_capabilities(v, cmd);
    }
}

checks! {
    /// Set Features of a feature of the controller. Base-2.3 §4.4.
    pub static SET_SCOPE: SetFeatures[cmd, v] in set_features {
        NSID_CONTROLLER_SCOPE  FEATURE_NOT_NAMESPACE_SPECIFIC
                          // Of an identifier above NN the clause does not speak.
                          if (cmd.nsid.0 != 0 && cmd.nsid != Nsid::BROADCAST)
                             & (v.valid_nsid(cmd.nsid) | Maybe)
                          => "NSID {}, the feature belongs to the controller", cmd.nsid;
    }
}

checks! {
    /// A feature that an I/O controller must have, and another controller may not have.
    /// Base-2.3 §3.1.3.6.
    static ELSEWHERE: GetFeatures[cmd, v] in get_features {
        FID_UNKNOWN       INVALID_FIELD_IN_COMMAND
                          if no_io_controller(v) => "CNTRLTYPE is that of no I/O controller";
    }
}

checks! {
    static SET_ELSEWHERE: SetFeatures[cmd, v] in set_features {
        FID_UNKNOWN       INVALID_FIELD_IN_COMMAND
                          if no_io_controller(v) => "CNTRLTYPE is that of no I/O controller";
    }
}

/// Whether the controller may do without features that are mandatory for I/O controllers.
fn no_io_controller(controller: &Controller) -> Truth {
    controller.claims.is_some_and(|claims| claims.cntrltype > 1) & Maybe
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
    ($reserved:expr $(, $own:expr)*) => {
        &[&DWORD_0, &PSDT_ADMIN, &NSID_ABOVE_NN, $reserved, &SET_CHECKS, &SET_SCOPE, $($own),*]
    };
}
use set_tables;

/// The two rules of a feature whose value is one dword ([`value`]): GET and SET.
macro_rules! value_rules {
    (
        $fid:ident, $code:literal, reads $reads:expr;
        get $get_succeeds:expr, $get_tables:expr, $accept_get:expr;
        set $set_succeeds:expr, $set_tables:expr, $accept_set:expr;
    ) => {
        /// Get Features.
        pub static GET: Rule = Rule {
            name: concat!("get-features ", $code),
            queue: spec::QueueKind::Admin,
            opcode: <GetFeatures as Command>::OPCODE,
            tables: $get_tables,
            succeeds: Some($get_succeeds),
            data: no_data,
            footprint: |_, _| Footprint {
                reads: Cells::feature(Fid::$fid).and($reads),
                writes: Cells::NONE,
            },
            accept: $accept_get,
            refuse: no_second_dword,
        };

        /// Set Features.
        pub static SET: Rule = Rule {
            name: concat!("set-features ", $code),
            queue: spec::QueueKind::Admin,
            opcode: <SetFeatures as Command>::OPCODE,
            tables: $set_tables,
            succeeds: Some($set_succeeds),
            data: no_data,
            footprint: |_, _| Footprint { reads: $reads, writes: Cells::feature(Fid::$fid) },
            accept: $accept_set,
            refuse: no_second_dword,
        };
    };
}
use value_rules;

/// Dwords that no modelled feature uses in Get Features. The data pointer is ignored; 1.2 does not say so of
/// PRP2. The Select field means nothing without ONCS bit 4.
static GET_RESERVED: Reserved<GetFeatures> = Reserved::and(|cmd, v| {
    let silent = Version::new(1, 2)..Version::new(1, 3);
    let pointer = cmd.prp2.0 != 0 && silent.contains(&v.version);
    let select = cmd.sel != 0 && selects(v) != Yes;
    let dword_11 = cmd.cdw11 & !selecting(cmd.fid, v.version) != 0;
    pointer || select || dword_11 || cmd.cdw12 | cmd.cdw13 | cmd.cdw15 != 0 || cmd.uidx != 0
});

/// The bits of dword 11 that mean something to Get Features.
fn selecting(fid: Fid, version: Version) -> u32 {
    match fid {
        Fid::TEMPERATURE_THRESHOLD if version >= Version::new(1, 2) => 0x3f_0000,
        Fid::INTERRUPT_VECTOR_CONFIGURATION => 0xffff,
        Fid::NUMBER_OF_QUEUES if version >= Version::new(1, 3) => u32::MAX,
        _ => 0,
    }
}

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

/// What is believed of the value that a Set Features is for.
fn feature(v: &View, cmd: &SetFeatures) -> Feature {
    match cmd.fid {
        Fid::VOLATILE_WRITE_CACHE => v.volatile_write_cache,
        Fid::NUMBER_OF_QUEUES => v.number_of_queues,
        fid => v.features.value(fid, selected(cmd, v.version)),
    }
}

/// Which value of its feature a Set Features is for.
fn selected(cmd: &SetFeatures, version: Version) -> u32 {
    match value::of(cmd.fid) {
        Some(value) => (value.of)(cmd.nsid.0, cmd.cdw11, version),
        None => 0,
    }
}

fn capability(v: &View, cmd: &SetFeatures, bit: u32) -> Truth {
    feature(v, cmd).capabilities.map(|c| c & bit != 0).into()
}

fn told_capabilities(v: &View, cmd: &SetFeatures) -> String {
    let fid = cmd.fid;
    match feature(v, cmd).capabilities {
        Some(bits) => format!("supported capabilities of feature {fid}: {bits:X}h"),
        None => format!("the capabilities of feature {fid} were not read"),
    }
}

/// Whether the command asks for another value. Asking for the value that a feature already has may
/// be refused or not, so it decides nothing.
fn changes(cmd: &SetFeatures, v: &View) -> Truth {
    let bits = match value::of(cmd.fid) {
        Some(value) => (value.bits)(v, selected(cmd, v.version), v.version),
        None => u32::MAX,
    };
    let differs = feature(v, cmd).current.is_some_and(|now| now & bits != cmd.cdw11 & bits);
    if differs { Yes } else { Maybe }
}

/// What a Get Features saw of a feature, held against what is believed of it. Returns what is
/// believed afterwards. The current value (SEL = 000b) is the caller's.
/// `bits`: those of a value that count; `namespace_specific`: each namespace has one.
fn seen_other_than_current(
    apply: &mut Apply,
    known: Feature,
    bits: u32,
    namespace_specific: bool,
) -> Feature {
    let cmd = GetFeatures::project(apply.sqe);
    let of_namespace = cmd.nsid != Nsid::BROADCAST && cmd.nsid.0 != 0;
    shows(apply, get_features::NSID_CONTROLLER_SCOPE, of_namespace && !namespace_specific);
    shows(apply, get_features::DATA_POINTER_IGNORED, cmd.prp1.0 | cmd.prp2.0 != 0);
    let dw0 = apply.cqe.dw0();
    let same = |value: u32| value & bits == dw0 & bits;
    let mut learned = known;
    if selects(apply.controller()) != Yes {
        return learned;
    }
    // Were SEL ignored, the answer would be the current value.
    let other = known.current.is_some_and(|current| current & bits != dw0 & bits);
    shows(apply, get_features::SELECT, cmd.sel != 0 && cmd.sel <= SUPPORTED_CAPABILITIES && other);
    match cmd.sel {
        DEFAULT => {
            let before = known.default.filter(|_| is_constant(cmd.fid, apply.version));
            apply.hold(get_features::DEFAULT_CONSTANT, before.map(same), || {
                unequal("default", dw0 & bits, known.default)
            });
            learned.default = Some(dw0);
        }
        SAVED => {
            let unsaved = known.capabilities.is_some_and(|c| c & SAVEABLE == 0);
            if unsaved && known.saved.is_none() {
                apply.hold(get_features::SAVED_IS_DEFAULT, known.default.map(same), || {
                    unequal("saved", dw0 & bits, known.default)
                });
            } else {
                apply.hold(get_features::SELECT, known.saved.map(same), || {
                    unequal("saved", dw0 & bits, known.saved)
                });
                learned.saved = Some(dw0);
            }
        }
        SUPPORTED_CAPABILITIES => {
            let told = dw0 & NAMESPACE_SPECIFIC != 0;
            apply.hold(get_features::CAPABILITIES, told == namespace_specific, || {
                let owner = if namespace_specific { "a namespace" } else { "the controller" };
                (
                    format!("capabilities {dw0:X}h"),
                    format!("bit 1 = {}", u8::from(namespace_specific)),
                    format!("feature {} belongs to {owner}", cmd.fid),
                )
            });
            learned.capabilities = Some(dw0);
        }
        _ => {}
    }
    learned
}

/// Whether the default value never changes: a power limit (from 2.3) may change that of a power state.
fn is_constant(fid: Fid, version: Version) -> bool {
    fid != Fid::POWER_MANAGEMENT || version < Version::new(2, 3)
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
