//! Firmware Slot Information (LID 03h). Base-2.3 §5.2.12.1.4, figure 212.

use std::ops::Range;
use std::sync::LazyLock;

use spec::QueueKind;
use spec::command::{Command, GetLogPage};
use spec::identify::IdentifyController;
use spec::log_page::{ActiveFirmwareInfo, FirmwareSlot};

use super::*;
use crate::rules::claims::{Seen, claims, first_reserved, hold_all};

/// The rule.
pub static RULE: Rule = Rule {
    name: "get-log-page 03h",
    queue: QueueKind::Admin,
    opcode: GetLogPage::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED, &CONTROLLER_PAGE, &OFFSETS, &PRPS],
    succeeds: Some(get_log_page::MANDATORY),
    data: |sqe, view| returns(sqe, view, seen),
    footprint: no_footprint,
    accept: accept_page,
    refuse: refuse_page,
};

claims! {
    /// What the page must say.
    pub static CLAIMS: FirmwareSlot[page, v] in firmware_slot {
        ACTIVE: active(page, v), "the active slot: 1 to the number of slots, with a revision",
            "AFI {:02X}h, {} slots", page.afi(), slots(v).unwrap_or(7);
        EMPTY: slots(v).map(|last| beyond(page, last).is_none()), "0 in slots that do not exist",
            "slot {} has a revision", slots(v).and_then(|n| beyond(page, n)).unwrap_or(0);
        REVISION: running(v).and_then(|fr| Some(text(&page.revision(slot(page))?.0) == text(&fr))),
            "the revision of Identify Controller (FR) in the active slot",
            "{}", told(page, running(v).unwrap_or_default());
    }
}

claims! {
    static RESERVED_ZERO: FirmwareSlot[page, v] in identify {
        RESERVED_ZERO: leftover(page).is_none(), "0 in reserved bytes and bits",
            "byte {} is not as it should be", leftover(page).unwrap_or(0);
    }
}

fn slot(page: &FirmwareSlot) -> u8 {
    ActiveFirmwareInfo::from_bits(page.afi()).cafs()
}

/// How many slots there are (FRMW bits 3:1).
fn slots(v: &Seen) -> Option<u8> {
    v.claims.map(|claims| claims.frmw >> 1 & 7)
}

fn active(page: &FirmwareSlot, v: &Seen) -> bool {
    let info = ActiveFirmwareInfo::from_bits(page.afi());
    let last = slots(v).unwrap_or(7);
    let present = page.revision(info.cafs()).is_some_and(|revision| revision.0 != [0; 8]);
    (1..=last).contains(&info.cafs()) && info.nafs() <= last && present
}

fn beyond(page: &FirmwareSlot, last: u8) -> Option<u8> {
    (last + 1..=7).find(|n| page.revision(*n).is_some_and(|revision| revision.0 != [0; 8]))
}

/// FR of Identify Controller, as it was read since the last reset, which may have activated an image.
fn running(v: &Seen) -> Option<[u8; 8]> {
    let kept = v.identified.as_ref().filter(|kept| kept.lives.resets == v.lives.resets)?;
    let bytes = <[u8; 4096]>::try_from(&*kept.bytes).ok()?;
    Some(IdentifyController(bytes).fr().0)
}

fn told(page: &FirmwareSlot, fr: [u8; 8]) -> String {
    let n = slot(page);
    let revision = page.revision(n).map_or([0; 8], |revision| revision.0);
    let readable = |text: [u8; 8]| String::from_utf8_lossy(self::text(&text)).into_owned();
    format!("slot {n} has \"{}\", FR is \"{}\"", readable(revision), readable(fr))
}

/// The revision without what it is padded with, of which the page says nothing.
fn text(revision: &[u8; 8]) -> &[u8] {
    let end = revision.iter().rposition(|byte| !matches!(byte, b' ' | 0));
    &revision[..end.map_or(0, |at| at + 1)]
}

fn leftover(page: &FirmwareSlot) -> Option<usize> {
    static RANGES: LazyLock<Vec<Range<usize>>> = LazyLock::new(FirmwareSlot::reserved_ranges);
    first_reserved(page.bytes(), &RANGES).or((page.afi() & 0x88 != 0).then_some(0))
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    if let Some(bytes) = steady::<512>(apply, bytes) {
        let page = FirmwareSlot(bytes);
        hold_all(apply, &page, CLAIMS);
        hold_all(apply, &page, RESERVED_ZERO);
    }
}
