//! Looks that found nothing, and slots that changed: silence, duplicates, overwritten entries.

use log::EmptyLook;
use spec::requirement::{async_event_request, cqe as req, queue, reset};
use spec::{Cqe, Qid};

use super::Judge;
use super::report::Place;
use crate::DivergenceKind;
use crate::state::Phase;

impl Judge {
    /// The DUT said that nothing more will come by itself.
    pub(super) fn on_idle(&mut self) {
        let record = self.now.record;
        for unit in &mut self.units {
            unit.idle = true;
            unit.idle_record = record;
        }
    }

    /// The host looked at the head slot of a completion queue and it had not changed.
    pub(super) fn on_empty_look(&mut self, look: EmptyLook) {
        if self.is_lost() {
            return;
        }
        self.credit_sweep(look);
        if self.believed().phase != Phase::Ready {
            return;
        }
        let begun = self.now.when.not_before;
        let quiet = self.profile.quiet_window;
        let record = self.now.record;
        let unit = self.unit();
        let idle = unit.idle || look.reason == log::LookReason::Idle;
        let last_change = unit.last_change;
        if look.reason == log::LookReason::Idle {
            unit.idle_record = record;
        }
        let Some(cq) = unit.cq(look.cqid.0) else { return };
        if !cq.answers() {
            // Full, and commands wait: the slot that is left was looked at and is empty.
            let waits = cq.errored == crate::truth::No && cq.is_full() && cq.dead_since.is_none();
            if waits && unit.posts_to(look.cqid.0) {
                self.agrees(queue::FULL_CQ_WAITS);
            }
            return;
        }
        self.end_orphans_unseen(look.cqid.0);
        self.credit_empty(look.cqid.0);
        let unit = self.unit();
        let waiting: Vec<u32> = unit
            .sqs
            .iter()
            .flatten()
            .filter(|sq| {
                sq.cqid == look.cqid.0 && sq.dead_since.is_none() && !sq.deleting && !sq.unsure
            })
            .flat_map(|sq| sq.in_flight.iter().copied())
            .collect();
        for n in waiting {
            let command = &self.commands[n];
            let over = begun >= last_change.max(command.rung_at).saturating_add(quiet);
            if !command.owes_cqe() || !(idle || over) {
                continue;
            }
            match self.commands[n].held.take() {
                Some(held) => self.judge_held(n, held),
                None => self.silence(n, idle),
            }
        }
        let over = begun >= last_change.saturating_add(quiet);
        if look.cqid.is_admin() && (idle || over) {
            self.event_missing();
            self.refusal_missing();
        }
        if look.reason != log::LookReason::Sweep {
            self.credit_no_message(look.cqid.0);
        }
        if idle {
            self.signal_missing(look.cqid.0);
            self.credit_idle(look.cqid.0);
        }
    }

    /// Command `n` owes a CQE, and none has come: the controller is `idle`, or the quiet window is over.
    fn silence(&mut self, n: u32, idle: bool) {
        self.commands[n].silent = true;
        let because = if idle {
            "the command was submitted, and the controller is idle".to_string()
        } else {
            let quiet = self.profile.quiet_window;
            format!("the command was submitted, and the quiet window of {quiet} ns is over")
        };
        let place = self.place_of(n);
        let story = ("no CQE".to_string(), "a CQE".to_string(), because);
        self.broken_as(queue::OWED_COMPLETION, DivergenceKind::Silence, place, story);
    }

    /// Nothing more was posted to a queue all of whose commands have completed.
    fn credit_empty(&mut self, cqid: u16) {
        let unit = self.unit();
        let mut sqs = unit.sqs.iter().flatten().filter(|sq| sq.cqid == cqid);
        if sqs.all(|sq| sq.in_flight.is_empty()) {
            self.agrees(queue::COMMAND_EXECUTED_ONCE);
        }
    }

    /// The host waited, and of a queue without interrupts that has posted entries no message came.
    fn credit_no_message(&mut self, cqid: u16) {
        let unit = self.unit();
        // Without any message it is not known that one would be seen.
        let visible = !unit.messages.is_empty();
        let silent = visible && unit.cq(cqid).is_some_and(|cq| !cq.ien && cq.seen > 0);
        if silent && self.believed().msix.is_some() {
            self.agrees(spec::requirement::create_io_cq::IEN_CLEAR);
        }
    }

    /// An idle controller has posted nothing more to this queue: what that shows.
    fn credit_idle(&mut self, cqid: u16) {
        let unit = self.unit();
        let of_cq = unit.sqs.iter().flatten().filter(|sq| sq.cqid == cqid);
        let (mut same_tail, mut errored) = (false, false);
        for sq in of_cq {
            same_tail |= sq.same_tail;
            errored |= sq.errored == crate::truth::Yes && !sq.in_flight.is_empty();
        }
        if same_tail {
            self.agrees(queue::SAME_TAIL_ADDS_NONE);
        }
        if errored {
            self.agrees(queue::ERRORED_CONSUMES_NONE);
        }
        if cqid == 0 && !self.unit().aers.is_empty() {
            self.credit_silent_request();
        }
    }

    /// A look at a queue that is not there any more: nothing came late.
    fn credit_sweep(&mut self, look: EmptyLook) {
        let begun = self.now.when.not_before;
        let unit = self.unit();
        let stopped = unit.stopped_at.is_some_and(|at| begun >= at);
        let (dropped_aers, unit_dropped) = (unit.special.dropped_aers, unit.special.dropped);
        let deleted = unit.special.deleted_busy == Some(look.cqid.0);
        if stopped && look.reason != log::LookReason::GaveUp {
            // Where nothing was in flight, nothing could have come.
            if unit_dropped {
                self.agrees(reset::NOTHING_POSTED_AFTER);
                self.agrees(spec::requirement::ready::NOTHING_WHILE_DISABLED);
                self.credit_stopped();
            }
            if dropped_aers && look.cqid.is_admin() {
                self.agrees(reset::AER_DROPPED);
            }
        }
        if deleted && look.reason == log::LookReason::Sweep {
            self.agrees(spec::requirement::delete_io_sq::NO_LATER_CQE);
        }
    }

    /// More Asynchronous Event Requests are outstanding than the limit: one should have been refused.
    fn refusal_missing(&mut self) {
        let Some(claims) = self.believed().claims else { return };
        let outstanding = self.unit().aers.len();
        let limit = usize::from(claims.aerl) + 1;
        let last = self.unit().aers.last().copied();
        let reported = last.is_none_or(|n| self.commands[n].silent);
        if outstanding <= limit || reported {
            return;
        }
        for n in self.unit().aers.clone() {
            self.commands[n].silent = true;
        }
        let story = (
            format!("{outstanding} requests outstanding"),
            "Asynchronous Event Request Limit Exceeded for those beyond the limit".to_string(),
            format!("AERL = {}: at most {limit}", claims.aerl),
        );
        let by = async_event_request::ONE_REFUSED;
        self.broken_as(by, DivergenceKind::Silence, Place::at("admin CQ"), story);
    }

    /// A slot that was consumed, or lies ahead, holds something else than before.
    pub(super) fn on_slot_changed(&mut self, cqid: Qid, slot: u16, cqe: Cqe) {
        if self.is_lost() {
            return;
        }
        let Some(cq) = self.unit().cq(cqid.0) else { return };
        let entries = u64::from(cq.entries);
        // The pointer of that slot's latest use among those not released yet.
        let unreleased = (cq.released..cq.seen).find(|p| (p % entries) as u16 == slot);
        let Some(pointer) = unreleased else { return };
        let before = cq.slots.get(usize::from(slot)).copied().unwrap_or_default();
        let full = cq.is_full();
        if before == cqe {
            return;
        }
        let place = Place::at(format!("CQ {}, slot {slot}", cqid.0));
        let because = format!("the host has not released it (entry {pointer} of this queue)");
        let story = (cqe.to_string(), before.to_string(), because);
        self.broken(if full { queue::FULL_CQ_WAITS } else { req::ONCE }, place, story);
    }
}
