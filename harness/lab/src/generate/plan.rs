//! What the generator believes of the host and the controllers while it writes a sequence.

use std::collections::BTreeSet;

use log::Perm;
use log::random::Random;
use spec::{Qid, Sqe};

use super::GenOptions;
use crate::action::{Action, BufferId, CommandId, Condition, Links, Patience, Place, Word};
use crate::ctl::ADMIN_ENTRIES;
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
    pub entries: u32,
    pub memory: Vec<BufferId>,
}

/// One controller.
#[derive(Clone, Debug, Default)]
pub(super) struct PlannedCtrl {
    pub enabled: bool,
    /// It was shut down and not reset since.
    pub shut_down: bool,
    /// CC.MPS.
    pub mps: u8,
    /// Entries of each admin queue.
    pub admin_entries: u32,
    pub sqs: Vec<PlannedSq>,
    pub cqs: Vec<PlannedCq>,
    /// Memory of the admin queues, if the sequence made it.
    pub admin: Vec<BufferId>,
    /// I/O commands that are in flight, or may be.
    pub in_flight: Vec<(CommandId, Qid)>,
    /// Event requests that wait, or may.
    pub events: Vec<CommandId>,
    /// How many of them were submitted since the last completion of an admin command, which shows that
    /// they were fetched.
    pub unfetched: u32,
    /// Completion queues made since the controller was enabled may interrupt by MSI-X.
    pub msix: bool,
}

impl PlannedCtrl {
    /// One that the lab itself has enabled, with admin queues of its own.
    pub fn enabled(mps: u8) -> Self {
        let admin_entries = ADMIN_ENTRIES.0;
        Self { enabled: true, mps, admin_entries, ..Self::default() }
    }
}

/// An admin command that asks for something: the entry, and the bytes of its buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Question {
    pub sqe: Sqe,
    pub bytes: u64,
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
    /// What was asked, or set and not asked for yet.
    pub asked: Vec<Question>,
    /// Controllers on which MSI-X was turned on, and not off again: a reset by CC.EN leaves it on.
    pub msix_on: BTreeSet<u8>,
    next_buffer: u32,
    next_command: u32,
}

impl<'o> Plan<'o> {
    pub fn new(options: &'o GenOptions, random: Random) -> Self {
        let mut ctrls = vec![PlannedCtrl::default(); usize::from(options.controllers.max(1))];
        // Bring-up has enabled controller 0.
        ctrls[0] = PlannedCtrl::enabled(options.mpsmin);
        Self {
            options,
            random,
            actions: Vec::new(),
            ctrls,
            looks: Vec::new(),
            busy: Vec::new(),
            asked: Vec::new(),
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
        if self.ctrl(ctrl).shut_down {
            self.controller_reset(ctrl);
            return;
        }
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
            0..38 => self.io_round(ctrl),
            38..46 => self.make_pair(ctrl),
            46..52 => self.delete_round(ctrl),
            52..72 => self.admin_round(ctrl),
            72..77 => self.queue_fault(ctrl),
            77..82 => self.abort_round(ctrl),
            82..88 => self.event_round(ctrl),
            88..93 => self.interrupt_round(ctrl),
            _ => self.reset_round(ctrl),
        }
    }

    /// The memory page of a controller in bytes (CC.MPS), or the smallest one while it is disabled.
    pub fn page_bytes(&mut self, ctrl: u8) -> u64 {
        4096 << self.ctrl(ctrl).mps.max(self.options.mpsmin)
    }

    // ---- buffers

    pub fn label_buffer(&mut self) -> BufferId {
        self.next_buffer += 1;
        BufferId(self.next_buffer - 1)
    }

    pub fn buffer(&mut self, ctrl: u8, bytes: u64, perm: Perm, fill: u8) -> BufferId {
        let id = self.label_buffer();
        let page = self.page_bytes(ctrl) as u32;
        self.push(Action::Buffer { id, bytes, offset: 0, page, perm, fill });
        id
    }

    /// Memory of a queue, contiguous or as pages that lie apart and a list that names them, the last
    /// one first. Gives what PRP Entry 1 points to, and all buffers.
    pub fn queue_memory(
        &mut self,
        ctrl: u8,
        bytes: u64,
        perm: Perm,
        contiguous: bool,
    ) -> (BufferId, Vec<BufferId>) {
        if contiguous {
            let id = self.buffer(ctrl, bytes, perm, 0);
            return (id, vec![id]);
        }
        let page = self.page_bytes(ctrl);
        let pages = bytes.div_ceil(page);
        let data = self.buffer(ctrl, (2 * pages - 1) * page, perm, 0);
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
        let layout = lay_out(first, bytes, perm, shape, self.page_bytes(ctrl));
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
        self.ctrl(ctrl).unfetched = 0;
        id
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
            if self.ctrl(ctrl).enabled && !self.ctrl(ctrl).shut_down {
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
