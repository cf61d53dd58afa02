//! The fields that are mutated, by the names of the figures.

use spec::Sqe;
use spec::identify::{IdentifyController, IdentifyNamespace};
use spec::log_page::ErrorInformation;
use spec::register as reg;
use spec::structure::ByteField;

/// A field of a register: name, lowest bit, width.
pub type Bits = (&'static str, u32, u32);

/// What a register is called, and its fields; what they leave is reserved.
pub fn register(offset: u32) -> Option<(&'static str, u32, &'static [Bits])> {
    Some(match offset {
        reg::CAP => ("cap", 64, &CAP),
        reg::VS => ("vs", 32, &[("ter", 0, 8), ("mnr", 8, 8), ("mjr", 16, 16)]),
        reg::INTMS => ("intms", 32, &[("ivms", 0, 32)]),
        reg::INTMC => ("intmc", 32, &[("ivmc", 0, 32)]),
        reg::CC => ("cc", 32, &CC),
        reg::CSTS => ("csts", 32, &CSTS),
        reg::NSSR => ("nssr", 32, &[("nssrc", 0, 32)]),
        reg::AQA => ("aqa", 32, &[("asqs", 0, 12), ("acqs", 16, 12)]),
        reg::ASQ => ("asq", 64, &[("asqb", 12, 52)]),
        reg::ACQ => ("acq", 64, &[("acqb", 12, 52)]),
        reg::CRTO => ("crto", 32, &[("crwmt", 0, 16), ("crimt", 16, 16)]),
        _ => return None,
    })
}

const CAP: [Bits; 17] = [
    ("mqes", 0, 16),
    ("cqr", 16, 1),
    ("ams", 17, 2),
    ("to", 24, 8),
    ("dstrd", 32, 4),
    ("nssrs", 36, 1),
    ("css", 37, 8),
    ("bps", 45, 1),
    ("cps", 46, 2),
    ("mpsmin", 48, 4),
    ("mpsmax", 52, 4),
    ("pmrs", 56, 1),
    ("cmbs", 57, 1),
    ("nsss", 58, 1),
    ("crms", 59, 2),
    ("nsses", 61, 1),
    ("reserved", 19, 5),
];

const CC: [Bits; 8] = [
    ("en", 0, 1),
    ("css", 4, 3),
    ("mps", 7, 4),
    ("ams", 11, 3),
    ("shn", 14, 2),
    ("iosqes", 16, 4),
    ("iocqes", 20, 4),
    ("crime", 24, 1),
];

const CSTS: [Bits; 6] =
    [("rdy", 0, 1), ("cfs", 1, 1), ("shst", 2, 2), ("nssro", 4, 1), ("pp", 5, 1), ("st", 6, 1)];

/// The bits of a register of `bits` bits that `fields` leave.
pub fn reserved_bits(bits: u32, fields: &[Bits]) -> Vec<u32> {
    let named = |bit: &u32| fields.iter().any(|(_, low, width)| (*low..low + width).contains(bit));
    (0..bits).filter(|bit| !named(bit)).collect()
}

/// A structure that a command returns.
#[derive(Clone, Copy)]
pub struct Structure {
    /// What it is called.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [ByteField],
    /// How many bytes one has; a log page may hold several.
    pub bytes: usize,
}

/// The structure that an admin command returns.
pub fn structure(sqe: &Sqe) -> Option<Structure> {
    const LIST: &[ByteField] = &[ByteField { name: "entry", offset: 0, bytes: 4 }];
    let low = sqe.dw[10] & 0xff;
    Some(match (sqe.opcode(), low) {
        (0x06, 0x00) => Structure {
            name: "identify-namespace",
            fields: IdentifyNamespace::<[u8; 4096]>::FIELDS,
            bytes: 4096,
        },
        (0x06, 0x01) => Structure {
            name: "identify-controller",
            fields: IdentifyController::<[u8; 4096]>::FIELDS,
            bytes: 4096,
        },
        (0x06, 0x02) => Structure { name: "namespace-list", fields: LIST, bytes: 4 },
        (0x02, 0x01) => Structure {
            name: "error-information",
            fields: ErrorInformation::<[u8; 64]>::FIELDS,
            bytes: 64,
        },
        _ => return None,
    })
}

/// Which result dword 0 of a completion holds.
pub fn dword_0(admin: bool, sqe: &Sqe) -> &'static str {
    match (admin, sqe.opcode()) {
        (true, 0x08) => "dw0 of abort",
        (true, 0x09) => "dw0 of set-features",
        (true, 0x0a) => "dw0 of get-features",
        (true, 0x0c) => "dw0 of async-event-request",
        _ => "dw0 of the rest",
    }
}
