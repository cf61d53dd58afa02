//! What the generator believes of the host and the controllers while it writes a sequence.

use std::collections::BTreeSet;

use log::Perm;
use log::random::Random;
use spec::{Qid, Sqe};

use super::GenOptions;
use crate::action::{Action, BufferId, CommandId, Condition, Links, Patience, Place, Word};
use crate::layout::{Shape, lay_out, list_actions};

/// A submission queue.
#[derive(Clone, Debug)]
pub(super) struct PlannedSq {
    pub qid: Qid,
    pub cqid: Qid,
    pub entries: u32,
    pub memory: Vec<BufferId>,
    /// Commands submitted since everything had completed.
    pub open: u32,
    /// The tail, as the host counts it.
    pub tail: u32,
    /// An invalid tail was written: it takes nothing any more.
    pub errored: bool,
}

/// A completion queue.
#[derive(Clone, Debug)]
pub(super) struct PlannedCq {
    pub qid: Qid,
    pub memory: Vec<BufferId>,
}

/// One controller.
#[derive(Clone, Debug, Default)]
pub(super) struct PlannedCtrl {
    pub enabled: bool,
    pub sqs: Vec<PlannedSq>,
    pub cqs: Vec<PlannedCq>,
    /// Memory of the admin queues, if the sequence made it.
    pub admin: Vec<BufferId>,
    /// I/O commands that are in flight, or may be.
    pub in_flight: Vec<(CommandId, Qid)>,
    pub events: u32,
    /// Completion queues made since the controller was enabled may interrupt by MSI-X.
    pub msix: bool,
}

/// A read whose blocks are to be looked at when it has completed.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub ctrl: u8,
    pub pieces: Vec<(Place, u64)>,
    pub block_bytes: u32,
}

pub(super) struct Plan<'o> {
    pub options: &'o GenOptions,
    pub random: Random,
    pub actions: Vec<Action>,
    pub ctrls: Vec<PlannedCtrl>,
    pub looks: Vec<Look>,
    /// Buffers of commands that are in flight, or may be, with their controller.
    pub busy: Vec<(u8, BufferId)>,
    /// Controllers on which MSI-X was turned on, and not off again: a reset by CC.EN leaves it on.
    pub msix_on: BTreeSet<u8>,
    next_buffer: u32,
    next_command: u32,
}

impl<'o> Plan<'o> {
    pub fn new(options: &'o GenOptions, random: Random) -> Self {
        let mut ctrls = vec![PlannedCtrl::default(); usize::from(options.controllers.max(1))];
        // Bring-up has enabled controller 0.
        ctrls[0].enabled = true;
        Self {
            options,
            random,
            actions: Vec::new(),
            ctrls,
            looks: Vec::new(),
            busy: Vec::new(),
            msix_on: BTreeSet::new(),
            next_buffer: 0,
            next_command: 0,
        }
    }

    pub fn ctrl(&mut self, ctrl: u8) -> &mut PlannedCtrl {
        &mut self.ctrls[usize::from(ctrl)]
    }

    pub fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// One round on one controller.
    pub fn round(&mut self) {
        let ctrl = self.random.below(self.ctrls.len() as u64) as u8;
        if !self.ctrl(ctrl).enabled {
            self.enable(ctrl);
            return;
        }
        let queues = self.ctrl(ctrl).sqs.len() as u64;
        if queues == 0 && !self.random.one_in(4) {
            self.make_pair(ctrl);
            return;
        }
        match self.random.below(100) {
            0..48 => self.io_round(ctrl),
            48..56 => self.make_pair(ctrl),
            56..62 => self.delete_round(ctrl),
            62..75 => self.admin_round(ctrl),
            75..80 => self.queue_fault(ctrl),
            80..84 => self.abort_round(ctrl),
            84..90 => self.event_round(ctrl),
            90..94 => self.interrupt_round(ctrl),
            _ => self.reset_round(ctrl),
        }
    }

    // ---- buffers

    pub fn label_buffer(&mut self) -> BufferId {
        self.next_buffer += 1;
        BufferId(self.next_buffer - 1)
    }

    pub fn buffer(&mut self, bytes: u64, perm: Perm, fill: u8) -> BufferId {
        let id = self.label_buffer();
        let page = self.options.page_bytes as u32;
        self.push(Action::Buffer { id, bytes, offset: 0, page, perm, fill });
        id
    }

    /// Memory of a queue, contiguous or as pages that lie apart and a list that names them, the last
    /// one first. Gives what PRP Entry 1 points to, and all buffers.
    pub fn queue_memory(
        &mut self,
        bytes: u64,
        perm: Perm,
        contiguous: bool,
    ) -> (BufferId, Vec<BufferId>) {
        if contiguous {
            let id = self.buffer(bytes, perm, 0);
            return (id, vec![id]);
        }
        let page = self.options.page_bytes;
        let pages = bytes.div_ceil(page);
        let data = self.buffer((2 * pages - 1) * page, perm, 0);
        let list = self.label_buffer();
        let entries: Vec<Word> = (0..pages).rev().map(|n| Word::At(data, 2 * n * page)).collect();
        self.actions.extend(list_actions(list, &entries, None, page));
        (list, vec![data, list])
    }

    pub fn free(&mut self, buffers: Vec<BufferId>) {
        buffers.into_iter().for_each(|id| self.push(Action::Free { id }));
    }

    /// Data in some shape: its pieces and links.
    pub fn data(
        &mut self,
        ctrl: u8,
        bytes: u64,
        perm: Perm,
        shape: Shape,
    ) -> (Links, Vec<(Place, u64)>) {
        let first = self.label_buffer();
        let layout = lay_out(first, bytes, perm, shape, self.options.page_bytes);
        if layout.buffers.len() == 2 {
            self.label_buffer();
        }
        self.actions.extend(layout.actions);
        self.busy.extend(layout.buffers.iter().map(|id| (ctrl, *id)));
        let links = Links { prp1: Some(layout.prp1), prp2: layout.prp2, ..Links::default() };
        (links, layout.pieces)
    }

    // ---- commands

    /// Puts a command into its queue.
    pub fn submit(&mut self, ctrl: u8, sqid: Qid, sqe: Sqe, links: Links) -> CommandId {
        let id = CommandId(self.next_command);
        self.next_command += 1;
        // What is linked is 0 in the entry, as in every sequence.
        let mut sqe = sqe;
        if links.prp1.is_some() {
            sqe = sqe.with_prps(spec::Addr(0), sqe.prp2());
        }
        if links.prp2.is_some() {
            sqe = sqe.with_prps(sqe.prp1(), spec::Addr(0));
        }
        if links.slba.is_some() || links.target.is_some() {
            (sqe.dw[10], sqe.dw[11]) = (0, 0);
        }
        self.push(Action::Submit { ctrl, sqid, id, sqe, links });
        if let Some(sq) = self.ctrl(ctrl).sqs.iter_mut().find(|sq| sq.qid == sqid) {
            sq.open += 1;
            sq.tail = (sq.tail + 1) % sq.entries;
        }
        id
    }

    /// An admin command, waited for.
    pub fn admin(&mut self, ctrl: u8, command: impl Into<Sqe>, links: Links) -> CommandId {
        let id = self.submit(ctrl, Qid::ADMIN, command.into(), links);
        self.push(Action::Ring { ctrl, sqid: Qid::ADMIN });
        let (condition, patience) = (Condition::Completed(id), Patience::Default);
        self.push(Action::Wait { ctrl, condition, patience });
        self.push(Action::Release { ctrl, cqid: Qid::ADMIN });
        id
    }

    /// An admin command that returns data, which is looked at.
    pub fn admin_in(&mut self, ctrl: u8, command: impl Into<Sqe>, bytes: u64, look: bool) {
        let id = self.buffer(bytes, Perm::FromController, 0xa5);
        let links = Links { prp1: Some((id, 0)), ..Links::default() };
        self.admin(ctrl, command, links);
        if look {
            self.push(Action::Bytes { at: Place::In(id, 0), len: bytes });
        }
        self.push(Action::Free { id });
    }

    /// Everything in flight completes; what was read is looked at; buffers are given back.
    pub fn settle(&mut self, ctrl: u8) {
        if self.ctrl(ctrl).in_flight.is_empty() {
            return;
        }
        let (condition, patience) = (Condition::AllCompleted, Patience::Default);
        self.push(Action::Wait { ctrl, condition, patience });
        let cqids: Vec<Qid> = self.ctrl(ctrl).cqs.iter().map(|cq| cq.qid).collect();
        for cqid in cqids {
            self.push(Action::Release { ctrl, cqid });
        }
        self.see_reads(ctrl);
        self.free_busy(ctrl);
        let planned = self.ctrl(ctrl);
        planned.in_flight.clear();
        planned.sqs.iter_mut().for_each(|sq| sq.open = 0);
    }

    pub fn settle_all(&mut self) {
        for ctrl in 0..self.ctrls.len() as u8 {
            if self.ctrl(ctrl).enabled {
                self.settle(ctrl);
            }
        }
    }

    fn see_reads(&mut self, ctrl: u8) {
        let (mine, others) =
            std::mem::take(&mut self.looks).into_iter().partition(|look| look.ctrl == ctrl);
        self.looks = others;
        let mine: Vec<Look> = mine;
        for look in mine {
            let block_bytes = look.block_bytes;
            for (at, len) in look.pieces {
                let blocks = (len / u64::from(block_bytes)) as u32;
                self.push(Action::Blocks { at, block_bytes, blocks });
            }
        }
    }

    pub fn free_busy(&mut self, ctrl: u8) {
        let (mine, others) = std::mem::take(&mut self.busy).into_iter().partition(|b| b.0 == ctrl);
        self.busy = others;
        let mine: Vec<(u8, BufferId)> = mine;
        for (_, id) in mine {
            self.push(Action::Free { id });
        }
    }

    /// Whether a queue may take one more command.
    pub fn has_room(sq: &PlannedSq) -> bool {
        sq.open + 1 < sq.entries
    }

    pub fn cq_is_used(&mut self, ctrl: u8, cqid: Qid) -> bool {
        self.ctrl(ctrl).sqs.iter().any(|sq| sq.cqid == cqid)
    }
}
