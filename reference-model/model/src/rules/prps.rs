//! Checks of the data pointer, shared by every command that moves data by PRPs. Base-2.3 §4.1.1
//! figure 92, §4.3.1.

use spec::opcode::{Direction, direction};
use spec::requirement::{common, prp};
use spec::{Addr, Req, Sqe, Status};

use crate::prp::{PrpItem, PrpRole};
use crate::ruling::{Checks, Ruling, View};
use crate::truth::No;

/// The checks of PRP Entries 1 and 2 and the list, and of MDTS.
pub struct Prps {
    /// How many bytes the command moves.
    pub bytes: fn(&Sqe, &View) -> Length,
}

/// How many bytes a command moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Length {
    /// So many.
    Bytes(u64),
    /// Not known: a format or a capability that was not read.
    Unknown,
    /// None can be worked out by anybody: there is no such namespace.
    Undefined,
}

impl From<Option<u64>> for Length {
    fn from(bytes: Option<u64>) -> Self {
        bytes.map_or(Length::Unknown, Length::Bytes)
    }
}

/// The smallest memory page: CAP.MPSMIN = 0.
const LEAST_PAGE: u64 = 4096;

// The numbers of the checks.
const MDTS: usize = 0;
const LOW_BITS: usize = 1;
const PRP2_UNUSED: usize = 2;
const PRP2_OFFSET: usize = 3;
const LIST_POINTER: usize = 4;
const LIST_ENTRY: usize = 5;
const LIST_CHAIN: usize = 6;
const UNMAPPED: usize = 7;

const OFFSET_INVALID: &[Status] = &[Status::PRP_OFFSET_INVALID];
const OFFSET_OR_FIELD: &[Status] = &[Status::PRP_OFFSET_INVALID, Status::INVALID_FIELD_IN_COMMAND];

const CHECKS: [(Req, &[Status]); 8] = [
    (common::MDTS, &[Status::INVALID_FIELD_IN_COMMAND]),
    (prp::LOW_BITS, OFFSET_INVALID),
    (prp::PRP2_UNUSED, OFFSET_OR_FIELD),
    (prp::PRP2_OFFSET, OFFSET_INVALID),
    (prp::LIST_POINTER_UNALIGNED, OFFSET_OR_FIELD),
    (prp::LIST_ENTRY_OFFSET, OFFSET_INVALID),
    (prp::LIST_CHAIN_OFFSET, OFFSET_INVALID),
    (prp::UNMAPPED, &[Status::DATA_TRANSFER_ERROR]),
];

const ALL: u64 = (1 << CHECKS.len()) - 1;

impl Checks for Prps {
    fn count(&self) -> usize {
        CHECKS.len()
    }

    #[inline]
    fn evaluate(&self, sqe: &Sqe, view: &View) -> Ruling {
        let mut ruling = Ruling::default();
        let bytes = match (self.bytes)(sqe, view) {
            // Where SGLs are used, or the length is not known, nothing can be said.
            _ if sqe.psdt() != 0 => return Ruling { failing: 0, undecided: ALL },
            Length::Unknown => return Ruling { failing: 0, undecided: ALL },
            Length::Bytes(bytes) => bytes,
            Length::Undefined => {
                ruling.failing |= u64::from(sqe.prp1().0 & 3 != 0) << LOW_BITS;
                return ruling;
            }
        };
        match view.max_transfer() {
            Some(most) if bytes > most => ruling.failing |= 1 << MDTS,
            Some(_) => {}
            // The smallest limit that MDTS can tell is two pages of the smallest size.
            None if bytes <= 2 * LEAST_PAGE => {}
            None => ruling.undecided |= 1 << MDTS,
        }
        let page = view.page_bytes();
        let to_host = direction(sqe.opcode()) == Direction::ToHost;
        let mut last = PrpRole::First;
        for item in view.prps(sqe, bytes) {
            last = item.role;
            if item.role == PrpRole::Unknown {
                ruling.undecided |= 1 << LIST_ENTRY | 1 << LIST_CHAIN | 1 << LOW_BITS;
                ruling.undecided |= 1 << UNMAPPED;
            }
            if item.entry.0 & 3 != 0 {
                ruling.failing |= 1 << LOW_BITS;
            }
            if let Some(check) = misplaced(&item, page) {
                ruling.failing |= 1 << check;
            }
            // What lies outside the arena may still be memory of the host: nobody is accused.
            let (at, len, write) = touched(&item, page, to_host);
            if view.memory.accessible(at, len, write) == No {
                ruling.undecided |= 1 << UNMAPPED;
            }
        }
        // A recipient may check a reserved field, so a refusal is not judged.
        if last == PrpRole::First && sqe.prp2() != Addr(0) {
            ruling.undecided |= 1 << PRP2_UNUSED;
        }
        ruling.undecided &= !ruling.failing;
        ruling
    }

    fn check(&self, n: usize) -> (Req, &'static [Status]) {
        CHECKS[n]
    }

    fn because(&self, n: usize, sqe: &Sqe, view: &View) -> String {
        let bytes = match (self.bytes)(sqe, view) {
            Length::Bytes(bytes) => bytes,
            Length::Unknown | Length::Undefined => 1,
        };
        if n == MDTS {
            return match view.max_transfer() {
                Some(most) => format!("{bytes} bytes, MDTS allows {most}"),
                None => format!("{bytes} bytes, MDTS was not read"),
            };
        }
        let page = view.page_bytes();
        let guilty = view.prps(sqe, bytes).find(|item| match n {
            LOW_BITS => item.entry.0 & 3 != 0,
            PRP2_OFFSET | LIST_POINTER | LIST_ENTRY | LIST_CHAIN => {
                misplaced(item, page) == Some(n)
            }
            _ => false,
        });
        match guilty {
            Some(item) => format!("{} {}, memory page {page} bytes", name(item.role), item.entry),
            None if n == PRP2_UNUSED => "PRP Entry 2 is not used and not 0".into(),
            None => "a PRP entry points outside the memory that was mapped".into(),
        }
    }
}

/// The check that an entry fails by its offset, bits 1:0 aside.
fn misplaced(item: &PrpItem, page: u64) -> Option<usize> {
    let offset = item.entry.offset(page) & !3;
    match item.role {
        PrpRole::Second if offset != 0 => Some(PRP2_OFFSET),
        PrpRole::ListPointer if offset & 7 != 0 => Some(LIST_POINTER),
        PrpRole::Entry if offset != 0 => Some(LIST_ENTRY),
        PrpRole::Chain if offset != 0 => Some(LIST_CHAIN),
        _ => None,
    }
}

/// The memory that following the entry touches: address, length, and whether it is written.
fn touched(item: &PrpItem, page: u64, to_host: bool) -> (Addr, u64, bool) {
    match item.role {
        PrpRole::First => (Addr(item.entry.0 & !3), item.len, to_host),
        PrpRole::Second | PrpRole::Entry => (Addr(item.entry.page_base(page)), item.len, to_host),
        PrpRole::ListPointer | PrpRole::Chain => (Addr(item.entry.0 & !7), 8, false),
        PrpRole::Unknown => (item.from, 8, false),
    }
}

/// Whether the text says where the data goes: no entry that must be page aligned has an offset, and
/// the list is known.
pub fn placement_is_defined(sqe: &Sqe, view: &View, bytes: u64) -> bool {
    let page = view.page_bytes();
    sqe.psdt() == 0
        && view
            .prps(sqe, bytes)
            .all(|item| item.role != PrpRole::Unknown && misplaced(&item, page).is_none())
}

fn name(role: PrpRole) -> &'static str {
    match role {
        PrpRole::First => "PRP Entry 1",
        PrpRole::Second => "PRP Entry 2",
        PrpRole::ListPointer => "PRP list pointer",
        PrpRole::Entry => "PRP list entry",
        PrpRole::Chain => "pointer to the next PRP list page",
        PrpRole::Unknown => "unknown PRP list entry",
    }
}
