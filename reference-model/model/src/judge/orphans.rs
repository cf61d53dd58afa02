//! Commands that were dropped with their submission queue, and whose CQE may have been posted before.
//!
//! The host may make a queue with the same identifier again, and use a command identifier again, before it
//! has looked that far. A CQE with these identifiers is then the one or the other. Entries of one queue are
//! seen in the order in which they were posted, so what comes later decides: a second such CQE makes the
//! first one the dropped command's; silence makes it the later command's, which owes one.

use spec::{Cqe, Qid};

use super::commands::Flight;
use super::completions::SQ_DELETED;
use super::{Judge, Now};

/// A CQE of which it is not decided yet whose it is.
#[derive(Clone, Copy, Debug)]
pub struct HeldCqe {
    /// When it was seen.
    now: Now,
    /// The queue that it stands in.
    cqid: Qid,
    cqe: Cqe,
}

/// The command that a CQE belongs to.
pub enum Whose {
    /// No command has these identifiers.
    Nobodys,
    /// This one's.
    Of(u32),
    /// That of the first, or of the second, which was dropped.
    Either(u32, u32),
}

impl Judge {
    /// The command that `cqe`, seen in `cqid`, belongs to.
    pub(super) fn whose(&self, cqid: Qid, cqe: Cqe) -> Whose {
        let unit = &self.units[usize::from(self.now.ctrl)];
        let key = u32::from(cqe.sqid().0) << 16 | u32::from(cqe.cid().0);
        let latest = unit.by_cid.get(&key).copied();
        let latest = latest.filter(|n| self.commands[*n].flight != Flight::Free);
        let cq = unit.cqs.get(usize::from(cqid.0)).and_then(Option::as_deref);
        let mut orphans = cq.map_or(&[][..], |cq| &cq.orphans).iter().copied();
        let orphan = orphans.find(|n| {
            let command = &self.commands[*n];
            (command.sqid, command.sqe.cid()) == (cqe.sqid().0, cqe.cid())
                && self.may_still_come(*n)
        });
        match (latest, orphan) {
            (None, None) => Whose::Nobodys,
            (Some(n), None) | (None, Some(n)) => Whose::Of(n),
            (Some(n), Some(orphan)) => {
                let sq = unit.sqs.get(usize::from(self.commands[n].sqid));
                let sq = sq.and_then(Option::as_deref).filter(|sq| sq.cqid == cqid.0);
                let here = sq.filter(|_| self.commands[n].flight == Flight::Rung);
                let deleted = cqe.status() == SQ_DELETED;
                match here {
                    Some(sq) if !deleted || sq.deleting || sq.unsure => Whose::Either(n, orphan),
                    _ => Whose::Of(orphan),
                }
            }
        }
    }

    /// A CQE is that of `n`, or of the dropped `orphan`.
    pub(super) fn hold_completion(&mut self, n: u32, orphan: u32, cqid: Qid, cqe: Cqe) {
        let held = HeldCqe { now: self.now, cqid, cqe };
        let Some(first) = self.commands[n].held.replace(held) else { return };
        // Two for two: they came in the order in which they were rung.
        let now = std::mem::replace(&mut self.now, first.now);
        self.on_completion_of(orphan, first.cqid, first.cqe);
        self.now = now;
        if let Whose::Of(n) = self.whose(cqid, cqe) {
            self.commands[n].held = None;
            self.on_completion_of(n, cqid, cqe);
        }
    }

    /// Nothing more has come, and command `n` owes a CQE: the one that was held is its own.
    pub(super) fn judge_held(&mut self, n: u32, held: HeldCqe) {
        let now = std::mem::replace(&mut self.now, held.now);
        self.on_completion_of(n, held.cqid, held.cqe);
        self.now = now;
    }

    /// Whether the CQE of `n`, which was dropped, may have been posted before, and not been seen.
    pub(super) fn may_still_come(&self, n: u32) -> bool {
        let command = &self.commands[n];
        let unit = &self.units[usize::from(command.ctrl)];
        let sq = unit.sqs.get(usize::from(command.sqid)).and_then(Option::as_deref);
        let cq = sq.and_then(|sq| unit.cqs.get(usize::from(sq.cqid))).and_then(Option::as_deref);
        // Of a queue that is gone only the time tells.
        let gone = cq.is_none_or(|cq| cq.dead_since.is_some());
        self.now.when.not_before < command.ended_at && (gone || self.is_orphan(n))
    }

    /// Whether an entry of `n`, which was dropped, is waited for in a queue that lives.
    pub(super) fn is_orphan(&self, n: u32) -> bool {
        let command = &self.commands[n];
        let cqs = self.units[usize::from(command.ctrl)].cqs.iter().flatten();
        command.flight == Flight::Dropped && cqs.into_iter().any(|cq| cq.orphans.contains(&n))
    }

    /// The CQE of `n`, which was dropped, was seen.
    pub(super) fn forget_orphan(&mut self, n: u32) {
        for cq in self.unit().cqs.iter_mut().flatten() {
            cq.orphans.retain(|orphan| *orphan != n);
        }
    }

    /// A CQE of `n` was seen in `cqid`: those of commands that were dropped before it was rung stand before
    /// it, or nowhere.
    pub(super) fn end_orphans(&mut self, n: u32, cqid: Qid) {
        let rung = self.commands[n].rung;
        let unit = &mut self.units[usize::from(self.now.ctrl)];
        if let Some(cq) = unit.cq(cqid.0) {
            let commands = &self.commands;
            cq.orphans.retain(|orphan| {
                let command = &commands[*orphan];
                command.ended_at == u64::MAX || command.seen > rung
            });
        }
    }

    /// The head slot of `cqid` was looked at and is empty: what was posted before that is seen.
    pub(super) fn end_orphans_unseen(&mut self, cqid: u16) {
        let begun = self.now.when.not_before;
        let unit = &mut self.units[usize::from(self.now.ctrl)];
        if let Some(cq) = unit.cq(cqid) {
            let commands = &self.commands;
            cq.orphans.retain(|orphan| commands[*orphan].ended_at > begun);
        }
    }
}
