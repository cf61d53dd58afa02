//! The witness: judges a controller under a host that is not ours.
//!
//! It sits on a [`Tap`] of a device model and writes the log that a careful host would have written,
//! from what passes over the link: registers and doorbells as they come in, entries of submission
//! queues when their doorbell rings, the data that they name, completion entries as they are posted,
//! and the data that they announce. The vantage is the device: every interval has no width. The judge
//! takes such a log as any other; what only a host's look can show is not in it.
//!
//! The foreign driver's knowledge shows in what it does: it rings the head doorbell of a completion
//! queue for what it has consumed, and an identifier that it uses again is one that it saw complete.

mod data;
mod queues;

use std::collections::BTreeMap;
use std::sync::Arc;

use dut::{Access, Capabilities, Ctrl, HostMemory, Identity, Tap, Width};
use log::{
    Body, DoorbellWrite, EmptyLook, Interval, Log, LookReason, Origin, Perm, RegisterWrite,
    ResetKind,
};
use model::{Coverage, Finding, Judge, Profile, Verdict};
use spec::identify::IdentifyNamespace;
use spec::register::{self, DoorbellKind};
use spec::{Addr, Cqe, Qid, Sqe};

use crate::trace::TraceHeader;
use data::{Moved, Walk};
use queues::{Pending, Seat};

/// Records after which the judge catches up, if nothing else makes it.
const JUDGE_EVERY: usize = 256;

/// Judges what passes between a controller and a foreign host. Attach it as a [`Tap`].
pub struct Witness {
    log: Log,
    judge: Judge,
    seats: Vec<Seat>,
    /// Block sizes in bytes, by NSID, as Identify Namespace told the host.
    blocks: BTreeMap<u32, u32>,
    /// Something has happened since the last idle record.
    stirred: bool,
    judged: usize,
    ended: bool,
}

impl Witness {
    /// A witness of a subsystem that has just been powered on.
    pub fn new(identity: &Identity, capabilities: &Capabilities, profile: Arc<Profile>) -> Self {
        let mut log = Log::default();
        let origin = crate::trace::origin_json(identity, capabilities);
        let payload = log.store(origin.as_bytes());
        let controllers = capabilities.controllers;
        let origin = Body::Origin(Origin {
            format: log::trace::FORMAT,
            controllers,
            device_vantage: true,
            exact_dma: capabilities.dma == dut::DmaVisibility::Exact,
            read_flushes_dma: true,
            payload,
        });
        log.push(0, 0, Interval::default(), origin);
        Self {
            log,
            judge: Judge::new(profile),
            seats: (0..controllers).map(|_| Seat::default()).collect(),
            blocks: BTreeMap::new(),
            stirred: false,
            judged: 0,
            ended: false,
        }
    }

    /// What was seen so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Lets the judge catch up; what it has found so far.
    pub fn findings(&mut self) -> &[Finding] {
        self.catch_up();
        self.judge.findings()
    }

    /// Lets the judge catch up; what it has found so far, and the log that it found it in.
    pub fn follow(&mut self) -> (&[Finding], &Log) {
        self.catch_up();
        (self.judge.findings(), &self.log)
    }

    /// Forgets the records that were judged: an observation without end must not fill the memory.
    pub fn forget(&mut self) {
        self.catch_up();
        self.log.forget();
    }

    /// The trace of all that was seen (since the last [`Self::forget`]).
    pub fn trace(&self, header: &TraceHeader) -> log::trace::Trace {
        log::trace::Trace {
            header: header.to_json(),
            sequence: String::new(),
            log: self.log.clone(),
        }
    }

    /// What was exercised and judged so far.
    pub fn coverage(&self) -> &Coverage {
        self.judge.coverage()
    }

    /// The observation is over: the verdict. Nothing is told any more after it.
    pub fn finish(&mut self, now: u64) -> Verdict {
        if !std::mem::replace(&mut self.ended, true) {
            self.push(0, now, Body::End { audited: true });
        }
        self.catch_up();
        self.judge.verdict()
    }

    fn catch_up(&mut self) {
        self.judge.catch_up(&self.log);
        self.judged = self.log.len();
    }

    fn push(&mut self, ctrl: u8, now: u64, body: Body) {
        self.log.push(ctrl, 0, Interval { not_before: now, seen: now }, body);
        self.stirred = true;
        if self.log.len() - self.judged >= JUDGE_EVERY {
            self.catch_up();
        }
    }

    fn push_bytes(
        &mut self,
        ctrl: u8,
        now: u64,
        bytes: &[u8],
        body: impl FnOnce(log::PayloadRef) -> Body,
    ) {
        let payload = self.log.store(bytes);
        self.push(ctrl, now, body(payload));
    }

    // ---- the host's side

    /// A tail doorbell: the commands that it hands over, then the doorbell itself.
    fn tail(&mut self, ctrl: u8, now: u64, memory: &dyn HostMemory, qid: u16, value: u32) {
        let Some(seat) = self.seats.get(usize::from(ctrl)) else { return };
        let Some(sq) = seat.sq(qid) else { return };
        let slots = sq.handed_over(value);
        let places: Vec<(u32, u64)> = slots.map(|slot| (slot, sq.ring.slot(slot))).collect();
        for (slot, at) in places {
            let mut raw = [0; Sqe::BYTES];
            if !memory.peek(at, &mut raw) {
                continue;
            }
            let sqe = Sqe::from_bytes(&raw);
            let pending = self.hand_over(ctrl, now, memory, qid, sqe);
            let body = Body::Submit { sqid: Qid(qid), slot: slot as u16, sqe };
            self.push(ctrl, now, body);
            self.seats[usize::from(ctrl)].pending.insert((qid, sqe.cid().0), pending);
        }
        if let Some(sq) = self.seats[usize::from(ctrl)].sq_mut(qid)
            && value < sq.ring.entries
        {
            sq.tail = value;
        }
    }

    /// Writes down what the host has put into memory for a command.
    fn hand_over(
        &mut self,
        ctrl: u8,
        now: u64,
        memory: &dyn HostMemory,
        qid: u16,
        sqe: Sqe,
    ) -> Pending {
        let page = self.seats[usize::from(ctrl)].cc.page_bytes();
        let moved = data::moved(qid, &sqe, |nsid| self.blocks.get(&nsid).copied());
        let walk = moved.and_then(|moved| Walk::new(memory, &sqe, moved, page)).unwrap_or_default();
        for (at, bytes) in &walk.lists {
            self.push_bytes(ctrl, now, bytes, |payload| Body::HostWrite { at: Addr(*at), payload });
        }
        if let Some(Moved::ToController { block, .. }) = moved {
            for &(at, len) in &walk.pieces {
                self.written(ctrl, now, memory, (at, len), block);
            }
        }
        Pending { sqe, moved, pieces: walk.pieces }
    }

    /// A piece of data that the controller is to read: as blocks where it is whole blocks.
    fn written(
        &mut self,
        ctrl: u8,
        now: u64,
        memory: &dyn HostMemory,
        (at, len): (u64, u64),
        block: u32,
    ) {
        let mut bytes = vec![0; len as usize];
        if !memory.peek(at, &mut bytes) {
            return;
        }
        let at = Addr(at);
        if len.is_multiple_of(block.into()) {
            let idents = data::idents(&bytes, block);
            let body = |payload| Body::BlocksWritten { at, block_bytes: block, payload };
            self.push_bytes(ctrl, now, &idents, body);
        } else {
            self.push_bytes(ctrl, now, &bytes, |payload| Body::HostWrite { at, payload });
        }
    }

    // ---- the controller's side

    /// An entry of a completion queue is about to be posted.
    fn posted(&mut self, ctrl: u8, now: u64, memory: &dyn HostMemory, at: (u16, u32), cqe: Cqe) {
        let (cqid, slot) = at;
        self.push(ctrl, now, Body::Completion { cqid: Qid(cqid), slot: slot as u16, cqe });
        let seat = &mut self.seats[usize::from(ctrl)];
        let Some(pending) = seat.pending.remove(&(cqe.sqid().0, cqe.cid().0)) else { return };
        if !cqe.status().is_success() {
            return;
        }
        if cqe.sqid().is_admin() {
            seat.follow(&pending);
        }
        if let Some(Moved::FromController { block, .. }) = pending.moved {
            self.announced(ctrl, now, memory, &pending, block);
        }
    }

    /// A completion announces data: what stands in its buffer, while it is the controller's.
    fn announced(
        &mut self,
        ctrl: u8,
        now: u64,
        memory: &dyn HostMemory,
        pending: &Pending,
        block: Option<u32>,
    ) {
        let mut all = Vec::new();
        for &(at, len) in &pending.pieces {
            let mut bytes = vec![0; len as usize];
            if !memory.peek(at, &mut bytes) {
                return;
            }
            let at = Addr(at);
            match block {
                Some(block) if len.is_multiple_of(block.into()) => {
                    let idents = data::idents(&bytes, block);
                    let body = |payload| Body::BlocksSeen { at, block_bytes: block, payload };
                    self.push_bytes(ctrl, now, &idents, body);
                }
                // A block across two pages: its identity is not that of its parts.
                Some(_) => {}
                None => {
                    self.push_bytes(ctrl, now, &bytes, |payload| Body::BytesSeen { at, payload });
                    all.extend_from_slice(&bytes);
                }
            }
        }
        let identify = pending.sqe.opcode() == spec::opcode::admin::IDENTIFY;
        let namespace = identify && block.is_none() && pending.sqe.dw[10] & 0xff == 0;
        if namespace && let Ok(raw) = <[u8; 4096]>::try_from(&all[..]) {
            let format = IdentifyNamespace(&raw).format();
            let bytes = 1_u32.checked_shl(u32::from(format.lbads())).filter(|bytes| *bytes >= 512);
            if let Some(bytes) = bytes {
                self.blocks.insert(pending.sqe.nsid().0, bytes);
            }
        }
    }
}

impl Tap for Witness {
    fn register_read(&mut self, ctrl: Ctrl, now: u64, offset: u32, width: Width, value: u64) {
        let Some(seat) = self.seats.get_mut(usize::from(ctrl.0)) else { return };
        seat.read(offset, width, value);
        let read = RegisterWrite { offset, width: width.bytes(), value };
        self.push(ctrl.0, now, Body::RegisterRead(read));
    }

    fn register_write(
        &mut self,
        ctrl: Ctrl,
        now: u64,
        memory: &dyn HostMemory,
        (offset, width, value): (u32, Width, u64),
    ) {
        let Some(seat) = self.seats.get_mut(usize::from(ctrl.0)) else { return };
        let doorbell = register::doorbell_at(offset, seat.dstrd).filter(|_| width == Width::U32);
        let Some((kind, qid)) = doorbell else {
            seat.write(offset, width, value);
            let write = RegisterWrite { offset, width: width.bytes(), value };
            self.push(ctrl.0, now, Body::RegisterWrite(write));
            return;
        };
        let value = value as u32;
        if kind == DoorbellKind::SqTail {
            self.tail(ctrl.0, now, memory, qid, value);
        }
        self.push(ctrl.0, now, Body::Doorbell(DoorbellWrite { kind, qid: Qid(qid), value }));
    }

    fn dma(&mut self, ctrl: Ctrl, now: u64, memory: &dyn HostMemory, access: Access<'_>) {
        let Some(seat) = self.seats.get_mut(usize::from(ctrl.0)) else { return };
        let entry = seat.entry_at(&access);
        let Access { at, bytes, write, fault } = access;
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.push(ctrl.0, now, Body::Dma { at, len, write, fault });
        if let Some((at, cqe)) = entry {
            self.posted(ctrl.0, now, memory, at, cqe);
        }
    }

    fn message(&mut self, ctrl: Ctrl, now: u64, vector: u16) {
        self.push(ctrl.0, now, Body::Interrupt { vector, count: 1 });
    }

    fn msix(&mut self, ctrl: Ctrl, now: u64, vectors: u16) {
        self.push(ctrl.0, now, Body::MsixEnable { on: vectors != 0, vectors });
    }

    fn msix_mask(&mut self, ctrl: Ctrl, now: u64, vector: u16, masked: bool) {
        self.push(ctrl.0, now, Body::MsixMask { vector, masked });
    }

    fn reset(&mut self, ctrl: Ctrl, now: u64, kind: ResetKind, all: bool) {
        for (n, seat) in self.seats.iter_mut().enumerate() {
            if all || n == usize::from(ctrl.0) {
                seat.reset();
            }
        }
        self.push(ctrl.0, now, Body::Reset { kind, all });
    }

    fn mapped(&mut self, now: u64, at: Addr, len: u64, perm: Option<Perm>) {
        self.push(
            0,
            now,
            match perm {
                Some(perm) => Body::Map { at, len, perm },
                None => Body::Unmap { at, len },
            },
        );
    }

    fn idle(&mut self, now: u64) {
        if !std::mem::take(&mut self.stirred) {
            return;
        }
        self.push(0, now, Body::Idle);
        for ctrl in 0..self.seats.len() {
            for (cqid, slot) in self.seats[ctrl].awaited() {
                let look = EmptyLook { cqid: Qid(cqid), slot, reason: LookReason::Idle };
                self.push(ctrl as u8, now, Body::EmptyLook(look));
            }
        }
        self.catch_up();
        self.stirred = false;
    }
}
