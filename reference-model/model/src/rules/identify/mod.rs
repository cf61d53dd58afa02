//! Identify (opcode 06h), one file per structure (CNS). Base-2.3 §5.2.13.

use spec::command::{Command, Identify};
use spec::{Cns, QueueKind, Sqe, Version, requirement};

use super::common::{DWORD_0, PSDT_ADMIN, Reserved, no_result, shows, unused_nsid, valid};
use super::prps::{Length, Prps, placement_is_defined};
use crate::checks;
use crate::ruling::{Apply, Data, Rule, View, no_data, no_effect, no_footprint};
use crate::truth::{Maybe, No, Truth, Yes};

pub mod active_list;
mod again;
pub mod controller;
pub mod descriptors;
pub mod independent;
pub mod io_active_list;
pub mod namespace;
pub mod nvm_controller;
pub mod nvm_namespace;

/// The rules of the modelled structures.
pub static TABLE: &[&Rule] = &[
    &namespace::RULE,
    &controller::RULE,
    &active_list::RULE,
    &descriptors::RULE,
    &nvm_namespace::RULE,
    &nvm_controller::RULE,
    &io_active_list::RULE,
    &independent::RULE,
];

/// Every structure has this many bytes.
const BYTES: u32 = 4096;

/// What the rules of all structures have alike; each names its tables and its data, and what else is its own.
const STRUCTURE: Rule = Rule {
    name: "identify",
    queue: QueueKind::Admin,
    opcode: Identify::OPCODE,
    tables: &[],
    succeeds: None,
    data: no_data,
    footprint: no_footprint,
    accept,
    refuse: no_result,
};

/// The rule for Identify of this SQE; `None`: a structure that is not modelled.
pub fn find(sqe: &Sqe) -> Option<&'static Rule> {
    match Identify::project(sqe).cns {
        Cns::IDENTIFY_NAMESPACE => Some(&namespace::RULE),
        Cns::IDENTIFY_CONTROLLER => Some(&controller::RULE),
        Cns::ACTIVE_NAMESPACE_ID_LIST => Some(&active_list::RULE),
        Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST => Some(&descriptors::RULE),
        Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE => Some(&nvm_namespace::RULE),
        Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_CONTROLLER => Some(&nvm_controller::RULE),
        Cns::IO_COMMAND_SET_SPECIFIC_ACTIVE_NAMESPACE_ID_LIST => Some(&io_active_list::RULE),
        Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE => Some(&independent::RULE),
        cns if cns.name().is_none() => Some(&UNDEFINED),
        _ => None,
    }
}

/// Identify of a structure that no known revision defines.
pub static UNDEFINED: Rule = Rule {
    name: "identify (undefined)",
    tables: &[&DWORD_0, &PSDT_ADMIN, &CNS],
    accept: no_effect,
    refuse: no_effect,
    ..STRUCTURE
};

checks! {
    static CNS: Identify[cmd, v] in identify {
        CNS_UNKNOWN       INVALID_FIELD_IN_COMMAND
                          if true => "CNS {} is not defined", cmd.cns;
    }
}

checks! {
    /// NSID of a structure that does not depend on a namespace. Base-2.3 §5.2.13 figure 326.
    static NSID_UNUSED: Identify[cmd, v] in identify {
        NSID_UNUSED       INVALID_FIELD_IN_COMMAND
                          if unused_nsid(cmd.nsid, v.version)
                          => "NSID {}, CNS {} uses none", cmd.nsid, cmd.cns;
    }
}

checks! {
    /// NSID of a structure of one namespace, where the clause has a status of its own for FFFFFFFFh.
    /// Base-2.3 §3.2.1.2.
    static NSID_OF_ONE: Identify[cmd, v] in common {
        NSID_INVALID      INVALID_NAMESPACE_OR_FORMAT
                          if !v.valid_nsid(cmd.nsid) => "NSID {}, {}", cmd.nsid, valid(v);
    }
}

/// The data buffer: two PRP entries at most. Base-2.3 §5.2.13.
static PRPS: Prps = Prps { bytes: |_, _| Length::Bytes(BYTES as u64) };

/// CSI may be refused where it is not used (2.3); CNTID must be ignored from 2.0; the UUID Index
/// means something only with a UUID list, which is not followed.
static RESERVED: Reserved<Identify> = Reserved::and(|cmd, v| cmd.csi != 0 || reserved(cmd, v));

/// The same for structures that CSI chooses.
static RESERVED_BESIDE_CSI: Reserved<Identify> = Reserved::and(reserved);

fn reserved(cmd: &Identify, v: &View) -> bool {
    let cntid = cmd.cntid.0 != 0 && v.version < Version::new(2, 0);
    cmd.uidx != 0 || cmd.cnssid != 0 || cntid || v.version < since(cmd.cns)
}

/// The first revision with this structure: before it the value was reserved, and a controller may have
/// had the structure all the same.
fn since(cns: Cns) -> Version {
    match cns.0 {
        0x03 => Version::new(1, 3),
        0x05..=0x08 => Version::new(2, 0),
        _ => Version::new(1, 0),
    }
}

/// The NVM command set, as CSI.
const NVM: u8 = 0x00;
/// The Zoned Namespace command set, as CSI.
const ZONED: u8 = 0x02;
/// CAP.CSS bit 6: CSI values other than 00h may be supported.
const SEVERAL_SETS: u8 = 1 << 6;

/// Whether the controller has no command set of this CSI, or has not enabled it. Values from 05h to 2Fh
/// are reserved. Base-2.3 figure 327, §3.1.4.1.
fn unsupported_set(csi: u8, v: &View) -> Truth {
    let Some(cap) = v.cap else { return if csi == NVM { No } else { Maybe } };
    match csi {
        NVM if cap.css() & 1 != 0 => No,
        NVM => Maybe,
        0x05..=0x2f | 0x40.. => Yes,
        _ if cap.css() & SEVERAL_SETS == 0 => Yes,
        _ => Maybe,
    }
}

fn css(v: &View) -> u8 {
    v.cap.map_or(0, |cap| cap.css())
}

fn accept(apply: &mut Apply) {
    let cmd = Identify::project(apply.sqe);
    shows(apply, requirement::identify::CSI_IGNORED, cmd.csi != 0);
    accept_of_set(apply);
}

/// The acceptance of a structure that CSI chooses.
fn accept_of_set(apply: &mut Apply) {
    no_result(apply);
    let cmd = Identify::project(apply.sqe);
    shows(apply, requirement::identify::CNTID_IGNORED, cmd.cntid.0 != 0);
    let mandatory = (0x05..=0x08).contains(&cmd.cns.0);
    shows(apply, requirement::identify::MANDATORY, mandatory);
}

/// The structure goes where the PRP entries say, if the text says what they mean.
fn returns(sqe: &Sqe, view: &View, seen: fn(&mut Apply, &[u8])) -> Data {
    match placement_is_defined(sqe, view, u64::from(BYTES)) {
        true => Data::Returns { bytes: BYTES, seen },
        false => Data::Unknown,
    }
}
