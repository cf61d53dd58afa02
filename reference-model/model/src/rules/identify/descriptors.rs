//! Namespace Identification Descriptor list (CNS 03h). Base-2.3 §5.2.13.2.3, figure 331.

use spec::Nsid;
use spec::command::{Command, Identify};
use spec::identify::{NamespaceIdentification, NamespaceIdentificationList, Nidt};
use spec::requirement::identify;

use super::*;
use crate::rules::claims::{Seen, claims, hex, hold_all};
use crate::rules::common::{active, valid};
use crate::state::NamespaceClaims;

/// The rule.
pub static RULE: Rule = Rule {
    name: "identify 03h",
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED, &NSID, &CHECKS, &PRPS],
    succeeds: Some(identify::CNS_KNOWN),
    data: |sqe, view| returns(sqe, view, seen),
    ..STRUCTURE
};

checks! {
    static NSID: Identify[cmd, v] in common {
        // Before 2.3 no sentence gives FFFFFFFFh a status of its own: either fits.
        NSID_INVALID      INVALID_NAMESPACE_OR_FORMAT
                          if !v.valid_nsid(cmd.nsid)
                             | (cmd.nsid == Nsid::BROADCAST && v.version < TEXT_OF_ITS_OWN) & Maybe
                          => "NSID {}, {}", cmd.nsid, valid(v);
        NSID_BROADCAST    INVALID_FIELD_IN_COMMAND | INVALID_NAMESPACE_OR_FORMAT
                          if cmd.nsid == Nsid::BROADCAST && v.version < TEXT_OF_ITS_OWN
                          => "NSID FFFFFFFFh names no namespace";
    }
}

checks! {
    static CHECKS: Identify[cmd, v] in identify_descriptors {
        NSID_RANGE        INVALID_NAMESPACE_OR_FORMAT
                          if cmd.nsid.0 >= u32::MAX - 1 => "NSID {:X}h", cmd.nsid.0;
        NSID_INACTIVE     INVALID_FIELD_IN_COMMAND
                          if (cmd.nsid != Nsid::BROADCAST)
                             & v.valid_nsid(cmd.nsid) & !v.active.is_active(cmd.nsid)
                          => "NSID {}, {}", cmd.nsid, active(v);
    }
}

/// From this revision on the clause itself says what FFFFFFFFh gives.
const TEXT_OF_ITS_OWN: Version = Version::new(2, 3);

/// The list, and what Identify Namespace said of the same namespace.
struct Described {
    list: NamespaceIdentificationList,
    namespace: Option<NamespaceClaims>,
}

impl Described {
    /// What is wrong with the form of the list.
    fn malformed(&self) -> Option<String> {
        let mut met: Vec<Nidt> = Vec::new();
        for descriptor in self.list.iter() {
            let (nidt, length) = (descriptor.nidt, descriptor.nid.len());
            if nidt.length().map(usize::from) != Some(length) {
                return Some(format!("NIDT {nidt} with NIDL {length}"));
            }
            if met.contains(&nidt) {
                return Some(format!("NIDT {nidt} twice"));
            }
            met.push(nidt);
        }
        let cut = self.list.rest().get(1).filter(|length| **length != 0);
        cut.map(|length| format!("a descriptor with NIDL {length} at the end of the structure"))
    }

    fn identifiers(&self) -> impl Iterator<Item = (Nidt, &[u8])> {
        let naming = [Nidt::EUI64, Nidt::NGUID, Nidt::UUID];
        naming.into_iter().filter_map(|nidt| Some((nidt, self.list.find(nidt)?)))
    }

    /// A descriptor that says otherwise than Identify Namespace, or says what that leaves out.
    fn unlike_namespace(&self, ns: &NamespaceClaims) -> Option<String> {
        let fields = [(Nidt::EUI64, &ns.eui64[..]), (Nidt::NGUID, &ns.nguid[..])];
        fields.into_iter().find_map(|(nidt, field)| {
            let nid = self.list.find(nidt)?;
            let odd = nid != field || field.iter().all(|byte| *byte == 0);
            let (nid, field) = (hex(nid), hex(field));
            odd.then(|| format!("NIDT {nidt} is {nid}, Identify Namespace says {field}"))
        })
    }

    /// Whether something names the namespace; without EUI64 and NGUID it is the UUID.
    fn names_it(&self) -> bool {
        let told = |nid: &[u8]| nid.iter().any(|byte| *byte != 0);
        let bare = self.namespace.is_some_and(|ns| ns.eui64 == [0; 8] && ns.nguid == [0; 16]);
        match bare {
            true => self.list.find(Nidt::UUID).is_some_and(told),
            false => self.identifiers().any(|(_, nid)| told(nid)),
        }
    }

    fn told(&self) -> String {
        let tell = |one: NamespaceIdentification| match one.nidt {
            Nidt::CSI => format!("NIDT {}: {}", one.nidt, hex(one.nid)),
            nidt => format!("NIDT {nidt}"),
        };
        let all: Vec<_> = self.list.iter().map(tell).collect();
        if all.is_empty() { "no descriptor".into() } else { all.join(", ") }
    }

    fn csi(&self) -> Option<u8> {
        self.list.find(Nidt::CSI).and_then(|nid| nid.first().copied())
    }

    fn reserved(&self) -> bool {
        self.list.iter().all(|descriptor| descriptor.reserved == [0; 2])
    }
}

claims! {
    static CLAIMS: Described[ns, v] in identify_descriptors {
        FORMAT: ns.malformed().is_none(),
            "types 1 to 4, each at most once, with lengths 8, 16, 16 and 1",
            "{}", ns.malformed().unwrap_or_default();
        CSI: csi(ns, v), "a descriptor of type 4 with the command set of the namespace",
            "{}", ns.told();
        ONE_AT_LEAST: ns.names_it(),
            "an identifier that is not 0; the UUID where EUI64 and NGUID are 0", "{}", ns.told();
        AS_NAMESPACE: ns.namespace.as_ref().map(|claims| ns.unlike_namespace(claims).is_none()),
            "EUI64 and NGUID of Identify Namespace, and none that is 0 there",
            "{}", ns.namespace.as_ref().and_then(|c| ns.unlike_namespace(c)).unwrap_or_default();
    }
}

claims! {
    static RESERVED_ZERO: Described[ns, v] in identify {
        RESERVED_ZERO: ns.reserved(), "bytes 3:2 of each descriptor = 0", "{}", ns.told();
    }
}

/// A command set is told, and one that exists: 00h to 04h, or a vendor's. Base-2.3 figure 327.
fn csi(ns: &Described, _: &Seen) -> bool {
    ns.csi().is_some_and(|csi| csi <= 0x04 || (0x30..=0x3f).contains(&csi))
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    let Ok(bytes) = <[u8; BYTES as usize]>::try_from(bytes) else { return };
    let nsid = Identify::project(apply.sqe).nsid;
    let claims = apply.world.namespace(nsid).and_then(|namespace| namespace.claims);
    let described = Described { list: NamespaceIdentificationList(bytes), namespace: claims };
    hold_all(apply, &described, CLAIMS);
    hold_all(apply, &described, RESERVED_ZERO);
    again::structure(apply, (Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST, nsid), &bytes);
    if apply.controller().active.is_active(nsid) == Maybe {
        apply.controller().active.learn_one(nsid, true);
    }
    if let Some(csi) = described.csi() {
        apply.world.namespace_mut(nsid).csi = Some(csi);
    }
}
