//! Identify Namespace of the NVM command set (CNS 00h). NVM-1.0 §4.1.5.1, figure 97.

use std::ops::Range;
use std::sync::LazyLock;

use spec::Nsid;
use spec::command::{Command, Identify};
use spec::identify::IdentifyNamespace;
use spec::requirement::identify;

use super::*;
use crate::rules::claims::{Seen, claims, first_reserved, hex, hold_all};
use crate::rules::common::valid;
use crate::state::NamespaceClaims;

/// The rule.
pub static RULE: Rule = Rule {
    name: "identify 00h",
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED, &NSID, &BROADCAST, &PRPS],
    succeeds: Some(identify::CNS_KNOWN),
    data: |sqe, view| returns(sqe, view, seen),
    ..STRUCTURE
};

checks! {
    static NSID: Identify[cmd, v] in common {
        // What FFFFFFFFh gives without Namespace Management is open after 2.0.
        NSID_INVALID      INVALID_NAMESPACE_OR_FORMAT | INVALID_FIELD_IN_COMMAND
                          if !v.valid_nsid(cmd.nsid)
                             | (cmd.nsid == Nsid::BROADCAST) & !manages_namespaces(v) & Maybe
                          => "NSID {}, {}", cmd.nsid, valid(v);
    }
}

checks! {
    static BROADCAST: Identify[cmd, v] in identify_namespace {
        BROADCAST_REFUSED INVALID_NAMESPACE_OR_FORMAT
                          if cmd.nsid == Nsid::BROADCAST
                          => "NSID FFFFFFFFh without Namespace Management (OACS bit 3)";
    }
}

fn manages_namespaces(v: &View) -> Truth {
    v.claims.map(|c| c.oacs & 1 << 3 != 0).into()
}

claims! {
    /// What the structure of an active namespace must say.
    pub static CLAIMS: IdentifyNamespace[ns, v] in identify_namespace {
        CAPACITY_ORDER: ns.nsze() >= ns.ncap() && ns.ncap() >= ns.nuse(), "NSZE >= NCAP >= NUSE",
            "NSZE {}, NCAP {}, NUSE {}", ns.nsze(), ns.ncap(), ns.nuse();
        NCAP: ns.nsfeat() & 1 != 0 || ns.ncap() == ns.nsze(),
            "NCAP = NSZE without thin provisioning",
            "NSZE {}, NCAP {}", ns.nsze(), ns.ncap();
        NLBAF: formats(ns), "at most 63, and the format in use among them",
            "NLBAF {}, format {}", ns.nlbaf(), ns.format_index();
        LBADS: ns.format().lbads() >= 9, "at least 9 (512 bytes)", "LBADS {}", ns.format().lbads();
        METADATA_CAPABILITIES: metadata_is_offered(ns), "a way of transfer that MC offers",
            "MS {}, FLBAS {:02X}h, MC {:02X}h", ns.format().ms(), ns.flbas(), ns.mc();
        PROTECTION_LOCATION: (ns.dpc() | ns.dps()) & 8 == 0, "bit 3 of DPC and DPS = 0",
            "DPC {:02X}h, DPS {:02X}h", ns.dpc(), ns.dps();
        PROTECTION_TYPE: protection_is_offered(ns),
            "a type that DPC offers, with 8 bytes of metadata",
            "DPS {:02X}h, DPC {:02X}h, MS {}", ns.dps(), ns.dpc(), ns.format().ms();
        DLFEAT: dlfeat(ns, v), "bits 2:0 at most 2, bits 7:5 = 0, bit 3 as in every namespace",
            "DLFEAT {:02X}h", ns.dlfeat();
        ATOMIC_SIZES: atomic_sizes(ns, v), "0, or at least the value of the controller",
            "NAWUN {}, NAWUPF {}", ns.nawun(), ns.nawupf();
        ATOMIC_BOUNDARIES: atomic_boundaries(ns, v), "0, or at least the atomic size; NABO within",
            "NABSN {}, NABSPF {}, NABO {}", ns.nabsn(), ns.nabspf(), ns.nabo();
        NABO: ns.nabsn() | ns.nabspf() != 0 || ns.nabo() == 0, "0 without boundaries",
            "NABO {}", ns.nabo();
        COPY_LIMITS: ns.mssrl() != 0 && ns.mcl() != 0, "not 0 with Copy",
            "MSSRL {}, MCL {}", ns.mssrl(), ns.mcl();
    }
}

claims! {
    static RESERVED_ZERO: IdentifyNamespace[ns, v] in identify {
        RESERVED_ZERO: leftover(ns).is_none(), "0 in reserved bytes",
            "byte {} is not 0", leftover(ns).unwrap_or(0);
    }
}

claims! {
    static INACTIVE: IdentifyNamespace[ns, v] in identify_namespace {
        NSID_INACTIVE: ns.bytes().iter().all(|byte| *byte == 0),
            "all bytes 0: the namespace is inactive",
            "NSZE {}", ns.nsze();
    }
}

claims! {
    static CAPABILITIES: IdentifyNamespace[ns, v] in identify_namespace {
        BROADCAST: ns.lbaf().iter().any(|f| f.into_bits() != 0), "LBA formats", "none";
    }
}

/// NLBAF and the format in use. With attributes of formats (NULBAF) the index may go beyond.
fn formats(ns: &IdentifyNamespace) -> bool {
    ns.nlbaf() <= 63 && (ns.nulbaf() != 0 || ns.format_index() <= usize::from(ns.nlbaf()))
}

fn metadata_is_offered(ns: &IdentifyNamespace) -> bool {
    let way = if ns.metadata_extends_block() { 1 } else { 2 };
    ns.format().ms() == 0 || ns.mc() & way != 0
}

fn protection_is_offered(ns: &IdentifyNamespace) -> bool {
    match ns.dps() & 7 {
        0 => true,
        kind @ 1..=3 => ns.dpc() >> (kind - 1) & 1 != 0 && ns.format().ms() >= 8,
        _ => false,
    }
}

fn dlfeat(ns: &IdentifyNamespace, v: &Seen) -> bool {
    let other = v.world.subsystem.dlfeat_bit_3;
    ns.dlfeat() & 7 <= 2
        && ns.dlfeat() & 0xe0 == 0
        && other.is_none_or(|bit| bit == (ns.dlfeat() & 8 != 0))
}

/// NAWUN and NAWUPF against AWUN and AWUPF, which are 0's based: nothing is less than 0. Without NSFEAT
/// bit 1 they are reserved.
fn atomic_sizes(ns: &IdentifyNamespace, v: &Seen) -> Truth {
    let Some(c) = v.claims else { return Maybe };
    if ns.nsfeat() & 2 == 0 || c.awun == 0 && c.awupf == 0 {
        return Maybe;
    }
    let fits = |own: u16, least: u16| own == 0 || own >= least;
    (fits(ns.nawun(), c.awun) && fits(ns.nawupf(), c.awupf)).into()
}

fn atomic_boundaries(ns: &IdentifyNamespace, v: &Seen) -> Truth {
    let Some(c) = v.claims else { return Maybe };
    if ns.nsfeat() & 2 == 0 {
        return Maybe;
    }
    let size = |own: u16, of_controller: u16| if own == 0 { of_controller } else { own };
    let fits =
        |boundary: u16, least: u16| boundary == 0 || (boundary >= least && ns.nabo() <= boundary);
    let normal = fits(ns.nabsn(), size(ns.nawun(), c.awun));
    let power_fail = fits(ns.nabspf(), size(ns.nawupf(), c.awupf));
    (normal && power_fail).into()
}

fn leftover(ns: &IdentifyNamespace) -> Option<usize> {
    static RANGES: LazyLock<Vec<Range<usize>>> = LazyLock::new(IdentifyNamespace::reserved_ranges);
    first_reserved(ns.bytes(), &RANGES)
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    let Ok(bytes) = <[u8; BYTES as usize]>::try_from(bytes) else { return };
    let ns = IdentifyNamespace(bytes);
    let nsid = Identify::project(apply.sqe).nsid;
    if nsid == Nsid::BROADCAST {
        return hold_all(apply, &ns, CAPABILITIES);
    }
    let empty = bytes.iter().all(|byte| *byte == 0);
    match apply.controller().active.is_active(nsid) {
        No => return hold_all(apply, &ns, INACTIVE),
        Maybe if empty => return apply.controller().active.learn_one(nsid, false),
        Maybe => apply.controller().active.learn_one(nsid, true),
        Yes => {}
    }
    hold_all(apply, &ns, CLAIMS);
    hold_all(apply, &ns, RESERVED_ZERO);
    again::namespace(apply, nsid, &ns);
    learn(apply, nsid, &ns);
}

/// Binds what the structure claims, and holds it against what another controller showed.
fn learn(apply: &mut Apply, nsid: Nsid, ns: &IdentifyNamespace) {
    let Some(block) = ns.format().data_bytes().and_then(|b| u32::try_from(b.0).ok()) else {
        return;
    };
    let claims = NamespaceClaims {
        nsze: ns.nsze(),
        ncap: ns.ncap(),
        nuse: ns.nuse(),
        nsfeat: ns.nsfeat(),
        nlbaf: ns.nlbaf(),
        flbas: ns.flbas(),
        mc: ns.mc(),
        dpc: ns.dpc(),
        dps: ns.dps(),
        nmic: ns.nmic(),
        dlfeat: ns.dlfeat(),
        nsattr: ns.nsattr(),
        nguid: ns.nguid(),
        eui64: ns.eui64(),
        block_bytes: block,
        ms: ns.format().ms(),
    };
    apply.world.subsystem.dlfeat_bit_3.get_or_insert(ns.dlfeat() & 8 != 0);
    let own = 1u64 << (apply.ctrl & 63);
    let namespace = apply.world.namespace_mut(nsid);
    let before = namespace.claims.replace(claims).filter(|_| namespace.seen_by & !own != 0);
    namespace.seen_by |= own;
    if let Some(before) = before.filter(|before| is_the_same(before, &claims)) {
        hold_shared(apply, nsid, &before, &claims);
    }
}

/// Whether both are surely one namespace: by an identifier that is unique in the world.
fn is_the_same(a: &NamespaceClaims, b: &NamespaceClaims) -> bool {
    (a.nguid != [0; 16] && a.nguid == b.nguid) || (a.eui64 != [0; 8] && a.eui64 == b.eui64)
}

fn hold_shared(apply: &mut Apply, nsid: Nsid, before: &NamespaceClaims, now: &NamespaceClaims) {
    use spec::requirement::controller;
    let because = || format!("another controller showed NSID {nsid} with the same identifiers");
    apply.hold(controller::SHARED_MARKED, before.nmic & now.nmic & 1 != 0, || {
        (format!("NMIC {:02X}h", now.nmic), "bit 0 = 1".into(), because())
    });
    // Utilization may have changed in between, and whether the namespace is write protected.
    let same = NamespaceClaims { nuse: now.nuse, nsattr: now.nsattr, ..*before } == *now;
    apply.hold(controller::SAME_NAMESPACE_DATA, same, || {
        let differs = told(before).into_iter().zip(told(now)).find(|(before, now)| before != now);
        let (before, now) = differs.unwrap_or_default();
        (now, before, because())
    });
}

/// What must be the same through every controller, field by field, for reports.
fn told(ns: &NamespaceClaims) -> Vec<String> {
    let numbers = [
        ("NSZE", ns.nsze),
        ("NCAP", ns.ncap),
        ("NSFEAT", ns.nsfeat.into()),
        ("NLBAF", ns.nlbaf.into()),
        ("FLBAS", ns.flbas.into()),
        ("MC", ns.mc.into()),
        ("DPC", ns.dpc.into()),
        ("DPS", ns.dps.into()),
        ("NMIC", ns.nmic.into()),
        ("DLFEAT", ns.dlfeat.into()),
        ("NSATTR", ns.nsattr.into()),
        ("bytes of a block", ns.block_bytes.into()),
        ("MS", ns.ms.into()),
    ];
    let mut all: Vec<_> = numbers.iter().map(|(name, value)| format!("{name} {value}")).collect();
    all.push(format!("NGUID {}", hex(&ns.nguid)));
    all.push(format!("EUI64 {}", hex(&ns.eui64)));
    all
}
