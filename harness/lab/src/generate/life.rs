//! Rounds that make and end things: queues, resets, shutdowns, enabling.

use log::{Perm, ResetKind};
use spec::command::{CreateIoCq, CreateIoSq, DeleteIoCq, DeleteIoSq, SetFeatures};
use spec::register::{self, Cc, Csts};
use spec::{Entries, Fid, Qid};

use super::plan::{Plan, PlannedCq, PlannedCtrl, PlannedSq};
use crate::action::{Action, Condition, Links, Patience, Word};

/// The largest queue that is made because it is the largest that may be.
const LARGE_QUEUE: u64 = 4096;

impl Plan<'_> {
    fn cc(&mut self, ctrl: u8) -> Cc {
        let mps = self.ctrl(ctrl).mps;
        Cc::new().with_en(true).with_mps(mps).with_iosqes(6).with_iocqes(4)
    }

    fn write(&mut self, ctrl: u8, offset: u32, width: u8, value: Word) {
        self.push(Action::WriteReg { ctrl, offset, width, value });
    }

    fn wait_csts(&mut self, ctrl: u8, mask: Csts, value: Csts) {
        let (mask, value) = (mask.into_bits().into(), value.into_bits().into());
        let condition = Condition::Register(register::CSTS, 4, mask, value);
        self.push(Action::Wait { ctrl, condition, patience: Patience::Default });
    }

    /// New admin queues, EN = 1, the number of queues, perhaps interrupts.
    pub(super) fn enable(&mut self, ctrl: u8) {
        if self.random.one_in(2) {
            self.push(Action::Enable { ctrl });
            *self.ctrl(ctrl) = PlannedCtrl::enabled(self.options.mpsmin);
        } else {
            self.enable_by_registers(ctrl);
        }
        // What a reset has left of settings, events and counters.
        self.ask_again(ctrl, 3);
        if self.random.one_in(4) {
            self.health_log(ctrl);
        }
        if self.random.one_in(4) {
            self.request_event(ctrl);
            self.error_log(ctrl);
        }
    }

    fn enable_by_registers(&mut self, ctrl: u8) {
        let (mpsmin, mpsmax) = (self.options.mpsmin, self.options.mpsmax);
        let mps = if self.random.one_in(3) { mpsmax.min(mpsmin + 2) } else { mpsmin };
        // Small ones go round before the next reset.
        let entries = self.random.between(4, 12);
        let admin_entries = entries as u32;
        *self.ctrl(ctrl) =
            PlannedCtrl { enabled: true, mps, admin_entries, ..PlannedCtrl::default() };
        let asq = self.buffer(ctrl, 64 * entries, Perm::ToController, 0);
        let acq = self.buffer(ctrl, 16 * entries, Perm::FromController, 0);
        self.ctrl(ctrl).admin = vec![asq, acq];
        self.push(Action::ReadReg { ctrl, offset: register::CAP, width: 8 });
        let z = entries - 1;
        self.write(ctrl, register::AQA, 4, Word::Raw(z << 16 | z));
        self.write(ctrl, register::ASQ, 8, Word::At(asq, 0));
        self.write(ctrl, register::ACQ, 8, Word::At(acq, 0));
        let cc = u64::from(self.cc(ctrl).into_bits());
        self.write(ctrl, register::CC, 4, Word::Raw(cc));
        let ready = Csts::new().with_rdy(true);
        self.wait_csts(ctrl, ready, ready);
        let asked = u32::from(self.options.io_queues.max(1)) - 1;
        let set = SetFeatures {
            fid: Fid::NUMBER_OF_QUEUES,
            cdw11: asked << 16 | asked,
            ..SetFeatures::default()
        };
        self.admin(ctrl, set, Links::default());
        if self.options.msix_vectors > 0 && self.random.one_in(2) {
            let vectors = self.options.msix_vectors;
            self.push(Action::MsixEnable { ctrl, vectors });
            self.msix_on.insert(ctrl);
            self.ctrl(ctrl).msix = true;
        }
    }

    /// An identifier that no queue has, if there is one.
    fn free_qid(&mut self, ctrl: u8) -> Option<Qid> {
        let planned = self.ctrl(ctrl).clone();
        let taken = |qid: Qid| {
            planned.sqs.iter().any(|sq| sq.qid == qid) || planned.cqs.iter().any(|cq| cq.qid == qid)
        };
        (1..=self.options.io_queues).map(Qid).find(|qid| !taken(*qid))
    }

    /// A completion queue (or one that exists) and a submission queue.
    pub(super) fn make_pair(&mut self, ctrl: u8) {
        let Some(qid) = self.free_qid(ctrl) else { return self.io_round(ctrl) };
        let limit = u64::from(self.options.queue_entries_max);
        let cqs = self.ctrl(ctrl).cqs.clone();
        let cqid = if !cqs.is_empty() && self.random.one_in(3) {
            self.random.pick(&cqs).qid
        } else {
            self.create_cq(ctrl, qid, limit);
            qid
        };
        let entries = self.queue_entries(ctrl, limit, 64);
        let pc = self.is_contiguous();
        let bytes = 64 * u64::from(entries);
        let (prp1, memory) = self.queue_memory(ctrl, bytes, Perm::ToController, pc);
        // With round robin (CC.AMS = 0) a priority means nothing.
        let qprio = if self.random.one_in(4) { self.random.below(4) as u8 } else { 0 };
        let entries_field = Entries(entries);
        let create =
            CreateIoSq { qid, entries: entries_field, pc, qprio, cqid, ..Default::default() };
        let links = Links { prp1: Some((prp1, 0)), ..Links::default() };
        self.admin(ctrl, create, links);
        let sq = PlannedSq { qid, cqid, entries, memory, open: 0, tail: 0, errored: false };
        self.ctrl(ctrl).sqs.push(sq);
    }

    fn is_contiguous(&mut self) -> bool {
        self.options.contiguous_queues || !self.random.one_in(4)
    }

    /// Small queues wrap and fill up, which is where phases and stalls go wrong; a few reach into their
    /// second page of `slot_bytes` each, or are as large as they may be.
    fn queue_entries(&mut self, ctrl: u8, limit: u64, slot_bytes: u64) -> u32 {
        let page = self.page_bytes(ctrl) / slot_bytes;
        match self.random.below(16) {
            0 if limit <= LARGE_QUEUE => limit as u32,
            0 | 1 => self.random.between(2, limit.min(page + 8)) as u32,
            _ => self.random.between(2, limit.min(14)) as u32,
        }
    }

    fn create_cq(&mut self, ctrl: u8, qid: Qid, limit: u64) {
        let entries = self.queue_entries(ctrl, limit, 16);
        let pc = self.is_contiguous();
        let bytes = 16 * u64::from(entries);
        let (prp1, memory) = self.queue_memory(ctrl, bytes, Perm::FromController, pc);
        let ien = self.ctrl(ctrl).msix;
        let vectors = u64::from(self.options.msix_vectors.max(1));
        let iv = if ien { self.random.below(vectors) as u16 } else { 0 };
        let create =
            CreateIoCq { qid, entries: Entries(entries), pc, ien, iv, ..CreateIoCq::default() };
        let links = Links { prp1: Some((prp1, 0)), ..Links::default() };
        self.admin(ctrl, create, links);
        self.ctrl(ctrl).cqs.push(PlannedCq { qid, entries, memory });
    }

    /// Deletes a submission queue, perhaps with commands in flight, then perhaps its completion queue.
    pub(super) fn delete_round(&mut self, ctrl: u8) {
        if self.ctrl(ctrl).sqs.is_empty() {
            return self.delete_idle_cq(ctrl);
        }
        let count = self.ctrl(ctrl).sqs.len() as u64;
        let at = self.random.below(count) as usize;
        let sq = self.ctrl(ctrl).sqs[at].clone();
        if self.random.one_in(5) {
            // Refused: a submission queue still uses it.
            self.admin(ctrl, DeleteIoCq { qid: sq.cqid }, Links::default());
        }
        let race = self.options.races && self.random.one_in(3) && !sq.errored;
        if race {
            self.io_round(ctrl);
            // The reads of a deleted queue have filled nothing, or anything.
            self.looks.retain(|look| look.ctrl != ctrl);
        } else {
            self.settle(ctrl);
        }
        self.admin(ctrl, DeleteIoSq { qid: sq.qid }, Links::default());
        self.ctrl(ctrl).sqs.retain(|other| other.qid != sq.qid);
        self.settle(ctrl);
        self.push(Action::Release { ctrl, cqid: sq.cqid });
        self.free(sq.memory);
        if !self.cq_is_used(ctrl, sq.cqid) && self.random.one_in(2) {
            self.delete_idle_cq(ctrl);
        }
    }

    fn delete_idle_cq(&mut self, ctrl: u8) {
        let sqs = self.ctrl(ctrl).sqs.clone();
        let idle = |cq: &&PlannedCq| !sqs.iter().any(|sq| sq.cqid == cq.qid);
        let Some(cq) = self.ctrl(ctrl).cqs.iter().find(idle).cloned() else { return };
        self.admin(ctrl, DeleteIoCq { qid: cq.qid }, Links::default());
        self.ctrl(ctrl).cqs.retain(|other| other.qid != cq.qid);
        self.free(cq.memory);
    }

    /// A command on queues that must be refused: one fault.
    pub(super) fn queue_fault(&mut self, ctrl: u8) {
        let free = self.free_qid(ctrl);
        let sq = self.ctrl(ctrl).sqs.first().map(|sq| (sq.qid, sq.cqid));
        let cqid = self.ctrl(ctrl).cqs.first().map(|cq| cq.qid);
        let entries = Entries(4);
        let cq = CreateIoCq { entries, pc: true, ..CreateIoCq::default() };
        let good = CreateIoSq { entries, pc: true, ..CreateIoSq::default() };
        let absent = free.unwrap_or(Qid(0xfffe));
        if let Some(qid) = free
            && self.options.contiguous_queues
            && self.random.one_in(4)
        {
            // PC = 0 where CAP.CQR = 1.
            let (list, pages) = self.queue_memory(ctrl, 64, Perm::FromController, false);
            let links = Links { prp1: Some((list, 0)), ..Links::default() };
            self.admin(ctrl, CreateIoCq { qid, pc: false, ..cq }, links);
            return self.free(pages);
        }
        let memory = self.buffer(ctrl, 4096, Perm::Both, 0);
        let links = |offset| Links { prp1: Some((memory, offset)), ..Links::default() };
        match (self.random.below(9), free, sq, cqid) {
            (0, ..) => drop(self.admin(ctrl, DeleteIoSq { qid: absent }, Links::default())),
            (1, ..) => drop(self.admin(ctrl, DeleteIoCq { qid: absent }, Links::default())),
            (2, ..) => drop(self.admin(ctrl, DeleteIoSq { qid: Qid(0) }, Links::default())),
            (3, ..) => drop(self.admin(ctrl, CreateIoCq { qid: Qid(0), ..cq }, links(0))),
            (4, ..) => drop(self.admin(ctrl, CreateIoCq { qid: Qid(0xfffe), ..cq }, links(0))),
            (5, _, _, Some(qid)) => drop(self.admin(ctrl, CreateIoCq { qid, ..cq }, links(0))),
            (6, _, Some((qid, cqid)), _) => {
                self.admin(ctrl, CreateIoSq { qid, cqid, ..good }, links(0));
            }
            (7, Some(qid), ..) => {
                self.admin(ctrl, CreateIoSq { qid, cqid: absent, ..good }, links(0));
            }
            (_, Some(qid), ..) => drop(self.admin(ctrl, CreateIoCq { qid, ..cq }, links(512))),
            _ => {}
        }
        self.push(Action::Free { id: memory });
    }

    /// A reset or a shutdown, perhaps with commands in flight, and the way back.
    pub(super) fn reset_round(&mut self, ctrl: u8) {
        let held = self.options.races && self.random.one_in(2) && !self.ctrl(ctrl).sqs.is_empty();
        if held {
            self.io_round(ctrl);
        } else {
            self.settle(ctrl);
        }
        if self.random.one_in(4) {
            self.health_log(ctrl);
        }
        let resets = self.options.resets.clone();
        match self.random.below(4) {
            0 if !resets.is_empty() => {
                let kind = *self.random.pick(&resets);
                self.outer_reset(ctrl, kind);
            }
            1 => self.shutdown(ctrl),
            _ => self.controller_reset(ctrl),
        }
    }

    pub(super) fn controller_reset(&mut self, ctrl: u8) {
        let cc = u64::from(self.cc(ctrl).with_en(false).into_bits());
        self.write(ctrl, register::CC, 4, Word::Raw(cc));
        self.wait_csts(ctrl, Csts::new().with_rdy(true), Csts::new());
        // A controller reset leaves the registers of the admin queues.
        if self.random.one_in(2) {
            let registers = [(register::AQA, 4), (register::ASQ, 8), (register::ACQ, 8)];
            let (offset, width) = *self.random.pick(&registers);
            self.push(Action::ReadReg { ctrl, offset, width });
        }
        self.forget(ctrl);
        // The others go on meanwhile.
        if !self.random.one_in(4) {
            self.enable(ctrl);
        }
    }

    fn shutdown(&mut self, ctrl: u8) {
        self.settle(ctrl);
        // A host deletes its queues first; some do not.
        if self.random.one_in(2) {
            while let Some(sq) = self.ctrl(ctrl).sqs.pop() {
                self.admin(ctrl, DeleteIoSq { qid: sq.qid }, Links::default());
                self.free(sq.memory);
            }
        }
        let shn = self.random.between(1, 2) as u8;
        let cc = u64::from(self.cc(ctrl).with_shn(shn).into_bits());
        self.write(ctrl, register::CC, 4, Word::Raw(cc));
        self.wait_csts(ctrl, Csts::new().with_shst(3), Csts::new().with_shst(2));
        if self.random.one_in(3) {
            // It stays so for a while.
            self.ctrl(ctrl).shut_down = true;
        } else {
            self.controller_reset(ctrl);
        }
    }

    fn outer_reset(&mut self, ctrl: u8, kind: ResetKind) {
        self.push(Action::Reset { ctrl, kind });
        let all = kind != ResetKind::FunctionLevel;
        for other in 0..self.ctrls.len() as u8 {
            if all || other == ctrl {
                self.forget(other);
            }
        }
        self.enable(ctrl);
    }

    /// After a reset: queues are gone, buffers are free.
    fn forget(&mut self, ctrl: u8) {
        self.looks.retain(|look| look.ctrl != ctrl);
        self.free_busy(ctrl);
        let old = std::mem::take(self.ctrl(ctrl));
        let sqs = old.sqs.into_iter().flat_map(|sq| sq.memory);
        let cqs = old.cqs.into_iter().flat_map(|cq| cq.memory);
        let memory = sqs.chain(cqs).chain(old.admin).collect();
        self.free(memory);
    }
}
