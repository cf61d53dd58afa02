//! Identify Controller (CNS 01h). Base-2.3 §5.2.13.2.1, figure 328.

use std::ops::Range;
use std::sync::LazyLock;

use spec::Version;
use spec::identify::{IdentifyController, PowerState};
use spec::requirement::identify;

use super::*;
use crate::rules::claims::{Seen, claims, first_reserved, hold_all};
use crate::state::ControllerClaims;

/// The rule.
pub static RULE: Rule = Rule {
    name: "identify 01h",
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED, &NSID_UNUSED, &PRPS],
    succeeds: Some(identify::CNS_KNOWN),
    data: |sqe, view| returns(sqe, view, seen),
    ..STRUCTURE
};

claims! {
    /// What one structure must say, in the order of its bytes.
    pub static CLAIMS: IdentifyController[id, v] in identify_controller {
        STRINGS: printable(&id.sn().0) && printable(&id.mn().0) && printable(&id.fr().0),
            "20h to 7Eh, left justified, padded with spaces",
            "SN {:?}, MN {:?}, FR {:?}", id.sn().text(), id.mn().text(), id.fr().text();
        IEEE: id.ieee() != [0; 3], "a registered OUI", "IEEE 0";
        CMIC: id.cmic() & 0xf0 == 0, "bits 7:4 = 0", "CMIC {:02X}h", id.cmic();
        VER: v.vs.map(|vs| id.ver() == vs && vs != 0), "the value of VS",
            "VER {:08X}h, VS {:08X}h", id.ver(), v.vs.unwrap_or(0);
        CTRATT_GRANULARITY: !bit(id.ctratt(), 7), "bit 7 = 0 without Namespace Management",
            "CTRATT {:08X}h", id.ctratt();
        CTRATT_FDP: !(bit(id.ctratt(), 19) && bit(id.ctratt(), 11)), "not both bit 19 and bit 11",
            "CTRATT {:08X}h", id.ctratt();
        CTRATT_SETS: !bit(id.ctratt(), 2) || bit(id.ctratt(), 4), "bit 4 with bit 2",
            "CTRATT {:08X}h", id.ctratt();
        RRLS: id.rrls() & 0x8010 == 0x8010, "levels 4 and 15", "RRLS {:04X}h", id.rrls();
        BPCAP: matches!(id.bpcap(), 0x01 | 0x02 | 0x05 | 0x06),
            "bits 1:0 = 01b or 10b, bits 7:3 = 0",
            "BPCAP {:02X}h", id.bpcap();
        CNTRLTYPE: matches!(id.cntrltype(), 1..=3), "1, 2 or 3", "CNTRLTYPE {}", id.cntrltype();
        VWCI: (bit(id.vwci(), 7) || id.vwci() & 0x7f == 0) && (id.nvmsr() | id.mec()) & 0xfc == 0,
            "bits 6:0 = 0 unless bit 7; bits 7:2 of NVMSR and MEC = 0",
            "VWCI {:02X}h, NVMSR {:02X}h, MEC {:02X}h", id.vwci(), id.nvmsr(), id.mec();
        ACL: id.acl() >= 3, "at least 3 (four commands)", "ACL {}", id.acl();
        FRMW: (id.frmw() >> 1) & 7 != 0, "1 to 7 slots", "FRMW {:02X}h", id.frmw();
        NPSS: id.npss() < 32, "at most 31", "NPSS {}", id.npss();
        TEMPERATURES: id.wctemp() != 0 && id.cctemp() != 0, "not 0",
            "WCTEMP {}, CCTEMP {}", id.wctemp(), id.cctemp();
        HMPRE: id.hmpre() == 0 || id.hmpre() >= id.hmmin(), "HMPRE at least HMMIN",
            "HMPRE {}, HMMIN {}", id.hmpre(), id.hmmin();
        CAPACITY: id.tnvmcap() != 0 && id.unvmcap() <= id.tnvmcap(),
            "0 < TNVMCAP, UNVMCAP <= TNVMCAP",
            "TNVMCAP {}, UNVMCAP {}", id.tnvmcap(), id.unvmcap();
        RPMB: id.rpmbs() & 7 == 0 || bit(id.oacs(), 0), "OACS bit 0 with RPMB units",
            "RPMBS {:08X}h, OACS {:04X}h", id.rpmbs(), id.oacs();
        DSTO: !bit(id.dsto(), 1), "bit 1 = 0 without Device Self-test", "DSTO {:02X}h", id.dsto();
        SANICAP: no_deallocate(id.sanicap()),
            "bits 31:30 = 01b or 10b with a sanitize type, else 31:29 = 0",
            "SANICAP {:08X}h", id.sanicap();
        SANICAP_VERIFICATION: !bit(id.sanicap(), 3) || id.sanicap() & 3 != 0,
            "bit 3 only with bit 0 or 1", "SANICAP {:08X}h", id.sanicap();
        ANA: groups(id), "not 0 exactly with CMIC bit 3, NANAGRPID at most ANAGRPMAX",
            "CMIC {:02X}h, ANATT {}, ANAGRPMAX {}, NANAGRPID {}",
            id.cmic(), id.anatt(), id.anagrpmax(), id.nanagrpid();
        DOMAIN: bit(id.ctratt(), 10) == (id.did() != 0), "not 0 exactly with CTRATT bit 10",
            "domain identifier {}, CTRATT {:08X}h", id.did(), id.ctratt();
        MPTFAWR: activation_time(id, v), "0 exactly without FRMW bit 4",
            "MPTFAWR {}, FRMW {:02X}h", id.mptfawr(), id.frmw();
        SQES: id.sqes() & 15 == 6 && id.sqes() >> 4 >= 6, "required 6, maximum at least 6",
            "SQES {:02X}h", id.sqes();
        CQES: id.cqes() & 15 == 4 && id.cqes() >> 4 >= 4, "required 4, maximum at least 4",
            "CQES {:02X}h", id.cqes();
        ONCS_WRITE_ZEROES: write_zeroes(id), "bits 12:11 = 0 without Write Zeroes",
            "ONCS {:04X}h", id.oncs();
        FUSES: id.fuses() & !1 == 0, "bits 15:1 = 0", "FUSES {:04X}h", id.fuses();
        FNA: !bit(id.fna(), 3) || id.fna() & 3 == 0, "bits 1:0 = 0 with bit 3",
            "FNA {:02X}h", id.fna();
        VWC_FLUSH: matches!((id.vwc() >> 1) & 3, 2 | 3), "bits 2:1 = 10b or 11b",
            "VWC {:02X}h", id.vwc();
        AWUPF: id.awupf() <= id.awun(), "at most AWUN", "AWUPF {}, AWUN {}", id.awupf(), id.awun();
        NWPC: bit(id.nwpc(), 0) || id.nwpc() & 6 == 0, "bits 2:1 = 0 without bit 0",
            "NWPC {:02X}h", id.nwpc();
        ACWU: id.acwu() == 0, "0 without Compare and Write", "ACWU {}", id.acwu();
        MNAN: id.mnan() != 0 && id.mnan() <= id.nn(), "1 to NN",
            "MNAN {}, NN {}", id.mnan(), id.nn();
        MAXCNA: id.maxcna() <= if id.mnan() == 0 { id.nn() } else { id.mnan() },
            "at most MNAN, or NN",
            "MAXCNA {}, MNAN {}, NN {}", id.maxcna(), id.mnan(), id.nn();
        TRATTR: trackers(id), "0 where the capability is missing", "{}", id.trattr();
        SUBNQN: is_nqn(&id.subnqn().0), "\"nqn.\" and more, UTF-8, a NUL within 224 bytes",
            "SUBNQN {:?}", id.subnqn().text();
        POWER_ORDER: power_falls(id), "no more than in the state before", "{}", powers(id);
        POWER_NOPS: all_states(id,
            |s| s.flags() & 2 == 0 || (s.actp() == 0 && s.apws() & 0xc7 == 0)),
            "no active power in a state without operation", "{}", powers(id);
        POWER_RELATIVE: all_states(id, |s| relative(s) <= id.npss()), "at most NPSS",
            "NPSS {}, relative values up to {}",
                id.npss(), states(id).map(|s| relative(&s)).max().unwrap_or(0);
        POWER_ACTIVE: all_states(id, active_power_is_told),
            "a scale with a workload, a workload with a power",
            "{}", powers(id);
    }
}

claims! {
    /// What structures of all controllers of the subsystem must say together.
    pub static TOGETHER: IdentifyController[id, v] in controller {
        CMIC: v.others().next().is_none() || bit(id.cmic(), 1), "bit 1 = 1: several controllers",
            "CMIC {:02X}h", id.cmic();
        OWN_CNTLID: (id.cntlid() < 0xfff0 || v.version < Version::new(2, 3))
                    && v.others().flat_map(|c| c.claims).all(|c| c.cntlid != id.cntlid()),
            "another one than every other controller, from 2.3 on below FFF0h", "CNTLID {:04X}h", id.cntlid();
        SAME_NN: agree(v.others().flat_map(|c| c.claims).map(|c| c.nn == id.nn())),
            "the value of the other controllers", "NN {}", id.nn();
        SAME_SERIAL_AND_MODEL: v.world.subsystem.serial_and_model.as_ref()
                .map(|s| *s == serial_and_model(id)),
            "the values of the other controllers",
                "SN {:?}, MN {:?}", id.sn().text(), id.mn().text();
        SAME_SUBNQN: v.world.subsystem.subnqn.as_ref().map(|s| *s == id.subnqn().0),
            "the name of the other controllers", "SUBNQN {:?}", id.subnqn().text();
    }
}

claims! {
    static RESERVED_ZERO: IdentifyController[id, v] in identify {
        RESERVED_ZERO: leftover(id).is_none(), "0 in reserved bytes and bits",
            "{}", leftover(id).unwrap_or_default();
    }
}

/// Bits that the newest known revision reserves within a field: name, bits that are set.
fn reserved_bits(id: &IdentifyController) -> [(&'static str, u64); 9] {
    [
        ("CTRATT", u64::from(id.ctratt() & 0xffc0_0000)),
        ("OACS", u64::from(id.oacs() & 0xf000)),
        ("FRMW", u64::from(id.frmw() & 0xc0)),
        ("LPA", u64::from(id.lpa() & 0x80)),
        ("APSTA", u64::from(id.apsta() & 0xfe)),
        ("HCTMA", u64::from(id.hctma() & 0xfffe)),
        ("ONCS", u64::from(id.oncs() & 0xe000)),
        ("VWC", u64::from(id.vwc() & 0xf8)),
        ("SGLS", u64::from(id.sgls() & 0xffc0_00f8)),
    ]
}

/// The first reserved byte or bit that is not 0. Bytes 252:240 belong to the management interface.
fn leftover(id: &IdentifyController) -> Option<String> {
    static RANGES: LazyLock<Vec<Range<usize>>> = LazyLock::new(|| {
        let all = IdentifyController::reserved_ranges();
        let of_mi = |range: &Range<usize>| range.start <= 240 && range.end > 240;
        all.into_iter().map(|r| if of_mi(&r) { r.start..240 } else { r }).collect()
    });
    let byte = first_reserved(id.bytes(), &RANGES);
    let bits = reserved_bits(id).into_iter().find(|(_, bits)| *bits != 0);
    byte.map(|at| format!("byte {at} is {:02X}h", id.bytes()[at]))
        .or_else(|| bits.map(|(name, bits)| format!("{name} bits {bits:X}h")))
}

fn bit(value: impl Into<u64>, n: u32) -> bool {
    value.into() >> n & 1 != 0
}

/// ASCII, left justified, padded with spaces. Base-2.3 §1.4.2.
fn printable(text: &[u8]) -> bool {
    let in_range = text.iter().all(|byte| (0x20..=0x7e).contains(byte));
    in_range && (text[0] != b' ' || text.iter().all(|byte| *byte == b' '))
}

/// NODMMAS and NDI against the sanitize types.
fn no_deallocate(sanicap: u32) -> bool {
    match sanicap & 7 {
        0 => sanicap >> 29 == 0,
        _ => matches!(sanicap >> 30, 1 | 2),
    }
}

fn groups(id: &IdentifyController) -> bool {
    let told = [u32::from(id.anatt()), id.anagrpmax(), id.nanagrpid()];
    match bit(id.cmic(), 3) {
        true => told.iter().all(|n| *n != 0) && id.nanagrpid() <= id.anagrpmax(),
        false => told == [0; 3],
    }
}

fn activation_time(id: &IdentifyController, v: &Seen) -> Truth {
    match (bit(id.frmw(), 4), id.mptfawr() != 0) {
        (true, false) if v.version < Version::new(2, 1) => Maybe,
        (with, told) => (with == told).into(),
    }
}

/// Write Zeroes may be supported without ONCS bit 3 up to a size that CNS 06h tells.
fn write_zeroes(id: &IdentifyController) -> Truth {
    if id.oncs() & 0x1800 == 0 { Yes } else { Maybe }
}

fn trackers(id: &IdentifyController) -> bool {
    let migration = id.bytes()[570..576].iter().all(|byte| *byte == 0);
    (bit(id.trattr(), 0) || migration)
        && (bit(id.trattr(), 1) || (id.mcudmq() == 0 && id.mnsudmq() == 0))
        && (bit(id.dsto(), 1) || (id.rhiri() == 0 && id.hirt() == 0))
        && (bit(id.ctratt(), 20) || id.mup() == 0)
}

/// An NVMe Qualified Name, as far as its form is simple: Base-2.3 §4.7.
fn is_nqn(bytes: &[u8]) -> bool {
    let Some(end) = bytes.iter().take(224).position(|byte| *byte == 0) else { return false };
    std::str::from_utf8(&bytes[..end]).is_ok_and(|name| name.starts_with("nqn."))
}

/// The power states that are there: 0 to NPSS.
fn states(id: &IdentifyController) -> impl Iterator<Item = PowerState> {
    (0..=usize::from(id.npss().min(31))).filter_map(|n| id.power_state(n))
}

fn all_states(id: &IdentifyController, holds: impl Fn(&PowerState) -> bool) -> bool {
    states(id).all(|state| holds(&state))
}

/// Maximum power in units of 0.0001 W; 0 is not told.
fn maximum_power(state: &PowerState) -> u32 {
    let unit = if state.flags() & 1 == 0 { 100 } else { 1 };
    u32::from(state.mp()) * unit
}

fn power_falls(id: &IdentifyController) -> bool {
    let told: Vec<u32> = states(id).map(|s| maximum_power(&s)).filter(|mp| *mp != 0).collect();
    told.is_sorted_by(|a, b| a >= b)
}

fn powers(id: &IdentifyController) -> String {
    let told: Vec<_> = states(id)
        .map(|s| format!("MP {} ACTP {} flags {}", maximum_power(&s), s.actp(), s.flags()))
        .collect();
    told.join("; ")
}

fn relative(state: &PowerState) -> u8 {
    [state.rrt(), state.rrl(), state.rwt(), state.rwl()]
        .map(|n| n & 0x1f)
        .into_iter()
        .max()
        .unwrap_or(0)
}

fn active_power_is_told(state: &PowerState) -> bool {
    let (workload, scale) = (state.apws() & 7, state.apws() >> 6);
    (workload == 0 || scale != 0) && (workload != 0 || state.actp() == 0)
}

/// Yes if all agree, Maybe if there is nothing to compare with.
fn agree(all: impl Iterator<Item = bool>) -> Truth {
    all.map(Truth::from).min().unwrap_or(Maybe)
}

fn serial_and_model(id: &IdentifyController) -> Vec<u8> {
    [&id.sn().0[..], &id.mn().0[..]].concat()
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    let Ok(bytes) = <[u8; BYTES as usize]>::try_from(bytes) else { return };
    let id = IdentifyController(bytes);
    // Some requirements apply or not by what the structure itself says: learn it first.
    apply.controller().claims = Some(learned(&id));
    hold_all(apply, &id, CLAIMS);
    hold_all(apply, &id, TOGETHER);
    hold_all(apply, &id, RESERVED_ZERO);
    again::controller(apply, &id);
    let subsystem = &mut apply.world.subsystem;
    subsystem.serial_and_model.get_or_insert_with(|| serial_and_model(&id));
    subsystem.subnqn.get_or_insert_with(|| id.subnqn().0.to_vec());
}

/// Bit n: power state n is non-operational.
fn non_operational(id: &IdentifyController) -> u32 {
    let numbered = (0..32u32).zip(states(id));
    numbered.filter(|(_, state)| state.flags() & 2 != 0).fold(0, |all, (n, _)| all | 1 << n)
}

fn learned(id: &IdentifyController) -> ControllerClaims {
    ControllerClaims {
        vid: id.vid(),
        ssvid: id.ssvid(),
        cmic: id.cmic(),
        mdts: id.mdts(),
        cntlid: id.cntlid(),
        ver: id.ver(),
        oaes: id.oaes(),
        ctratt: id.ctratt(),
        cntrltype: id.cntrltype(),
        oacs: id.oacs(),
        acl: id.acl(),
        aerl: id.aerl(),
        frmw: id.frmw(),
        lpa: id.lpa(),
        elpe: id.elpe(),
        wctemp: id.wctemp(),
        cctemp: id.cctemp(),
        sqes: id.sqes(),
        cqes: id.cqes(),
        nn: id.nn(),
        npss: id.npss(),
        apsta: id.apsta(),
        nops: non_operational(id),
        oncs: id.oncs(),
        fuses: id.fuses(),
        vwc: id.vwc(),
        awun: id.awun(),
        awupf: id.awupf(),
        sgls: id.sgls(),
        mnan: id.mnan(),
    }
}
