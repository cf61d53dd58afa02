//! Conditions on what is missing, and on what nothing else in the trace tells.

use log::{Body, LookReason, Record, ResetKind};
use spec::command::{
    Abort, Command, CreateIoCq, CreateIoSq, DeleteIoSq, GetFeatures, GetLogPage, SetFeatures,
};
use spec::log_page::ErrorInformation;
use spec::register::{self as reg, Aqa, Cc, DoorbellKind};
use spec::{Fid, Lid, Qid, Sqe};

use crate::completions::completion;
use crate::excuses::Case;

/// The completion that the mutation takes out: the record itself, or the last one before the look.
fn lost(case: &Case<'_>) -> Option<usize> {
    let records = case.base.log.records();
    let look = match records[case.at].body() {
        Body::Completion { .. } => return Some(case.at),
        Body::EmptyLook(look) => Some(look.cqid),
        _ => None,
    };
    (0..case.at).rev().find(|n| {
        let queue = completion(&records[*n]).map(|(cqid, ..)| cqid);
        records[*n].ctrl == records[case.at].ctrl
            && queue.is_some_and(|queue| look.is_none_or(|look| look == queue))
    })
}

/// The entries of a queue: of the latest command before record `at` that created it.
fn entries(case: &Case<'_>, at: usize, qid: Qid, kind: DoorbellKind) -> Option<u32> {
    let records = case.base.log.records();
    let ctrl = records[at].ctrl;
    let opcode = match kind {
        DoorbellKind::SqTail => CreateIoSq::OPCODE,
        DoorbellKind::CqHead => CreateIoCq::OPCODE,
    };
    records[..at].iter().rev().filter(|record| record.ctrl == ctrl).find_map(|record| match record
        .body()
    {
        Body::RegisterWrite(write) if qid.is_admin() && write.offset == reg::AQA => {
            let aqa = Aqa::from(write.value as u32);
            Some(
                1 + u32::from(match kind {
                    DoorbellKind::SqTail => aqa.asqs_z(),
                    DoorbellKind::CqHead => aqa.acqs_z(),
                }),
            )
        }
        Body::Submit { sqid, sqe, .. } if sqid.is_admin() && !qid.is_admin() => {
            let queue = (sqe.opcode(), sqe.dw[10] & 0xffff);
            (queue == (opcode, u32::from(qid.0))).then_some((sqe.dw[10] >> 16) + 1)
        }
        _ => None,
    })
}

/// The queue pair of the lost completion ended (a reset, a shutdown, a deletion, an invalid doorbell
/// value) before the host looked at it while the controller had nothing more to do. Until then no
/// command has a time in which it must complete, and from then on nothing is owed.
pub fn queue_ended_before_a_look(case: &Case<'_>) -> bool {
    let Some(at) = lost(case) else { return false };
    let records = case.base.log.records();
    let (Some((cqid, _, cqe)), ctrl) = (completion(&records[at]), records[at].ctrl) else {
        return false;
    };
    let mine = |qid: Qid, kind| match kind {
        DoorbellKind::SqTail => qid == cqe.sqid(),
        DoorbellKind::CqHead => qid == cqid,
    };
    let mut idle = false;
    for (n, record) in records.iter().enumerate().skip(at + 1) {
        match record.body() {
            Body::Reset { kind, all } if ends(kind, all, record, ctrl) => return true,
            Body::Idle => idle = true,
            _ if record.ctrl != ctrl => {}
            Body::RegisterWrite(write) if write.offset == reg::CC => {
                let cc = Cc::from(write.value as u32);
                if !cc.en() || cc.shn() != 0 {
                    return true;
                }
            }
            Body::Submit { sqid, sqe, .. } if sqid.is_admin() => {
                let deleted = sqe.opcode() == DeleteIoSq::OPCODE
                    && DeleteIoSq::project(&sqe).qid == cqe.sqid();
                if deleted && succeeds(case, n) {
                    return true;
                }
            }
            Body::Doorbell(bell) => {
                idle = false;
                let size = entries(case, n, bell.qid, bell.kind);
                if mine(bell.qid, bell.kind) && size.is_some_and(|size| bell.value >= size) {
                    return true;
                }
            }
            Body::EmptyLook(look)
                if look.cqid == cqid && (idle || look.reason == LookReason::Idle) =>
            {
                return false;
            }
            _ => {}
        }
    }
    false
}

/// Whether the reset in `record` takes the queues of controller `ctrl`.
fn ends(kind: ResetKind, all: bool, record: &Record, ctrl: u8) -> bool {
    all || kind >= ResetKind::Subsystem || record.ctrl == ctrl
}

/// Whether the command that record `submit` submits succeeds in the trace.
fn succeeds(case: &Case<'_>, submit: usize) -> bool {
    let seen = case.base.index.completion.get(&submit);
    let cqe = seen.and_then(|seen| completion(case.base.record(*seen)));
    cqe.is_some_and(|(.., cqe)| cqe.status().is_success())
}

/// Whether the command asks for, or sets, the numbers of queues in use.
fn tells_grant(sqe: &Sqe) -> bool {
    match sqe.opcode() {
        SetFeatures::OPCODE => SetFeatures::project(sqe).fid == Fid::NUMBER_OF_QUEUES,
        GetFeatures::OPCODE => {
            let get = GetFeatures::project(sqe);
            get.fid == Fid::NUMBER_OF_QUEUES && get.sel == 0
        }
        _ => false,
    }
}

/// The numbers of queues are told by this Set Features alone: no other answer between the resets around
/// it tells them.
pub fn grant_was_told_once(case: &Case<'_>) -> bool {
    let records = case.base.log.records();
    let ctrl = records[case.at].ctrl;
    let resets = |n: &usize| match records[*n].body() {
        Body::Reset { kind, all } => ends(kind, all, &records[*n], ctrl),
        Body::RegisterWrite(write) => {
            records[*n].ctrl == ctrl && write.offset == reg::CC && write.value & 1 == 0
        }
        _ => false,
    };
    let from = (0..case.at).rev().find(resets).unwrap_or(0);
    let upto = (case.at + 1..records.len()).find(resets).unwrap_or(records.len());
    let told = |n: usize| match (records[n].body(), case.base.command(n)) {
        (Body::Completion { cqe, .. }, Some((true, sqe))) => {
            records[n].ctrl == ctrl && cqe.status().is_success() && tells_grant(&sqe)
        }
        _ => false,
    };
    // What was told before the first Set Features need not be what that allocates.
    let set =
        |n: usize| case.base.command(n).is_some_and(|(_, sqe)| sqe.opcode() == SetFeatures::OPCODE);
    told(case.at) && !(from..case.at).any(|n| told(n) && set(n)) && !(case.at + 1..upto).any(told)
}

/// More is set, and no entry of the Error Information log page that the host read afterwards is of this
/// command.
pub fn log_lists_no_entry_of_it(case: &Case<'_>) -> bool {
    let Body::Completion { cqe, .. } = case.mutated.records()[case.at].body() else { return false };
    let records = case.base.log.records();
    let of_it = |n: usize| {
        let Body::BytesSeen { payload, .. } = records[n].body() else { return false };
        let Some(submit) = case.base.index.source.get(&n) else { return false };
        let Body::Submit { sqe, .. } = records[*submit].body() else { return false };
        let page = sqe.opcode() == GetLogPage::OPCODE
            && GetLogPage::project(&sqe).lid == Lid::ERROR_INFORMATION;
        let entries = case.base.log.payload(payload).as_chunks::<64>().0;
        page && entries.iter().map(|entry| ErrorInformation(*entry)).any(|entry| {
            entry.ecnt() != 0 && entry.sqid() == cqe.sqid().0 && entry.cid() == cqe.cid().0
        })
    };
    cqe.more() && !(case.at + 1..records.len()).any(of_it)
}

/// The Abort says that it aborted nothing at once, and its victim's completion was not surely there
/// before: a deferred abort.
pub fn victim_may_end_later(case: &Case<'_>) -> bool {
    let Body::Completion { cqe, .. } = case.mutated.records()[case.at].body() else { return false };
    let Some((_, sqe)) = case.base.command(case.at) else { return false };
    let abort = Abort::project(&sqe);
    let records = case.base.log.records();
    let victim = (0..case.at).rev().find(|n| match records[*n].body() {
        Body::Submit { sqid, sqe, .. } => {
            records[*n].ctrl == records[case.at].ctrl
                && (sqid, sqe.cid()) == (abort.sqid, abort.cid)
        }
        _ => false,
    });
    let ended = victim.and_then(|victim| case.base.index.completion.get(&victim));
    let before = ended.is_some_and(|seen| {
        *seen < case.at
            && (abort.sqid.is_admin() || records[*seen].seen <= records[case.at].not_before)
    });
    cqe.dw0() == 1 && !before
}
