//! Identify (opcode 06h), one file per structure (CNS). Base-2.3 §5.2.13.

use spec::command::{Command, Identify};
use spec::{Cns, QueueKind, Sqe, Version, requirement};

use super::common::{DWORD_0, PSDT_ADMIN, Reserved, no_result, shows, unused_nsid};
use super::prps::{Length, Prps, placement_is_defined};
use crate::checks;
use crate::ruling::{Apply, Data, Rule, View, no_data, no_effect, no_footprint};

pub mod active_list;
mod again;
pub mod controller;
pub mod namespace;

/// The rules of the modelled structures.
pub static TABLE: &[&Rule] = &[&namespace::RULE, &controller::RULE, &active_list::RULE];

/// Every structure has this many bytes.
const BYTES: u32 = 4096;

/// The rule for Identify of this SQE; `None`: a structure that is not modelled.
pub fn find(sqe: &Sqe) -> Option<&'static Rule> {
    match Identify::project(sqe).cns {
        Cns::IDENTIFY_NAMESPACE => Some(&namespace::RULE),
        Cns::IDENTIFY_CONTROLLER => Some(&controller::RULE),
        Cns::ACTIVE_NAMESPACE_ID_LIST => Some(&active_list::RULE),
        cns if cns.name().is_none() => Some(&UNDEFINED),
        _ => None,
    }
}

/// Identify of a structure that no known revision defines.
pub static UNDEFINED: Rule = Rule {
    name: "identify (undefined)",
    queue: QueueKind::Admin,
    opcode: Identify::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &CNS],
    succeeds: None,
    data: no_data,
    footprint: no_footprint,
    accept: no_effect,
    refuse: no_effect,
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

/// The data buffer: two PRP entries at most. Base-2.3 §5.2.13.
static PRPS: Prps = Prps { bytes: |_, _| Length::Bytes(BYTES as u64) };

/// CSI may be refused where it is not used (2.3); CNTID must be ignored from 2.0; the UUID Index
/// means something only with a UUID list, which is not followed.
static RESERVED: Reserved<Identify> = Reserved::and(|cmd, v| {
    let cntid = cmd.cntid.0 != 0 && v.version < Version::new(2, 0);
    cmd.csi != 0 || cmd.uidx != 0 || cmd.cnssid != 0 || cntid
});

fn accept(apply: &mut Apply) {
    no_result(apply);
    let cmd = Identify::project(apply.sqe);
    shows(apply, requirement::identify::CNTID_IGNORED, cmd.cntid.0 != 0);
    shows(apply, requirement::identify::CSI_IGNORED, cmd.csi != 0);
}

/// The structure goes where the PRP entries say, if the text says what they mean.
fn returns(sqe: &Sqe, view: &View, seen: fn(&mut Apply, &[u8])) -> Data {
    match placement_is_defined(sqe, view, u64::from(BYTES)) {
        true => Data::Returns { bytes: BYTES, seen },
        false => Data::Unknown,
    }
}
