//! Error Information (LID 01h). Base-2.3 §5.2.12.1.2, figure 209.

use std::ops::Range;
use std::sync::LazyLock;

use spec::command::{Command, GetLogPage};
use spec::log_page::ErrorInformation;
use spec::{QueueKind, Sqe};

use super::*;
use crate::rules::claims::{Seen, claims, first_reserved, hold_all};
use crate::ruling::{Cells, Footprint};

/// The rule.
pub static RULE: Rule = Rule {
    name: "get-log-page 01h",
    queue: QueueKind::Admin,
    opcode: GetLogPage::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED, &CHECKS, &PRPS],
    succeeds: Some(get_log_page::MANDATORY),
    data: |sqe, view| returns(sqe, view, seen),
    footprint,
    accept,
    refuse: no_result,
};

fn footprint(sqe: &Sqe, v: &View) -> Footprint {
    match clears_event(&GetLogPage::project(sqe), v.version) {
        true => Footprint { reads: Cells::NONE, writes: Cells::ERROR_LOG },
        false => Footprint { reads: Cells::ERROR_LOG, writes: Cells::NONE },
    }
}

fn accept(apply: &mut Apply) {
    no_result(apply);
    let csi = GetLogPage::project(apply.sqe).csi;
    shows(apply, get_log_page::CSI_IGNORED, csi != 0);
    if clears_event(&GetLogPage::project(apply.sqe), apply.version) {
        let events = &mut apply.controller().events;
        events.error_masked = No;
        events.error_log_reads = events.error_log_reads.wrapping_add(1);
    }
}

/// The valid entries of a read, newest first.
pub struct Entries(pub Vec<ErrorInformation>);

impl Entries {
    /// The whole entries of a page's bytes that start at offset `from`, cut at `page` bytes.
    fn of(bytes: &[u8], from: u64, page: u64) -> Self {
        let skip = (from.next_multiple_of(64) - from) as usize;
        let within = page.saturating_sub(from).min(bytes.len() as u64) as usize;
        let whole = bytes.get(skip..within).unwrap_or(&[]).as_chunks::<64>().0;
        let all = whole.iter().map(|entry| ErrorInformation(*entry));
        Self(all.filter(|entry| entry.ecnt() != 0).collect())
    }

    /// The first pair of neighbours that does not fall. A count that wrapped may stand above 1.
    fn disorder(&self) -> Option<(u64, u64)> {
        let pairs = self.0.windows(2).map(|pair| (pair[0].ecnt(), pair[1].ecnt()));
        pairs.into_iter().find(|(newer, older)| newer <= older && !wrapped(*newer, *older))
    }

    fn first(&self, bad: impl Fn(&ErrorInformation) -> bool) -> Option<&ErrorInformation> {
        self.0.iter().find(|entry| bad(entry))
    }
}

/// The count may have wrapped between two neighbours: a small one is newer than a huge one.
fn wrapped(newer: u64, older: u64) -> bool {
    newer < 1 << 16 && older > u64::from(u32::MAX) - (1 << 16)
}

claims! {
    /// What a page must say.
    pub static CLAIMS: Entries[log, v] in error_log {
        ORDER: log.disorder().is_none(), "newest first: falling error counts",
            "error counts {:?}", log.disorder().unwrap_or_default();
        EMPTIED: emptied(log, v), "no entry from before the reset",
            "error count {}, {} seen before the reset",
            log.0.last().map_or(0, ErrorInformation::ecnt), v.error_log.count;
        NO_COMMAND: log.first(half_named).is_none(),
            "FFFFh in SQID, CID and parameter error location",
            "{}", log.first(half_named).map_or(String::new(), whose);
        VERSION: log.first(|entry| entry.lpver() == 0).is_none(), "1h", "log page version 0h";
        RESERVED_ZERO: log.first(|entry| leftover(entry).is_some()).is_none(),
            "0 in reserved bytes and bits",
            "{:?}", log.first(|entry| leftover(entry).is_some());
    }
}

/// Whether no entry was there before the last reset: the count of the oldest one was not seen then.
fn emptied(log: &Entries, v: &Seen) -> Truth {
    if v.error_log.read || v.error_log.count == 0 {
        return Maybe;
    }
    log.0.last().is_none_or(|entry| entry.ecnt() > v.error_log.count).into()
}

/// An entry that names no queue belongs to no command, so it names nothing of one.
fn half_named(entry: &ErrorInformation) -> bool {
    let nothing = u16::MAX;
    entry.sqid() == nothing && (entry.cid() != nothing || entry.pel() != nothing)
}

fn whose(entry: &ErrorInformation) -> String {
    format!("SQID {:04X}h, CID {:04X}h, location {:04X}h", entry.sqid(), entry.cid(), entry.pel())
}

fn leftover(entry: &ErrorInformation) -> Option<usize> {
    static RANGES: LazyLock<Vec<Range<usize>>> = LazyLock::new(ErrorInformation::reserved_ranges);
    let location = entry.pel() != u16::MAX && entry.pel() & 0xf800 != 0;
    first_reserved(entry.bytes(), &RANGES).or(location.then_some(15))
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    let cmd = GetLogPage::project(apply.sqe);
    let controller = apply.controller();
    // What lies beyond the end of the page is undefined.
    let (Some(from), Some(page)) = (starts_at(&cmd, controller), page_bytes(controller, cmd.lid))
    else {
        return;
    };
    let log = Entries::of(bytes, from, page);
    hold_all(apply, &log, CLAIMS);
    let highest = log.0.iter().map(ErrorInformation::ecnt).max().unwrap_or(0);
    let error_log = &mut apply.controller().error_log;
    error_log.count = error_log.count.max(highest);
    error_log.read = true;
}
