//! Active Namespace ID list (CNS 02h). Base-2.3 §5.2.13.2.2, §4.6.2.

use spec::Nsid;
use spec::command::{Command, Identify};
use spec::identify::NamespaceList;
use spec::requirement::identify;

use super::*;
use crate::rules::claims::{Seen, claims, hold_all};

/// The rule.
pub static RULE: Rule = Rule {
    name: "identify 02h",
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED, &CHECKS, &PRPS],
    succeeds: Some(identify::CNS_KNOWN),
    data: |sqe, view| returns(sqe, view, seen),
    ..STRUCTURE
};

checks! {
    static CHECKS: Identify[cmd, v] in identify_active_list {
        NSID_RANGE        INVALID_NAMESPACE_OR_FORMAT
                          if no_list_after(cmd.nsid) => "NSID {:X}h", cmd.nsid.0;
    }
}

/// No identifier can follow FFFFFFFEh.
pub(super) fn no_list_after(nsid: Nsid) -> bool {
    nsid.0 >= u32::MAX - 1
}

/// The list, and the identifier that the host asked to start after.
pub(super) struct Listed {
    /// The list.
    pub list: NamespaceList,
    /// NSID of the command.
    pub after: Nsid,
}

impl Listed {
    /// The first identifier that does not follow its predecessor, or lies not above NSID.
    pub fn misplaced(&self) -> Option<Nsid> {
        let mut last = self.after;
        self.list.iter().find(|nsid| std::mem::replace(&mut last, *nsid) >= *nsid)
    }

    /// What stands behind the first 0.
    fn behind_the_end(&self) -> Option<Nsid> {
        self.list.entries().skip_while(|nsid| nsid.0 != 0).find(|nsid| nsid.0 != 0)
    }

    fn highest(&self) -> Option<Nsid> {
        self.list.iter().max()
    }
}

claims! {
    static ORDER: Listed[list, v] in identify_active_list {
        ORDER: list.misplaced().is_none(),
            "identifiers above NSID, each greater than the one before",
            "{} out of place, NSID {}", list.misplaced().unwrap_or_default(), list.after;
    }
}

claims! {
    pub(super) static FILLED: Listed[list, v] in identify {
        LIST_ZERO_FILLED: list.behind_the_end().is_none(), "0 behind the last identifier",
            "{} behind a 0", list.behind_the_end().unwrap_or_default();
    }
}

claims! {
    static HIGHEST: Listed[list, v] in identify_controller {
        NN: within_nn(list, v), "no identifier above NN",
            "NSID {}, NN = {}", list.highest().unwrap_or_default(), v.claims.map_or(0, |c| c.nn);
    }
}

fn within_nn(list: &Listed, v: &Seen) -> Truth {
    match (list.highest(), v.claims) {
        (Some(nsid), Some(claims)) => (nsid.0 <= claims.nn).into(),
        _ => Maybe,
    }
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    let after = Identify::project(apply.sqe).nsid;
    let Ok(bytes) = <[u8; BYTES as usize]>::try_from(bytes) else { return };
    if no_list_after(after) {
        return;
    }
    let listed = Listed { list: NamespaceList(bytes), after };
    for table in [ORDER, FILLED, HIGHEST] {
        hold_all(apply, &listed, table);
    }
    let ids: Vec<u32> = listed.list.iter().map(|nsid| nsid.0).collect();
    if listed.misplaced().is_none() {
        let full = ids.len() == NamespaceList::CAPACITY;
        again::list(apply, after, &ids, full);
        apply.controller().active.learn(after, &ids, full);
    }
}
