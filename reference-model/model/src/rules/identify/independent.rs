//! I/O Command Set Independent Identify Namespace (CNS 08h). Base-2.3 §5.2.13.2.8, figure 335.

use std::ops::Range;
use std::sync::LazyLock;

use spec::Nsid;
use spec::command::{Command, Identify};
use spec::identify::{IdentifyNamespace, IndependentIdentifyNamespace};
use spec::requirement::identify;

use super::*;
use crate::rules::claims::{Seen, claims, first_reserved, first_set, hold_all};

/// The rule.
pub static RULE: Rule = Rule {
    name: "identify 08h",
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED, &NSID_OF_ONE, &CHECKS, &PRPS],
    succeeds: Some(identify::MANDATORY),
    data: |sqe, view| returns(sqe, view, seen),
    ..STRUCTURE
};

checks! {
    static CHECKS: Identify[cmd, v] in identify_independent {
        BROADCAST_REFUSED INVALID_NAMESPACE_OR_FORMAT
                          if cmd.nsid == Nsid::BROADCAST
                          => "NSID FFFFFFFFh without Namespace Management (OACS bit 3)";
    }
}

/// The structure, and Identify Namespace of the same namespace as it was read before.
struct Both {
    independent: IndependentIdentifyNamespace,
    namespace: Option<IdentifyNamespace>,
}

impl Both {
    /// The first field that both structures have and do not agree on.
    fn unlike(&self) -> Option<(&'static str, u64, u64)> {
        let (a, b) = (&self.independent, self.namespace.as_ref()?);
        let pairs = [
            ("NSFEAT bit 3", u64::from(a.nsfeat() & 8), u64::from(b.nsfeat() & 8)),
            ("NMIC", u64::from(a.nmic()), u64::from(b.nmic())),
            ("RESCAP", u64::from(a.rescap()), u64::from(b.rescap())),
            ("ANAGRPID", u64::from(a.anagrpid()), u64::from(b.anagrpid())),
            ("NVMSETID", u64::from(a.nvmsetid()), u64::from(b.nvmsetid())),
            ("ENDGID", u64::from(a.endgid()), u64::from(b.endgid())),
            // The percentage and the write protection move; whether a progress is told does not.
            ("FPI bit 7", u64::from(a.fpi() & 0x80), u64::from(b.fpi() & 0x80)),
        ];
        pairs.into_iter().find(|(_, a, b)| a != b)
    }

    fn told(&self) -> String {
        let differs = |(name, a, b)| format!("{name} {a:X}h, CNS 00h has {b:X}h");
        self.unlike().map(differs).unwrap_or_default()
    }
}

claims! {
    static CLAIMS: Both[ns, v] in identify_independent {
        AS_NAMESPACE: ns.namespace.is_some().then(|| ns.unlike().is_none()),
            "what Identify Namespace (CNS 00h) says", "{}", ns.told();
        UNSUPPORTED_ZERO: unsupported(ns, v).map(|field| field.is_none()),
            "0 where the function is not supported",
            "{} is not 0", unsupported(ns, v).flatten().unwrap_or_default();
        DISPERSED: ns.independent.nmic() & 3 != 2 && ns.independent.kpios() & 3 != 1,
            "NMIC bit 0 with bit 1, KPIOS bit 1 with bit 0",
            "NMIC {:02X}h, KPIOS {:02X}h", ns.independent.nmic(), ns.independent.kpios();
    }
}

claims! {
    static RESERVED_ZERO: Both[ns, v] in identify {
        RESERVED_ZERO: leftover(&ns.independent).is_none(), "0 in reserved bytes and bits",
            "byte {} is not as it should be", leftover(&ns.independent).unwrap_or(0);
    }
}

claims! {
    static INACTIVE: Both[ns, v] in identify_independent {
        NSID_INACTIVE: first_set(ns.independent.bytes()).is_none(),
            "all bytes 0: the namespace is inactive",
            "byte {} is not 0", first_set(ns.independent.bytes()).unwrap_or(0);
    }
}

/// The first field that is not 0 although its function is missing; `None`: the controller was not asked.
fn unsupported(ns: &Both, v: &Seen) -> Option<Option<&'static str>> {
    let (a, c) = (&ns.independent, v.claims?);
    let named = ns.namespace.as_ref().is_none_or(|b| b.nguid() != [0; 16] || b.eui64() != [0; 8]);
    let fields = [
        ("FPI", a.fpi() & 0x80 == 0 && a.fpi() != 0),
        ("ANAGRPID", c.cmic & 1 << 3 == 0 && a.anagrpid() != 0),
        ("NVMSETID", c.ctratt & 1 << 2 == 0 && a.nvmsetid() != 0),
        ("ENDGID", c.ctratt & 1 << 4 == 0 && a.endgid() != 0),
        ("NSFEAT bit 3", !named && a.nsfeat() & 8 != 0),
    ];
    Some(fields.into_iter().find(|(_, wrong)| *wrong).map(|(name, _)| name))
}

/// The first reserved byte that is not 0, or field with a reserved bit. NSFEAT bit 0 was in use in 2.0.
fn leftover(ns: &IndependentIdentifyNamespace) -> Option<usize> {
    static RANGES: LazyLock<Vec<Range<usize>>> =
        LazyLock::new(IndependentIdentifyNamespace::reserved_ranges);
    let bits = [(0, ns.nsfeat() & 0xc6), (1, ns.nmic() & 0xfc), (8, ns.nsattr() & 0xfe)];
    let field = bits.into_iter().find(|(_, bits)| *bits != 0).map(|(at, _)| at);
    first_reserved(ns.bytes(), &RANGES).or(field)
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    let Ok(bytes) = <[u8; BYTES as usize]>::try_from(bytes) else { return };
    let nsid = Identify::project(apply.sqe).nsid;
    if nsid == Nsid::BROADCAST {
        return;
    }
    let now = apply.controller().lives.power_losses;
    let kept = kept_namespace(apply, nsid, now);
    let both = Both { independent: IndependentIdentifyNamespace(bytes), namespace: kept };
    match apply.controller().active.is_active(nsid) {
        No => return hold_all(apply, &both, INACTIVE),
        Maybe => return,
        Yes => {}
    }
    hold_all(apply, &both, CLAIMS);
    hold_all(apply, &both, RESERVED_ZERO);
    again::structure(apply, (Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE, nsid), &bytes);
}

/// Identify Namespace as it was read in this power cycle: afterwards the NSID may be another's.
fn kept_namespace(apply: &mut Apply, nsid: Nsid, power_losses: u32) -> Option<IdentifyNamespace> {
    let known = &apply.controller().identified_namespaces;
    let (_, kept) = known.iter().find(|(known, _)| *known == nsid)?;
    let same = kept.lives.power_losses == power_losses;
    <[u8; BYTES as usize]>::try_from(&*kept.bytes).ok().filter(|_| same).map(IdentifyNamespace)
}
