//! What an answer does to the runtime tables: the DUT's word is taken, right or wrong.
//!
//! Where a queue is created and deleted by commands in flight beside each other, the order of their
//! CQEs says nothing of the order in which they ran. Such a queue is *unsure*: nothing is owed in it
//! until the worlds that explain the answers agree on whether it is there.

use spec::command::{Command as _, CreateIoCq, CreateIoSq, DeleteIoCq, DeleteIoSq};
use spec::{Cqe, Qid, Sqe, opcode};

use super::Judge;
use super::commands::Flight;
use super::queues::{Cq, Sq, place};

/// A queue, as a command that creates or deletes one names it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Sq(Qid),
    Cq(Qid),
}

/// The queue that an admin command creates or deletes.
fn named(sqe: &Sqe) -> Option<Named> {
    Some(match sqe.opcode() {
        CreateIoSq::OPCODE => Named::Sq(CreateIoSq::project(sqe).qid),
        DeleteIoSq::OPCODE => Named::Sq(DeleteIoSq::project(sqe).qid),
        CreateIoCq::OPCODE => Named::Cq(CreateIoCq::project(sqe).qid),
        DeleteIoCq::OPCODE => Named::Cq(DeleteIoCq::project(sqe).qid),
        _ => return None,
    })
}

impl Judge {
    /// Command `n` completed with `cqe`.
    pub(super) fn adopt(&mut self, n: u32, cqe: Cqe) {
        let command = &self.commands[n];
        let Some(admin) = command.admin_opcode() else { return };
        let sqe = command.sqe;
        if !cqe.status().is_success() {
            if admin == DeleteIoSq::OPCODE {
                let qid = DeleteIoSq::project(&sqe).qid;
                let deleting = self.is_being_deleted(qid);
                if let Some(sq) = self.unit().sq(qid.0) {
                    sq.deleting = deleting;
                }
            }
            return;
        }
        match admin {
            opcode::admin::CREATE_IO_COMPLETION_QUEUE => self.adopt_cq(n, &sqe),
            opcode::admin::CREATE_IO_SUBMISSION_QUEUE => self.adopt_sq(n, &sqe),
            opcode::admin::DELETE_IO_SUBMISSION_QUEUE => {
                let qid = DeleteIoSq::project(&sqe).qid;
                match self.is_contested(n, Named::Sq(qid)) {
                    _ if qid.is_admin() => {}
                    true => self.doubt_sq(n, qid.0),
                    false => self.delete_sq(qid.0),
                }
            }
            opcode::admin::DELETE_IO_COMPLETION_QUEUE => {
                let qid = DeleteIoCq::project(&sqe).qid;
                let (at, unsure) = (self.now.when.seen, self.is_contested(n, Named::Cq(qid)));
                if !qid.is_admin()
                    && let Some(cq) = self.unit().cq(qid.0)
                {
                    cq.unsure |= unsure;
                    if !unsure {
                        cq.dead_since = Some(at);
                    }
                }
            }
            opcode::admin::ABORT => self.on_abort(n, cqe.dw0()),
            _ => {}
        }
    }

    fn adopt_cq(&mut self, n: u32, sqe: &Sqe) {
        let c = CreateIoCq::project(sqe);
        let bytes = 16 * u64::from(c.entries.0);
        let ranges = place(&self.memory, c.prp1, c.pc, bytes, self.believed().page_bytes());
        let unsure = self.is_contested(n, Named::Cq(c.qid));
        let cq = Cq { unsure, ..Cq::new(c.entries.0, ranges, c.ien, c.iv) };
        self.unit().put_cq(c.qid.0, cq);
    }

    fn adopt_sq(&mut self, n: u32, sqe: &Sqe) {
        let c = CreateIoSq::project(sqe);
        let bytes = 64 * u64::from(c.entries.0);
        let ranges = place(&self.memory, c.prp1, c.pc, bytes, self.believed().page_bytes());
        let unsure = self.is_contested(n, Named::Sq(c.qid));
        let deleting = self.is_being_deleted(c.qid);
        // What the queue before it had in flight may have completed at any time until now.
        let old = self.unit().sq(c.qid.0).map(|sq| std::mem::take(&mut sq.in_flight));
        for n in old.unwrap_or_default() {
            self.drop_command(n, spec::requirement::delete_io_sq::NO_LATER_CQE);
            self.commands[n].ended_at = u64::MAX;
        }
        let born = self.now.record;
        let new = Sq::new(c.cqid.0, c.entries.0, ranges);
        self.unit().put_sq(c.qid.0, Sq { unsure, deleting, born, ..new });
    }

    /// Whether another command that creates or deletes the same queue ran beside command `n`. If so,
    /// whether the queue is there has to be settled later.
    fn is_contested(&mut self, n: u32, queue: Named) -> bool {
        let contested = self.is_open(Some(n), queue);
        self.unit().unsure_queues |= contested;
        contested
    }

    /// Whether a command (other than `n`) that creates or deletes the queue is in flight, or succeeded
    /// and is not ruled yet.
    fn is_open(&self, n: Option<u32>, queue: Named) -> bool {
        let ctrl = self.now.ctrl;
        let rivals = self.units[usize::from(ctrl)].structural.iter().chain(&self.deferred);
        rivals.copied().filter(|m| Some(*m) != n && self.commands[*m].ctrl == ctrl).any(|m| {
            let rival = &self.commands[m];
            let may_act = rival.flight == Flight::Rung || rival.cqe.status().is_success();
            may_act && named(&rival.sqe) == Some(queue)
        })
    }

    /// Whether a Delete I/O SQ of this queue is in flight.
    fn is_being_deleted(&self, qid: Qid) -> bool {
        self.units[usize::from(self.now.ctrl)].structural.iter().any(|n| {
            let command = &self.commands[*n];
            command.flight == Flight::Rung
                && command.sqe.opcode() == DeleteIoSq::OPCODE
                && named(&command.sqe) == Some(Named::Sq(qid))
        })
    }

    /// The Delete `n` of submission queue `qid` succeeded: what was in it before is dropped. Whether one
    /// with this identifier is there is not known for now.
    fn doubt_sq(&mut self, n: u32, qid: u16) {
        let (ctrl, deleted, at) = (self.now.ctrl, self.commands[n].rung, self.now.when.seen);
        let Some(sq) = self.unit().sq(qid) else { return };
        sq.unsure = true;
        let waiting = sq.in_flight.clone();
        for n in waiting {
            match self.commands[n].rung < deleted {
                true => self.drop_command(n, spec::requirement::delete_io_sq::NO_LATER_CQE),
                false => self.commands[n].unsure = true,
            }
        }
        // Those of a queue that another command has replaced meanwhile.
        let replaced: Vec<u32> = self.commands.recent().collect();
        for n in replaced {
            let command = &mut self.commands[n];
            let dropped = command.flight == Flight::Dropped && command.ended_at == u64::MAX;
            if dropped && (command.ctrl, command.sqid) == (ctrl, qid) && command.rung < deleted {
                command.ended_at = at;
            }
        }
    }

    /// Decides about unsure queues as far as the worlds agree. Called when a command of the controller
    /// under judgement was ruled.
    pub(super) fn settle_queues(&mut self) {
        if !self.unit().unsure_queues {
            return;
        }
        let unit = self.unit();
        let sqs = unit.sqs.iter().enumerate();
        let sqs = sqs.filter(|(_, sq)| sq.as_ref().is_some_and(|sq| sq.unsure));
        let sqs: Vec<u16> = sqs.map(|(qid, _)| qid as u16).collect();
        let cqs = unit.cqs.iter().enumerate();
        let cqs = cqs.filter(|(_, cq)| cq.as_ref().is_some_and(|cq| cq.unsure));
        let cqs: Vec<u16> = cqs.map(|(qid, _)| qid as u16).collect();
        unit.unsure_queues = !sqs.is_empty() || !cqs.is_empty();
        for qid in sqs {
            self.settle_sq(qid);
        }
        for qid in cqs {
            self.settle_cq(qid);
        }
    }

    /// Whether the queue exists, if all worlds agree and nothing that is not ruled may change it.
    fn exists(&self, queue: Named) -> Option<bool> {
        if self.is_open(None, queue) {
            return None;
        }
        let at = usize::from(self.now.ctrl);
        let mut there = self.worlds.iter().map(|world| match queue {
            Named::Sq(qid) => world.controllers[at].io_sqs.contains(qid),
            Named::Cq(qid) => world.controllers[at].io_cqs.contains(qid),
        });
        let first = there.next()?;
        there.all(|other| other == first).then_some(first)
    }

    fn settle_sq(&mut self, qid: u16) {
        match self.exists(Named::Sq(Qid(qid))) {
            None => {}
            Some(false) => {
                if let Some(sq) = self.unit().sq(qid) {
                    sq.unsure = false;
                }
                self.delete_sq(qid);
            }
            Some(true) => {
                let Some(sq) = self.unit().sq(qid) else { return };
                sq.unsure = false;
                let waiting = sq.in_flight.clone();
                for n in waiting {
                    self.commands[n].unsure = false;
                }
            }
        }
    }

    fn settle_cq(&mut self, qid: u16) {
        let exists = self.exists(Named::Cq(Qid(qid)));
        let at = self.now.when.seen;
        let Some(cq) = self.unit().cq(qid) else { return };
        cq.unsure = exists.is_none();
        if exists == Some(false) {
            cq.dead_since = Some(at);
        }
    }
}
