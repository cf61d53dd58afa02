//! Completion queue entries: their place, their form, whose they are, and their status.

use spec::requirement::{Force, Level, StatusForce};
use spec::requirement::{
    async_event_request, common, cqe as req, create_io_cq, delete_io_sq, queue, reset,
};
use spec::{Cqe, Qid, Req, Sqe, Status};

use super::Judge;
use super::cell::Effect;
use super::claims::Standing;
use super::commands::Flight;
use super::orphans::Whose;
use super::report::Place;
use crate::choices::ChoiceId;
use crate::ruling::{Applies, Decision, Rule, View, bits};
use crate::truth::{Maybe, No, Yes};
use crate::{Allowed, DivergenceKind, FindingKind};

/// Command Aborted due to SQ Deletion.
pub(super) const SQ_DELETED: Status = Status::new(0, 0x08);

/// How many completions with More are remembered.
const KEPT_MORE: usize = 16;

impl Judge {
    /// The host saw a CQE.
    pub(super) fn on_completion(&mut self, cqid: Qid, slot: u16, cqe: Cqe) {
        if self.is_lost() {
            return;
        }
        self.coverage.completions += 1;
        let now = self.now;
        self.unit().last_change = now.when.seen;
        if !self.take_slot(cqid.0, slot, cqe) {
            return;
        }
        match self.whose(cqid, cqe) {
            Whose::Nobodys => self.unknown_command(cqid, cqe),
            Whose::Of(n) => self.on_completion_of(n, cqid, cqe),
            Whose::Either(n, orphan) => self.hold_completion(n, orphan, cqid, cqe),
        }
    }

    /// The host saw a CQE, which is that of command `n`.
    pub(super) fn on_completion_of(&mut self, n: u32, cqid: Qid, cqe: Cqe) {
        if self.commands[n].others.same_cid > 0 {
            // The host's own fault, and a conflict may be reported or not.
            let place = self.place_of(n);
            self.inconclusive("two commands with this CID were in flight".into(), place);
            self.lose(self.now.ctrl, None);
            return;
        }
        self.end_orphans(n, cqid);
        match self.commands[n].flight {
            Flight::Rung => {}
            Flight::Dropped if self.may_still_come(n) => self.forget_orphan(n),
            Flight::Dropped => {
                self.late_completion(n, cqe);
                return;
            }
            _ => {
                self.second_completion(n, cqe);
                return;
            }
        }
        self.credit_completion(n);
        self.show_same_tail(n);
        self.check_form(n, cqid, cqe);
        self.complete(n, cqe);
    }

    /// The slot that a CQE was seen in. False: nothing more can be made of it.
    fn take_slot(&mut self, cqid: u16, slot: u16, cqe: Cqe) -> bool {
        let now = self.now;
        let place = || Place::at(format!("CQ {cqid}, slot {slot}"));
        let Some(cq) = self.unit().cq(cqid) else {
            let story =
                (format!("a CQE: {cqe}"), "none".to_string(), format!("CQ {cqid} does not exist"));
            let finding = self.broken(queue::COMMAND_EXECUTED_ONCE, place(), story);
            self.lose(now.ctrl, finding);
            return false;
        };
        let entries = u64::from(cq.entries);
        let (expected_slot, phase, full) = ((cq.seen % entries) as u16, cq.phase(), cq.is_full());
        let first = cq.seen == 0;
        let (new_again, errored) = (cq.seen < entries && cq.again, cq.errored);
        let apart = cq.apart == Some(u64::from(slot)) && slot == expected_slot;
        if let Some(place) = cq.slots.get_mut(usize::from(expected_slot)) {
            *place = cqe;
        }
        let was_empty = cq.seen == cq.released;
        cq.seen += 1;
        let iv = cq.ien.then_some(cq.iv);
        if let Some(iv) = iv
            && was_empty
        {
            self.posted_into_empty(cqid, iv);
        }
        self.was_written(cqid);
        self.hold(queue::CQE_SLOT_ORDER, slot == expected_slot, |_| {
            let observed = format!("a CQE in slot {slot}");
            let because = format!("{} CQEs were posted before it", expected_slot);
            (place(), (observed, format!("slot {expected_slot}"), because))
        });
        // Up to 2.1 the text speaks of the first pass after CC.EN alone.
        let by = if new_again { req::PHASE_OF_NEW_QUEUE } else { req::PHASE };
        self.hold(by, cqe.phase() == phase, |_| {
            let because = "it inverts on every pass, and is 1 on the first".to_string();
            let observed = format!("phase tag {}", u8::from(cqe.phase()));
            (place(), (observed, format!("phase tag {}", u8::from(phase)), because))
        });
        if cqe.phase() == phase {
            if first {
                self.credit_phase(cqid);
            }
            if apart {
                self.agrees(create_io_cq::NOT_CONTIGUOUS);
            }
        }
        if errored == No && full {
            let because = format!("{} of {entries} slots hold unreleased CQEs", entries - 1);
            let story = ("a CQE".into(), "none until a slot is released".into(), because);
            self.broken(queue::FULL_CQ_WAITS, place(), story);
        } else if errored == No {
            self.credit_waited(cqid);
        }
        true
    }

    fn unknown_command(&mut self, cqid: Qid, cqe: Cqe) {
        let place = Place::at(format!("CQ {cqid}, CID {:04X}h", cqe.cid().0));
        let observed = format!("SQID {}, CID {:04X}h", cqe.sqid(), cqe.cid().0);
        let because = "no such command was submitted".to_string();
        let story = (observed, "a command in flight".to_string(), because);
        self.broken(req::IDENTIFIERS, place, story);
    }

    fn late_completion(&mut self, n: u32, cqe: Cqe) {
        let place = self.place_of(n);
        let req = self.commands[n].dropped.unwrap_or(common::NOT_OUTSTANDING);
        let because =
            "the command was dropped before, and the slot was looked at since".to_string();
        self.broken(req, place, (format!("a late CQE: {cqe}"), "none".to_string(), because));
    }

    fn second_completion(&mut self, n: u32, cqe: Cqe) {
        let place = self.place_of(n);
        let because = format!("the command completed already: {}", self.commands[n].cqe);
        let story = (format!("a second CQE: {cqe}"), "none".to_string(), because);
        self.broken(req::ONCE, place, story);
    }

    /// A command that was rung after its tail was written again, or after another doorbell write that may
    /// be taken for invalid, was carried out: nothing stopped, and what follows is owed.
    fn show_same_tail(&mut self, n: u32) {
        let (sqid, rung) = (self.commands[n].sqid, self.commands[n].rung);
        let Some(sq) = self.unit().sq(sqid) else { return };
        if sq.errored == Maybe && sq.doubted_at < rung {
            sq.errored = No;
            for waiting in sq.in_flight.clone() {
                self.commands[waiting].errored = No;
            }
        }
        let Some(sq) = self.unit().sq(sqid) else { return };
        if sq.same_tail_at.is_some_and(|at| at < rung) && sq.errored != Yes {
            sq.same_tail_at = None;
            self.shown(ChoiceId::SameTail, 1, |judge| judge.place_of(n));
        }
    }

    /// The fields of a CQE that do not depend on its command.
    fn check_form(&mut self, n: u32, cqid: Qid, cqe: Cqe) {
        let command = &self.commands[n];
        let (pointer, sqid, errored) = (command.pointer, command.sqid, command.errored);
        let rung = command.rung;
        let place = |judge: &Judge| judge.place_of(n);
        let (mine, window) = match self.unit().sq(sqid) {
            // The queue with this identifier may be another one by now.
            Some(sq) if sq.born <= rung => {
                let entries = u64::from(sq.entries);
                let head = u64::from(cqe.sqhd());
                // The head when the CQE was made: past this command, at most at the tail.
                let least = pointer + 1;
                let ahead = (head + entries - least % entries) % entries;
                let fits = head < entries && least + ahead <= sq.tail;
                if fits {
                    sq.head = sq.head.max(least + ahead);
                }
                let window = (fits, least % entries, sq.tail % entries);
                (sq.cqid == cqid.0, window)
            }
            _ => (true, (true, 0, 0)),
        };
        self.hold(req::IDENTIFIERS, mine, |judge| {
            let because = format!("SQ {sqid} is bound to another CQ");
            (place(judge), (format!("a CQE in CQ {cqid}"), "its own CQ".into(), because))
        });
        let (fits, least, tail) = window;
        self.hold(req::SQHD, fits, |judge| {
            let because = format!("the command stood before slot {least}, and the tail is {tail}");
            let allowed = match least == tail {
                true => format!("SQHD {tail}"),
                false => format!("SQHD {least} to {tail}"),
            };
            (place(judge), (format!("SQHD {}", cqe.sqhd()), allowed, because))
        });
        self.hold(queue::ERRORED_CONSUMES_NONE, errored != Yes, |judge| {
            let because = "the command was rung after an invalid doorbell value".to_string();
            (place(judge), ("a CQE".into(), "none".into(), because))
        });
        self.hold(req::CRD_RESERVED, cqe.crd() == 0, |judge| {
            let because = "Advanced Command Retry is not enabled".to_string();
            (place(judge), (format!("CRD {}", cqe.crd()), "CRD 0".into(), because))
        });
        if cqe.more() && self.unit().more.len() < KEPT_MORE {
            self.unit().more.push((sqid, cqe.cid().0));
        }
        let success = cqe.status().is_success();
        self.hold(req::SUCCESS_DNR_CRD, !(success && cqe.dnr()), |judge| {
            let because = "the command succeeded".to_string();
            (place(judge), ("DNR 1".into(), "DNR 0".into(), because))
        });
    }

    /// Command `n` is completed by `cqe`: data, ruling, effects.
    fn complete(&mut self, n: u32, cqe: Cqe) {
        self.commands[n].cqe = cqe;
        self.count_completed(n);
        let was_dropped = self.commands[n].flight == Flight::Dropped;
        if !was_dropped {
            self.end_command(n, Flight::Completed);
        } else {
            self.commands[n].flight = Flight::Completed;
        }
        let status = cqe.status();
        if was_dropped && self.commands[n].dropped == Some(reset::NOTHING_POSTED_AFTER) {
            // Posted before a reset and seen after it: what it was to be judged by is forgotten.
            self.stand(n, Standing::Other);
            return;
        }
        // An event posted before a shutdown or a reset has its cause from before it too.
        if status.is_success() && self.commands[n].admin_opcode() == Some(0x0c) && !was_dropped {
            if cqe.dw0() & 7 == 0 {
                self.event_from_before(n);
            }
            self.on_event(n, cqe.dw0());
        }
        let unit = self.unit();
        if unit.aers.is_empty() {
            unit.health.unrequested();
        }
        if status.is_success() && self.commands[n].admin_opcode() == Some(0x02) {
            let dw10 = self.commands[n].sqe.dw[10];
            match dw10 & 0xff {
                0x01 => self.log_read(dw10 >> 15 & 1 != 0),
                0x02 => self.health_read(n),
                _ => {}
            }
        }
        if self.commands[n].admin_opcode() == Some(0x09) {
            self.feature_completed(n);
        }
        if self.commands[n].rule.is_none() {
            let sqe = self.commands[n].sqe;
            let what = format!("opcode {:02X}h in SQ {}", sqe.opcode(), self.commands[n].sqid);
            self.gap(what, Some(sqe));
            self.stand(n, Standing::Other);
            self.settle_data(n, Effect::Possible);
        } else if self.aborted_status(n, status) || self.dropped_status(n, status) {
            self.stand(n, Standing::Other);
            self.refused_from_outside(n);
            self.settle_data(n, Effect::Possible);
        } else {
            self.rule_or_defer(n);
        }
        self.adopt(n, cqe);
        if !was_dropped && !self.deferred.contains(&n) {
            self.retire_command(n);
        }
        if !self.deferred.is_empty() {
            self.drain_clusters();
        }
        if self.commands[n].sqid == 0 {
            self.settle_queues();
        }
    }

    /// Statuses that a queue deletion, a shutdown or a reset under way explains.
    fn dropped_status(&mut self, n: u32, status: Status) -> bool {
        let command = &self.commands[n];
        let sqid = command.sqid;
        // The queue with this identifier may be another one by now.
        let deleted = command.dropped == Some(delete_io_sq::NO_LATER_CQE);
        let unit = self.unit();
        let deleting = unit.sq(sqid).is_some_and(|sq| sq.deleting || sq.unsure);
        let deleting = sqid != 0 && (deleting || deleted);
        let stopping = !unit.enabled;
        let shutting = unit.shutting_down;
        match (status.sct(), status.sc()) {
            _ if status == SQ_DELETED => deleting,
            // Command Abort Requested is for commands that an Abort names (Base-2.3 figure 102).
            (0, 0x07) => stopping,
            // Aborted due to Power Loss Notification.
            (0, 0x05) => shutting || stopping,
            _ => false,
        }
    }

    /// Counts what decided, makes findings, and says what effect on data the answer has.
    pub(super) fn report_decision(&mut self, n: u32, decision: Decision) -> Effect {
        let status = self.commands[n].cqe.status();
        let success = status.is_success();
        let effect = if success { Effect::Certain } else { Effect::Possible };
        if success {
            self.judge_unmapped(n);
        }
        match decision {
            Decision::Agrees { by: 0 } => {
                if let Some(req) = self.succeeds(n) {
                    self.credit_success(n, req);
                }
                self.stand(n, Standing::Accepted);
                effect
            }
            Decision::Agrees { by } => {
                let refused = self.requirements(n, by);
                for req in &refused {
                    self.agrees(*req);
                }
                if success {
                    self.stand(n, Standing::Accepted);
                    return effect;
                }
                if refused.contains(&async_event_request::LIMIT) {
                    self.agrees(async_event_request::ONE_REFUSED);
                }
                self.refused.insert(self.commands[n].submit, refused);
                self.stand(n, Standing::Refused);
                // What was refused for a fault of the command was not carried out.
                Effect::None
            }
            Decision::Tolerated => {
                if status == Status::DATA_TRANSFER_ERROR && self.lacks_memory(n) {
                    self.agrees(spec::requirement::prp::UNMAPPED);
                }
                self.stand(n, Standing::Other);
                effect
            }
            Decision::Warns { by } if by != 0 && !success => {
                // Refused as it was to be, by a status that is not the one recommended. A requirement with
                // an exact status was not met by this one.
                self.report_status(n, decision);
                let forces = self.units[usize::from(self.commands[n].ctrl)].forces.clone();
                let mut refused = self.requirements(n, by);
                refused.retain(|req| !matches!(forces.of(*req), Applies::On(force) if force.status == StatusForce::Exact));
                self.refused.insert(self.commands[n].submit, refused);
                self.stand(n, Standing::Refused);
                effect
            }
            Decision::Warns { .. } | Decision::Diverges { .. } => {
                self.report_status(n, decision);
                self.stand(n, Standing::Other);
                effect
            }
            Decision::Ambient => {
                self.stand(n, Standing::Other);
                let place = self.place_of(n);
                self.ambient(n, place, status);
                effect
            }
        }
    }

    /// A status that fits nearly any command: what the text gives for memory that is not there, or
    /// an anomaly.
    fn ambient(&mut self, n: u32, place: Place, status: Status) {
        let write = matches!(self.commands[n].sqe.opcode() & 3, 2);
        let command = &self.commands[n];
        let unmapped = command
            .runs
            .iter()
            .any(|&(at, len)| self.memory.accessible(spec::Addr(at), len, write).is_no());
        if unmapped {
            self.agrees(spec::requirement::prp::UNMAPPED);
            return;
        }
        self.anomaly(Some(common::TRANSIENT_ERROR), place, status.to_string());
    }

    fn requirements(&self, n: u32, by: u64) -> Vec<Req> {
        let Some(rule) = self.commands[n].rule else { return Vec::new() };
        bits(by).map(|check| rule.check(check).0).collect()
    }

    /// The story of a status that is not allowed, or not recommended.
    fn report_status(&mut self, n: u32, decision: Decision) {
        let (kind, by) = match decision {
            Decision::Warns { by } => (FindingKind::Warning, by),
            Decision::Diverges { by } => (FindingKind::Divergence(DivergenceKind::Rule), by),
            _ => return,
        };
        let Some(rule) = self.commands[n].rule else { return };
        let status = self.commands[n].cqe.status();
        let view = self.view(n, &self.worlds[0]);
        let sqe = self.commands[n].sqe;
        let allowed = allowed(rule, by, &sqe, &view);
        let req = self.broken_requirement(n, by);
        if let Some(req) = req {
            self.coverage.exercised[usize::from(req.0)] += 1;
            self.coverage.judged[usize::from(req.0)] += 1;
        }
        let place = self.place_of(n);
        self.find(kind, req, place, status.to_string(), allowed);
    }

    /// The requirement that a status breaks: the first failing check that is more than a permission, else
    /// one that permits a refusal by its own status alone, else that the command succeeds.
    fn broken_requirement(&self, n: u32, by: u64) -> Option<Req> {
        let forces = &self.units[usize::from(self.commands[n].ctrl)].forces;
        let failing = self.requirements(n, by);
        let first = |binds: fn(Force) -> bool| {
            let binds = |req: &&Req| matches!(forces.of(**req), Applies::On(force) if binds(force));
            failing.iter().find(binds).copied()
        };
        first(|force| force.level > Level::May)
            .or_else(|| first(|force| force.status == StatusForce::Exact))
            .or_else(|| self.succeeds(n))
    }
}

/// The answers that the checks `by` allow, and why; without any, acceptance.
pub(super) fn allowed(rule: &Rule, by: u64, sqe: &Sqe, view: &View) -> Vec<Allowed> {
    let mut allowed = Vec::new();
    for check in bits(by) {
        let because = rule.because(check, sqe, view);
        let answer = |s: &Status| Allowed { answer: s.to_string(), because: because.clone() };
        allowed.extend(rule.check(check).1.iter().map(answer));
    }
    if by == 0 {
        let because = "nothing is wrong with this command".to_string();
        allowed.push(Allowed { answer: Status::SUCCESSFUL_COMPLETION.to_string(), because });
    }
    allowed
}
