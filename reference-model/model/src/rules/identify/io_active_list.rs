//! I/O Command Set specific Active Namespace ID list (CNS 07h). Base-2.3 §5.2.13.2.7.

use spec::Nsid;
use spec::command::{Command, Identify};
use spec::identify::NamespaceList;
use spec::requirement::identify;

use super::active_list::{FILLED, Listed, no_list_after};
use super::*;
use crate::rules::claims::{Seen, claims, hold_all};

/// The rule.
pub static RULE: Rule = Rule {
    name: "identify 07h",
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED_BESIDE_CSI, &CHECKS, &PRPS],
    succeeds: Some(identify::MANDATORY),
    data: |sqe, view| returns(sqe, view, seen),
    accept: accept_of_set,
    ..STRUCTURE
};

checks! {
    static CHECKS: Identify[cmd, v] in identify_io_active_list {
        NSID_RANGE        INVALID_NAMESPACE_OR_FORMAT
                          if no_list_after(cmd.nsid) => "NSID {:X}h", cmd.nsid.0;
        CSI_UNSUPPORTED   INVALID_FIELD_IN_COMMAND
                          if unsupported_set(cmd.csi, v)
                          => "CSI {:02X}h, CAP.CSS {:02X}h", cmd.csi, css(v);
    }
}

claims! {
    static ORDER: Listed[list, v] in identify_io_active_list {
        ORDER: list.misplaced().is_none() && stranger(list, v).is_none(),
            "active identifiers above NSID, each greater than the one before",
            "{} out of place, {} not as CNS 02h has it, NSID {}",
            list.misplaced().unwrap_or_default(), stranger(list, v).unwrap_or_default(), list.after;
    }
}

/// An identifier that the list of all active namespaces has not; or, with one command set, one that
/// only that list has.
fn stranger(list: &Listed, v: &Seen) -> Option<Nsid> {
    let inactive = list.list.iter().find(|nsid| v.active.is_active(*nsid).is_no());
    let only_nvm = v.cap.is_some_and(|cap| cap.css() & SEVERAL_SETS == 0);
    let full = list.list.iter().count() == NamespaceList::CAPACITY;
    let missing = |nsid: &&u32| **nsid > list.after.0 && !list.list.iter().any(|n| n.0 == **nsid);
    let left_out = v.active.known().iter().find(missing).filter(|_| only_nvm && !full);
    inactive.or(left_out.map(|nsid| Nsid(*nsid)))
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    let Ok(bytes) = <[u8; BYTES as usize]>::try_from(bytes) else { return };
    let after = Identify::project(apply.sqe).nsid;
    let listed = Listed { list: NamespaceList(bytes), after };
    // After the last identifier a list may only be empty.
    hold_all(apply, &listed, ORDER);
    hold_all(apply, &listed, FILLED);
}
