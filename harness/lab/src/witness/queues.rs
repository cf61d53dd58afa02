//! What a host knows of one controller: its registers, where its queues lie, what it waits for.

use std::collections::BTreeMap;

use dut::{Access, Width};
use spec::command::{Command as _, CreateIoCq, CreateIoSq, DeleteIoCq, DeleteIoSq};
use spec::register::{self, Aqa, Cap, Cc};
use spec::{Cqe, Sqe, opcode};

use super::data::Moved;

/// Where the entries of a queue lie.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// How many entries.
    pub entries: u32,
    /// Bytes of an entry.
    entry_bytes: u64,
    /// Address of entry 0, or the pages in order.
    base: u64,
    pages: Vec<u64>,
    page_bytes: u64,
}

impl Ring {
    /// The address of an entry.
    pub fn slot(&self, index: u32) -> u64 {
        let offset = u64::from(index) * self.entry_bytes;
        if self.pages.is_empty() {
            return self.base.wrapping_add(offset);
        }
        let page = self.pages.get((offset / self.page_bytes) as usize).copied();
        page.unwrap_or(u64::MAX).wrapping_add(offset % self.page_bytes)
    }

    /// The entry at `at`, if one begins there.
    fn index(&self, at: u64) -> Option<u32> {
        let whole = |offset: u64| {
            let index = offset / self.entry_bytes.max(1);
            let begins = offset.is_multiple_of(self.entry_bytes.max(1));
            (begins && index < self.entries.into()).then_some(index as u32)
        };
        if self.pages.is_empty() {
            return whole(at.checked_sub(self.base)?);
        }
        let page = self.pages.iter().position(|page| at.wrapping_sub(*page) < self.page_bytes)?;
        whole(page as u64 * self.page_bytes + (at - self.pages[page]))
    }
}

/// A submission queue.
#[derive(Clone, Debug, Default)]
pub struct Sq {
    /// Its entries.
    pub ring: Ring,
    /// The tail that the host rang last.
    pub tail: u32,
    cqid: u16,
}

impl Sq {
    /// The slots that a tail doorbell of this value hands over.
    pub fn handed_over(&self, value: u32) -> impl Iterator<Item = u32> + use<> {
        let (from, entries) = (self.tail, self.ring.entries);
        let count = if value < entries { (value + entries - from) % entries } else { 0 };
        (0..count).map(move |n| (from + n) % entries)
    }
}

/// A completion queue.
#[derive(Clone, Debug, Default)]
struct Cq {
    ring: Ring,
    /// The slot of the next entry.
    next: u32,
}

/// A command that the host has handed over.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The command.
    pub sqe: Sqe,
    /// What data it moves.
    pub moved: Option<Moved>,
    /// Where that lies: (address, bytes).
    pub pieces: Vec<(u64, u64)>,
}

/// What a host knows of one controller.
#[derive(Clone, Debug, Default)]
pub struct Seat {
    /// CAP.DSTRD, once CAP was read.
    pub dstrd: u8,
    /// CC as written last.
    pub cc: Cc,
    aqa: Aqa,
    asq: u64,
    acq: u64,
    sqs: BTreeMap<u16, Sq>,
    cqs: BTreeMap<u16, Cq>,
    /// Commands in flight by (SQID, CID).
    pub pending: BTreeMap<(u16, u16), Pending>,
}

impl Seat {
    /// Everything but what CAP says is gone.
    pub fn reset(&mut self) {
        *self = Self { dstrd: self.dstrd, ..Self::default() };
    }

    /// A submission queue.
    pub fn sq(&self, qid: u16) -> Option<&Sq> {
        self.sqs.get(&qid)
    }

    /// A submission queue.
    pub fn sq_mut(&mut self, qid: u16) -> Option<&mut Sq> {
        self.sqs.get_mut(&qid)
    }

    /// The host read a register.
    pub fn read(&mut self, offset: u32, width: Width, value: u64) {
        let high = match (offset, width) {
            (register::CAP, Width::U64) => value,
            (0x04, Width::U32) => value << 32,
            _ => return,
        };
        self.dstrd = Cap::from(high).dstrd();
    }

    /// The host writes a register other than a doorbell.
    pub fn write(&mut self, offset: u32, width: Width, value: u64) {
        let low = |old: u64| old >> 32 << 32 | value & 0xffff_ffff;
        let high = |old: u64| old & 0xffff_ffff | value << 32;
        match (offset, width) {
            (register::AQA, Width::U32) => self.aqa = Aqa::from(value as u32),
            (register::ASQ, Width::U64) => self.asq = value,
            (register::ASQ, Width::U32) => self.asq = low(self.asq),
            (0x2c, Width::U32) => self.asq = high(self.asq),
            (register::ACQ, Width::U64) => self.acq = value,
            (register::ACQ, Width::U32) => self.acq = low(self.acq),
            (0x34, Width::U32) => self.acq = high(self.acq),
            (register::CC, Width::U32) => self.configure(Cc::from(value as u32)),
            _ => {}
        }
    }

    fn configure(&mut self, cc: Cc) {
        let was = self.cc.en();
        self.cc = cc;
        if was == cc.en() {
            return;
        }
        self.sqs.clear();
        self.cqs.clear();
        self.pending.clear();
        if cc.en() {
            let entries = u32::from(self.aqa.asqs_z()) + 1;
            let sq = Sq { ring: self.ring(entries, 64, self.asq, Vec::new()), ..Sq::default() };
            self.sqs.insert(0, sq);
            let entries = u32::from(self.aqa.acqs_z()) + 1;
            let cq = Cq { ring: self.ring(entries, 16, self.acq, Vec::new()), next: 0 };
            self.cqs.insert(0, cq);
        }
    }

    fn ring(&self, entries: u32, entry_bytes: u64, base: u64, pages: Vec<u64>) -> Ring {
        Ring { entries, entry_bytes, base, pages, page_bytes: self.cc.page_bytes() }
    }

    /// The completion entry that an access is about to post, and its place.
    pub fn entry_at(&mut self, access: &Access<'_>) -> Option<((u16, u32), Cqe)> {
        let raw = <&[u8; Cqe::BYTES]>::try_from(access.bytes).ok()?;
        if !access.write || access.fault {
            return None;
        }
        let mut here = self.cqs.iter_mut().filter_map(|(cqid, cq)| {
            let slot = cq.ring.index(access.at.0)?;
            Some((*cqid, slot, cq))
        });
        let (cqid, slot, cq) = here.next()?;
        if slot == cq.next {
            cq.next = if slot + 1 == cq.ring.entries { 0 } else { slot + 1 };
        }
        Some(((cqid, slot), Cqe::from_bytes(raw)))
    }

    /// An admin command has succeeded: what that changes of the queues.
    pub fn follow(&mut self, pending: &Pending) {
        let sqe = &pending.sqe;
        let pages = |pc: bool| if pc { Vec::new() } else { pending.pages() };
        match sqe.opcode() {
            opcode::admin::CREATE_IO_SUBMISSION_QUEUE => {
                let cmd = CreateIoSq::project(sqe);
                let ring = self.ring(cmd.entries.0, 64, cmd.prp1.0 & !3, pages(cmd.pc));
                self.sqs.insert(cmd.qid.0, Sq { ring, tail: 0, cqid: cmd.cqid.0 });
            }
            opcode::admin::CREATE_IO_COMPLETION_QUEUE => {
                let cmd = CreateIoCq::project(sqe);
                let ring = self.ring(cmd.entries.0, 16, cmd.prp1.0 & !3, pages(cmd.pc));
                self.cqs.insert(cmd.qid.0, Cq { ring, next: 0 });
            }
            opcode::admin::DELETE_IO_SUBMISSION_QUEUE => {
                let qid = DeleteIoSq::project(sqe).qid.0;
                self.sqs.remove(&qid);
                self.pending.retain(|(sqid, _), _| *sqid != qid);
            }
            opcode::admin::DELETE_IO_COMPLETION_QUEUE => {
                self.cqs.remove(&DeleteIoCq::project(sqe).qid.0);
            }
            _ => {}
        }
    }

    /// The completion queues in which something is awaited, and the admin queue, each with the slot
    /// of its next entry.
    pub fn awaited(&self) -> Vec<(u16, u16)> {
        let mut cqids: Vec<u16> = self
            .sqs
            .iter()
            .filter(|(sqid, _)| {
                self.pending.range((**sqid, 0)..=(**sqid, u16::MAX)).next().is_some()
            })
            .map(|(_, sq)| sq.cqid)
            .chain([0])
            .collect();
        cqids.sort_unstable();
        cqids.dedup();
        cqids.into_iter().filter_map(|id| Some((id, self.cqs.get(&id)?.next as u16))).collect()
    }
}

impl Pending {
    /// The pages of a queue that is not contiguous.
    fn pages(&self) -> Vec<u64> {
        self.pieces.iter().map(|(at, _)| *at).collect()
    }
}
