//! Error Information (LID 01h). Base-2.3 §5.2.12.1.2, figure 209.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use spec::command::{Command, GetLogPage};
use spec::log_page::ErrorInformation;
use spec::requirement::error_log;
use spec::{QueueKind, Sqe};

use super::*;
use crate::lives::{KeptEntry, KeptLog};
use crate::rules::claims::{Seen, claims, first_reserved, hold_all};
use crate::ruling::{Cells, Footprint};

/// The rule.
pub static RULE: Rule = Rule {
    name: "get-log-page 01h",
    queue: QueueKind::Admin,
    opcode: GetLogPage::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED, &CONTROLLER_PAGE, &OFFSETS, &PRPS],
    succeeds: Some(get_log_page::MANDATORY),
    data: |sqe, view| returns(sqe, view, seen),
    footprint,
    accept,
    refuse: refuse_page,
};

fn footprint(sqe: &Sqe, v: &View) -> Footprint {
    match clears_event(&GetLogPage::project(sqe), v.version) {
        true => Footprint { reads: Cells::NONE, writes: Cells::ERROR_LOG },
        false => Footprint { reads: Cells::ERROR_LOG, writes: Cells::NONE },
    }
}

fn accept(apply: &mut Apply) {
    no_result(apply);
    answered(apply, true);
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

/// The error count, which an entry begins with.
const COUNT_BYTES: usize = 8;

/// The valid entries of a page's bytes that start at offset `from`, cut at `page` bytes; the last may be
/// the beginning of one.
fn kept_entries(bytes: &[u8], from: u64, page: u64) -> Vec<KeptEntry> {
    let skip = (from.next_multiple_of(64) - from) as usize;
    let within = page.saturating_sub(from).min(bytes.len() as u64) as usize;
    let entries = bytes.get(skip..within).unwrap_or(&[]).chunks(64);
    let told = entries.filter_map(|bytes| {
        let count = u64::from_le_bytes(bytes.get(..COUNT_BYTES)?.try_into().ok()?);
        (count != 0).then(|| KeptEntry { count, bytes: bytes.to_vec() })
    });
    told.collect()
}

/// Holds the entries against those that were seen before, and keeps them. `ordered`: their counts fall;
/// `top`: the first is the newest.
fn again(apply: &mut Apply, now: Vec<KeptEntry>, ordered: bool, top: bool) {
    let lives = apply.controller().lives;
    let kept = Arc::clone(&apply.controller().error_log.kept);
    let going_on = kept.lives.resets == lives.resets;
    if top && going_on && ordered {
        // A reset should empty the log, and the oldest entry makes room. Otherwise no clause lets an error
        // go, or forbids it.
        let gone = gone(&kept, &now);
        apply.expect(error_log::UNIQUE, gone.is_none(), || {
            let what = format!("the entry with error count {} is gone", gone.unwrap_or(0));
            (what, "it is not the oldest, and no reset came since".into())
        });
    }
    let (Some(newest), false) = (kept.entries.first(), now.is_empty()) else {
        if !now.is_empty() && ordered {
            apply.controller().error_log.kept = Arc::new(KeptLog { entries: now, lives });
        }
        return;
    };
    let (high, low) = (newest.count, kept.entries.last().map_or(0, |entry| entry.count));
    // Near its end the count may begin again.
    if !ordered || now.iter().any(|entry| wrapped(entry.count, high)) {
        apply.controller().error_log.kept = Arc::default();
        return;
    }
    let by = if going_on { error_log::UNIQUE } else { error_log::COUNT_CONTINUES };
    let stranger = now.iter().find(|entry| !is_known(&kept, entry) && within(entry, low, high));
    apply.hold(by, stranger.is_none(), || {
        let count = stranger.map_or(0, |entry| entry.count);
        let allowed = format!("the entry of that count seen before, or a count above {high}");
        let because = format!("entries with counts from {low} to {high} were seen before");
        (format!("another entry with error count {count}"), allowed, because)
    });
    let merged = merge(&kept, now, low, high);
    apply.controller().error_log.kept = Arc::new(KeptLog { entries: merged, lives });
}

/// The most entries that a log page holds.
const MOST_ENTRIES: usize = 256;

/// An entry that was seen before, is newer than the oldest of `now`, and is not there: its count.
fn gone(kept: &KeptLog, now: &[KeptEntry]) -> Option<u64> {
    let oldest = now.last().map_or(0, |entry| entry.count);
    if now.iter().any(|entry| kept.entries.iter().any(|old| wrapped(entry.count, old.count))) {
        return None;
    }
    let newer = kept.entries.iter().map(|old| old.count).filter(|count| *count > oldest);
    newer.into_iter().find(|count| now.iter().all(|entry| entry.count != *count))
}

fn within(entry: &KeptEntry, low: u64, high: u64) -> bool {
    (low..=high).contains(&entry.count)
}

/// Whether it was seen before, as far as both were read.
fn is_known(kept: &KeptLog, entry: &KeptEntry) -> bool {
    let same = kept.entries.iter().find(|known| known.count == entry.count);
    same.is_some_and(|known| known.bytes.iter().zip(&entry.bytes).all(|(a, b)| a == b))
}

/// What is known after `now` was read. Where it does not meet what was known, entries between may be
/// missing: only `now` is left.
fn merge(kept: &KeptLog, now: Vec<KeptEntry>, low: u64, high: u64) -> Vec<KeptEntry> {
    let lowest = now.last().map_or(0, |entry| entry.count);
    if lowest > high + 1 || !now.iter().any(|entry| entry.count >= low) {
        return now;
    }
    let known = |entry: &KeptEntry| now.iter().find(|new| new.count == entry.count);
    let longer = kept.entries.iter().map(|old| match known(old) {
        Some(new) if new.bytes.len() >= old.bytes.len() => new.clone(),
        _ => old.clone(),
    });
    let above = now.iter().filter(|entry| entry.count > high).cloned();
    let below = now.iter().filter(|entry| entry.count < low).cloned();
    above.chain(longer).chain(below).take(MOST_ENTRIES).collect()
}

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
    let near = |end: u64| (end - (1 << 16)..=end).contains(&older);
    // Before 1.4 what follows FFFFFFFFh is not specified.
    newer < 1 << 16 && (near(u64::MAX) || near(u64::from(u32::MAX)))
}

claims! {
    /// What a page must say.
    pub static CLAIMS: Entries[log, v] in error_log {
        ORDER: log.disorder().is_none(), "newest first: falling error counts",
            "{}", log.disorder().map_or(String::new(),
                |(newer, older)| format!("error count {newer} before {older}"));
        EMPTIED: emptied(log, v), "no entry from before the reset",
            "error count {}, {} seen before the reset",
            log.0.last().map_or(0, ErrorInformation::ecnt), v.error_log.count;
        NO_COMMAND: log.first(half_named).is_none(),
            "FFFFh in SQID, CID and parameter error location",
            "{}", log.first(half_named).map_or(String::new(), whose);
        VERSION: log.first(|entry| entry.lpver() == 0).is_none(), "1h", "log page version 0h";
        RESERVED_ZERO: log.first(|entry| leftover(entry).is_some()).is_none(),
            "0 in reserved bytes and bits",
            "{}", log.first(|entry| leftover(entry).is_some()).map_or(String::new(),
                |entry| format!("the entry with error count {}: byte {} is not as it should be",
                    entry.ecnt(), leftover(entry).unwrap_or(0)));
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
    let whole = log.disorder().is_none();
    // A read of less than an error count says nothing of an entry.
    let top = from == 0 && bytes.len() >= COUNT_BYTES;
    again(apply, kept_entries(bytes, from, page), whole, top);
    let highest = log.0.iter().map(ErrorInformation::ecnt).max().unwrap_or(0);
    let error_log = &mut apply.controller().error_log;
    error_log.count = error_log.count.max(highest);
    error_log.read = true;
}
