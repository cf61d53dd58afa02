//! Requirements that an observation decides only in a special circumstance: it agreed, and had the
//! controller broken the special rule, it would have been this observation that showed it.

use std::cmp::Ordering;

use spec::command::{Abort, Command as _, CreateIoSq, GetLogPage};
use spec::register::Aqa;
use spec::requirement::{
    abort, async_event_request, common, controller, cqe as req, create_io_cq, get_log_page,
    interrupt, number_of_queues, queue, ready, register, reset, set_features,
};
use spec::{Cqe, Fid, Lid, Qid, Req, opcode};

use super::Judge;
use super::commands::Flight;
use crate::ruling::Data;

impl Judge {
    /// Command `n` was in flight and has completed; nothing of its CQE is judged yet.
    #[inline]
    pub(super) fn credit_completion(&mut self, n: u32) {
        self.agrees(queue::OWED_COMPLETION);
        self.agrees(req::ONCE);
        let command = &self.commands[n];
        let (sqid, pointer) = (command.sqid, command.pointer);
        let request = command.admin_opcode() == Some(0x0c);
        if sqid == 0 && !request && !self.units[usize::from(self.now.ctrl)].aers.is_empty() {
            self.agrees(async_event_request::ONLY_FOR_EVENTS);
        }
        let unit = &mut self.units[usize::from(self.now.ctrl)];
        let Some(sq) = unit.sq(sqid) else { return };
        let (entries, batched, cqid) = (u64::from(sq.entries), sq.batched, sq.cqid);
        let special = pointer >= entries || entries == 2 || batched || unit.special.any();
        if !special && unit.sqs.len() <= 2 {
            return;
        }
        self.credit_queues(n, pointer, entries, batched, cqid);
    }

    fn credit_queues(&mut self, n: u32, pointer: u64, entries: u64, batched: bool, cqid: u16) {
        if pointer >= entries {
            self.agrees(queue::WRAPS);
        }
        if entries == 2 {
            self.agrees(queue::TWO_SLOTS);
        }
        if batched {
            self.agrees(queue::TAIL_REPLACES_TAIL);
        }
        let sqid = self.commands[n].sqid;
        let unit = &self.units[usize::from(self.now.ctrl)];
        let alive = unit.sqs.iter().flatten().filter(|sq| sq.dead_since.is_none());
        let shared = alive.filter(|sq| sq.cqid == cqid).count() > 1;
        let mut others =
            unit.cqs.iter().enumerate().filter_map(|(qid, cq)| Some((qid, cq.as_ref()?)));
        let full = others
            .any(|(qid, cq)| qid != usize::from(cqid) && cq.dead_since.is_none() && cq.is_full());
        let special = unit.special;
        if shared {
            self.agrees(queue::SHARED_CQ);
        }
        if full {
            self.agrees(queue::FULL_CQ_SPARES_OTHERS);
        }
        if sqid != cqid {
            self.agrees(queue::INDEPENDENT_IDENTIFIERS);
        }
        if special.first_after_ready {
            self.units[usize::from(self.now.ctrl)].special.first_after_ready = false;
            self.agrees(ready::ACCEPTS_ADMIN);
            if special.resets > 0 {
                self.agrees(ready::REPEATABLE);
            }
            if special.tail_moved {
                // An old tail or head would have made it fetch from another slot.
                self.agrees(queue::DOORBELLS_RESET);
            }
            if special.admin_queue_kept {
                self.agrees(reset::ADMIN_QUEUE_KEPT);
            }
            if special.new_admin_queue {
                self.agrees(ready::NEW_ADMIN_QUEUE);
                self.agrees(register::ADMIN_QUEUE_PROGRAMMED);
            }
        }
        if special.other_was_reset {
            self.agrees(controller::OWN_RESET);
            self.agrees(controller::OWN_STATE);
        }
        if special.other_was_shut_down {
            self.agrees(controller::OWN_SHUTDOWN);
        }
    }

    /// A CQE with the right phase was seen in the first slot of CQ `cqid`, whose phase tags were those of
    /// an even pass when a reset took it.
    pub(super) fn credit_phase(&mut self, cqid: u16) {
        let bit = 1u64.checked_shl(u32::from(cqid)).unwrap_or(0);
        let even = &mut self.unit().special.even_passes;
        if *even & bit != 0 {
            *even &= !bit;
            self.agrees(reset::PHASE_RESTARTS);
        }
    }

    /// Command `n` was accepted, and that was right.
    pub(super) fn credit_acceptance(&mut self, n: u32) {
        let command = &self.commands[n];
        if let Data::Read(blocks) | Data::Write(blocks) = command.data
            && blocks.count == 1
        {
            self.agrees(common::NLB);
        }
        self.credit_size(n);
        let command = &self.commands[n];
        let (sqe, cqe) = (command.sqe, command.cqe);
        match command.admin_opcode() {
            None => {}
            Some(opcode::admin::CREATE_IO_SUBMISSION_QUEUE) => self.credit_create_sq(n),
            Some(opcode::admin::CREATE_IO_COMPLETION_QUEUE) => self.credit_create_cq(sqe),
            Some(opcode::admin::SET_FEATURES) => self.credit_set_features(sqe),
            Some(opcode::admin::GET_FEATURES) => self.credit_get_features(sqe),
            Some(opcode::admin::GET_LOG_PAGE) => self.credit_get_log_page(sqe),
            Some(opcode::admin::ABORT) => self.credit_abort(n, cqe),
            _ => {}
        }
    }

    fn credit_create_sq(&mut self, n: u32) {
        let cmd = CreateIoSq::project(&self.commands[n].sqe);
        let controller = self.believed();
        let exact = controller.granted.io_sqs.low == controller.granted.io_sqs.high;
        let all = exact && controller.io_sqs.0.len() as u32 == controller.granted.io_sqs.low;
        let mqes = controller.max_entries() == Some(cmd.entries.0);
        let taken = take(&mut self.unit().reset_sqs, cmd.qid);
        self.credit_created(all, taken);
        if mqes {
            self.agrees(spec::requirement::create_io_sq::QSIZE_MQES_LEGAL);
        }
        if cmd.qprio != 0 {
            self.agrees(spec::requirement::create_io_sq::QPRIO_IGNORED);
        }
        let own = self.now.ctrl;
        let worlds = self.worlds[0].controllers.iter().enumerate();
        let elsewhere = worlds.filter(|(c, _)| *c != usize::from(own));
        if elsewhere.into_iter().any(|(_, c)| c.io_sqs.contains(cmd.qid)) {
            self.agrees(controller::OWN_QUEUES);
        }
    }

    fn credit_create_cq(&mut self, sqe: spec::Sqe) {
        let cmd = spec::command::CreateIoCq::project(&sqe);
        let controller = self.believed();
        let exact = controller.granted.io_cqs.low == controller.granted.io_cqs.high;
        let all = exact && controller.io_cqs.0.len() as u32 == controller.granted.io_cqs.low;
        let mqes = controller.max_entries() == Some(cmd.entries.0);
        let mut same = controller.io_cqs.0.iter().filter(|q| q.ien && q.iv == cmd.iv);
        let shared = cmd.ien && same.any(|q| q.qid != cmd.qid);
        let taken = take(&mut self.unit().reset_cqs, cmd.qid);
        self.credit_created(all, taken);
        if mqes {
            self.agrees(create_io_cq::QSIZE_MQES_LEGAL);
        }
        if shared {
            self.agrees(interrupt::SHARED_VECTOR);
        }
    }

    /// An I/O queue was created; `all`: now every granted queue of its kind exists; `taken`: one with its
    /// identifier was there when a reset came, and would have made it be refused.
    fn credit_created(&mut self, all: bool, taken: bool) {
        if all {
            self.agrees(number_of_queues::ALL_CREATABLE);
        }
        if taken {
            self.agrees(reset::QUEUES_DELETED);
            self.agrees(reset::ONLY_ADMIN_QUEUE);
            self.agrees(reset::STOPS_EVERYTHING);
        }
    }

    /// What the success of command `n` shows by itself. `req` is what its refusal would have broken.
    pub(super) fn credit_success(&mut self, n: u32, req: Req) {
        // A Read or Write of other blocks says nothing of the last one.
        let reached = match self.commands[n].data {
            Data::Read(blocks) | Data::Write(blocks) => {
                let known = self.worlds[0].namespace(blocks.nsid).and_then(|ns| ns.claims);
                let end = blocks.slba.checked_add(u64::from(blocks.count));
                known.is_some_and(|claims| Some(claims.nsze) == end)
            }
            _ => false,
        };
        if req != common::LAST_LBA || reached {
            self.agrees(req);
        }
    }

    /// The controller was seen disabled, or a look at its queues after a reset found nothing.
    pub(super) fn credit_stopped(&mut self) {
        let special = self.unit().special;
        if special.queues_before || special.dropped {
            self.agrees(reset::STOPS_EVERYTHING);
        }
    }

    /// The host released entries of CQ `cqid`, which was full while commands waited, and another entry
    /// came: none was lost, and none was posted before.
    pub(super) fn credit_waited(&mut self, cqid: u16) {
        if self.unit().cq(cqid).is_some_and(|cq| std::mem::take(&mut cq.held_back)) {
            self.agrees(queue::FULL_CQ_WAITS);
        }
    }

    fn credit_set_features(&mut self, sqe: spec::Sqe) {
        if spec::command::SetFeatures::project(&sqe).fid == Fid::NUMBER_OF_QUEUES {
            // Without the reset it would be refused, or repeat the old answer.
            if self.unit().special.queues_before {
                self.agrees(number_of_queues::AGAIN_AFTER_RESET);
                self.agrees(reset::NUMBER_OF_QUEUES);
            }
            let own = usize::from(self.now.ctrl);
            let mut others = self.worlds[0].controllers.iter().enumerate();
            // It was asked for by another controller before, and yet is answered anew.
            if others.any(|(ctrl, other)| ctrl != own && other.granted_answered) {
                self.agrees(controller::OWN_NUMBER_OF_QUEUES);
            }
        }
        self.unit().special.feature_set = true;
        self.credit_both_commands();
    }

    fn credit_both_commands(&mut self) {
        let special = self.unit().special;
        if special.feature_set && special.feature_read {
            self.agrees(set_features::BOTH_SUPPORTED);
        }
    }

    fn credit_get_features(&mut self, sqe: spec::Sqe) {
        let cmd = spec::command::GetFeatures::project(&sqe);
        self.unit().special.feature_read = true;
        self.credit_both_commands();
        if sqe.dw[11] != 0 && cmd.fid == Fid::NUMBER_OF_QUEUES {
            self.agrees(number_of_queues::GET_IGNORES_CDW11);
        }
    }

    fn credit_get_log_page(&mut self, sqe: spec::Sqe) {
        let cmd = GetLogPage::project(&sqe);
        self.unit().special.log_page_read = true;
        let Some(claims) = self.believed().claims else { return };
        let page = 64 * (u64::from(claims.elpe) + 1);
        if cmd.lid != Lid::ERROR_INFORMATION || cmd.lpo != 0 {
            return;
        }
        match cmd.bytes().0.cmp(&page) {
            Ordering::Less => self.agrees(get_log_page::SHORT_READ),
            Ordering::Equal => {}
            Ordering::Greater => self.agrees(get_log_page::LONG_READ),
        }
    }

    fn credit_abort(&mut self, n: u32, cqe: Cqe) {
        let cmd = Abort::project(&self.commands[n].sqe);
        let key = u32::from(cmd.sqid.0) << 16 | u32::from(cmd.cid.0);
        let own = self.now.ctrl;
        let here = self.units[usize::from(own)].by_cid.get(&key).copied();
        let rung = self.commands[n].rung;
        let beside = |victim: &super::commands::Command| {
            victim.flight == Flight::Rung
                || victim.flight == Flight::Completed && victim.seen > rung
        };
        if let Some(victim) = here
            && self.commands[victim].admin_opcode() == Some(0x0c)
            && beside(&self.commands[victim])
        {
            self.agrees(abort::ASYNC_EVENT_REQUEST);
        }
        let elsewhere = self.units.iter().enumerate().any(|(ctrl, unit)| {
            let there = unit.by_cid.get(&key).copied();
            ctrl != usize::from(own)
                && there.is_some_and(|v| self.commands[v].flight == Flight::Rung)
        });
        if elsewhere && cqe.dw0() & 1 != 0 {
            self.agrees(controller::OWN_ABORT);
        }
    }

    /// CC.EN was written with these admin queue attributes.
    pub(super) fn credit_enable(&mut self, aqa: Option<Aqa>) {
        let unit = self.unit();
        unit.special.new_admin_queue = unit.special.aqa.is_some() && unit.special.aqa != aqa;
        unit.special.aqa = aqa;
        unit.special.first_after_ready = true;
        unit.special.admin_queue_kept =
            unit.special.by_controller_reset && !unit.special.admin_queue_written;
    }
}

/// Takes a queue identifier out of a list; whether it was there.
fn take(list: &mut Vec<u16>, qid: Qid) -> bool {
    let at = list.iter().position(|known| *known == qid.0);
    at.map(|at| list.swap_remove(at)).is_some()
}
