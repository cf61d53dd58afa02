//! I/O Command Set specific Identify Namespace (CNS 05h). Base-2.3 §5.2.13.2.5; of the NVM command set
//! NVM-1.0 §4.1.5.3.

use std::ops::Range;
use std::sync::LazyLock;

use spec::Nsid;
use spec::command::{Command, Identify};
use spec::identify::NvmIdentifyNamespace;
use spec::requirement::identify;

use super::*;
use crate::rules::claims::{claims, first_reserved, first_set, hold_all};

/// The rule.
pub static RULE: Rule = Rule {
    name: "identify 05h",
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED_BESIDE_CSI, &NSID_OF_ONE, &CHECKS, &PRPS],
    succeeds: Some(identify::MANDATORY),
    data: |sqe, view| returns(sqe, view, seen),
    accept: accept_of_set,
    ..STRUCTURE
};

checks! {
    static CHECKS: Identify[cmd, v] in identify_nvm_namespace {
        BROADCAST_REFUSED INVALID_NAMESPACE_OR_FORMAT
                          if cmd.nsid == Nsid::BROADCAST
                          => "NSID FFFFFFFFh without Namespace Management (OACS bit 3)";
        CSI_UNSUPPORTED   INVALID_FIELD_IN_COMMAND
                          if foreign(cmd, v)
                          => "CSI {:02X}h, the namespace has {}", cmd.csi, told_set(cmd, v);
    }
}

/// Whether the command set of the namespace has no structure for this CSI. Zoned namespaces have that of
/// the NVM command set too; of an inactive namespace or all of them no set is known.
fn foreign(cmd: &Identify, v: &View) -> Truth {
    let of_namespace = match v.active.is_active(cmd.nsid) {
        Yes => set_of(cmd, v),
        _ => None,
    };
    match (of_namespace, cmd.csi) {
        (_, NVM) if v.cap.is_some_and(|cap| cap.css() & SEVERAL_SETS == 0) => No,
        (Some(set), csi) if set == csi => No,
        (Some(ZONED), NVM) => No,
        (Some(NVM | ZONED), _) => Yes,
        _ => Maybe,
    }
}

/// The command set of the namespace: as its descriptors say, or the only one there is.
fn set_of(cmd: &Identify, v: &View) -> Option<u8> {
    let told = v.world.namespace(cmd.nsid).and_then(|namespace| namespace.csi);
    let only_nvm = v.cap.is_some_and(|cap| cap.css() & SEVERAL_SETS == 0);
    told.or(only_nvm.then_some(NVM))
}

fn told_set(cmd: &Identify, v: &View) -> String {
    set_of(cmd, v).map_or("one that was not told".into(), |set| format!("command set {set:02X}h"))
}

claims! {
    static INACTIVE: NvmIdentifyNamespace[ns, v] in identify_nvm_namespace {
        NSID_INACTIVE: first_set(ns.bytes()).is_none(), "all bytes 0: the namespace is inactive",
            "byte {} is not 0", first_set(ns.bytes()).unwrap_or(0);
    }
}

claims! {
    static RESERVED_ZERO: NvmIdentifyNamespace[ns, v] in identify {
        RESERVED_ZERO: leftover(ns).is_none(), "0 in reserved bytes and bits",
            "byte {} is not 0", leftover(ns).unwrap_or(0);
    }
}

fn leftover(ns: &NvmIdentifyNamespace) -> Option<usize> {
    static RANGES: LazyLock<Vec<Range<usize>>> =
        LazyLock::new(NvmIdentifyNamespace::reserved_ranges);
    let formats = ns.elbaf();
    let bits = formats.iter().position(|format| format.into_bits() >> 9 != 0);
    first_reserved(ns.bytes(), &RANGES).or(bits.map(|n| 12 + 4 * n))
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    let Ok(bytes) = <[u8; BYTES as usize]>::try_from(bytes) else { return };
    let cmd = Identify::project(apply.sqe);
    let ns = NvmIdentifyNamespace(bytes);
    if cmd.nsid == Nsid::BROADCAST {
        let requirement = requirement::identify_nvm_namespace::BROADCAST;
        return shows(apply, requirement, true);
    }
    match apply.controller().active.is_active(cmd.nsid) {
        No => return hold_all(apply, &ns, INACTIVE),
        Maybe => return,
        Yes => {}
    }
    shows(apply, requirement::identify_nvm_namespace::NSID_INACTIVE, true);
    if cmd.csi == NVM {
        hold_all(apply, &ns, RESERVED_ZERO);
        again::structure(apply, (cmd.cns, cmd.nsid), &bytes);
    }
}
