//! Conditions on structures that the host reads again.

use log::{Body, ResetKind};
use spec::command::{Command, GetLogPage};

use crate::excuses::Case;
use crate::names;

/// The bytes that a look saw, before and after the change, and the structure of which they are.
fn structure<'a>(case: &'a Case<'_>) -> Option<(&'static str, &'a [u8], &'a [u8])> {
    let Body::BytesSeen { payload, .. } = case.before().body() else { return None };
    let submit = *case.base.index.source.get(&case.at)?;
    let Body::Submit { sqe, .. } = case.base.record(submit).body() else { return None };
    let name = names::structure(&sqe)?.name;
    Some((name, case.base.log.payload(payload), case.mutated.payload(payload)))
}

/// Only bits differ that no command has to change: vendor specific bytes, the count of writes that the
/// management interface has left (VWCI), utilization and format progress of a namespace, and whether it is
/// write protected at this moment (NSATTR bit 0).
pub fn changes_by_itself(case: &Case<'_>) -> bool {
    let Some((name, before, after)) = structure(case) else { return false };
    let moves = |at: usize| match (name, at) {
        ("identify-controller", 254 | 3072..) => 0xff,
        ("identify-namespace", 16..=23 | 32 | 384..) => 0xff,
        ("identify-namespace", 99) => 1,
        _ => 0,
    };
    let bits = before.iter().zip(after).enumerate().map(|(at, (a, b))| (a ^ b) & !moves(at));
    bits.into_iter().all(|bits| bits == 0)
}

/// Main power was lost since the host last read this structure, and before it reads it again if it does.
pub fn power_was_lost_around(case: &Case<'_>) -> bool {
    let others = others_of_structure(case);
    let lost = |from: usize, upto: usize| {
        case.base.log.records()[from..upto]
            .iter()
            .any(|r| matches!(r.body(), Body::Reset { kind: ResetKind::PowerCycle, .. }))
    };
    let earlier = others.iter().filter(|at| **at < case.at).max();
    let later = others.iter().filter(|at| **at > case.at).min();
    earlier.is_none_or(|at| lost(*at, case.at)) && later.is_none_or(|at| lost(case.at, *at))
}

/// The other looks at the structure that record `at` shows: of this controller and namespace.
fn others_of_structure(case: &Case<'_>) -> Vec<usize> {
    let source = |at: &usize| {
        let submit = *case.base.index.source.get(at)?;
        let record = case.base.record(submit);
        match record.body() {
            Body::Submit { sqe, .. } => Some((record.ctrl, sqe.opcode(), sqe.dw[1], sqe.dw[10])),
            _ => None,
        }
    };
    let mine = source(&case.at);
    let all = case.base.index.source.keys().copied();
    all.filter(|at| *at != case.at && mine.is_some() && source(at) == mine).collect()
}

/// The host looked at this structure (of this controller and namespace) once only: a controller that
/// says otherwise is as legal, and whether it keeps what it says is for the rules that read the claim.
pub fn structure_was_read_once(case: &Case<'_>) -> bool {
    case.base.index.source.contains_key(&case.at) && others_of_structure(case).is_empty()
}

/// The error counts of the entry of the error log that differs, before and after the change.
fn changed_entry(case: &Case<'_>) -> Option<[u64; 2]> {
    let (_, before, after) = structure(case)?;
    let at = before.iter().zip(after).position(|(a, b)| a != b)? / 64 * 64;
    let count = |bytes: &[u8]| bytes[at..].first_chunk().map(|count| u64::from_le_bytes(*count));
    Some([count(before)?, count(after)?])
}

/// The entry that differs has the error count 0, and had it before.
pub fn entry_is_not_valid(case: &Case<'_>) -> bool {
    changed_entry(case) == Some([0, 0])
}

/// The bytes that differ lie beyond the entries that the error log of this controller has (ELPE of Identify
/// Controller, 0's based), as the trace shows it.
pub fn beyond_the_error_log(case: &Case<'_>) -> bool {
    let Some((_, before, after)) = structure(case) else { return false };
    let at = case.base.index.source.get(&case.at);
    let Some(Body::Submit { sqe, .. }) = at.map(|at| case.base.record(*at).body()) else {
        return false;
    };
    let (ctrl, from) = (case.before().ctrl, GetLogPage::project(&sqe).lpo);
    let end = entries_of_error_log(case, ctrl).map(|entries| 64 * entries);
    let first = before.iter().zip(after).position(|(a, b)| a != b);
    first.zip(end).is_some_and(|(first, end)| from + first as u64 >= end)
}

/// How many entries the error log of a controller has, if the host has asked it.
fn entries_of_error_log(case: &Case<'_>, ctrl: u8) -> Option<u64> {
    const ELPE: usize = 262;
    case.base.index.source.iter().find_map(|(look, submit)| {
        let (look, submit) = (case.base.record(*look), case.base.record(*submit));
        let (Body::BytesSeen { payload, .. }, Body::Submit { sqe, .. }) =
            (look.body(), submit.body())
        else {
            return None;
        };
        let is_it = look.ctrl == ctrl && names::structure(&sqe)?.name == "identify-controller";
        let bytes = case.base.log.payload(payload);
        bytes.get(ELPE).filter(|_| is_it).map(|elpe| u64::from(*elpe) + 1)
    })
}
