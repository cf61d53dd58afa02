//! A host that drives the random controllers and writes the log, as a lab would.

use std::collections::{BTreeMap, BTreeSet};

use log::random::Random;
use log::{
    BlockTag, Body, DoorbellWrite, EmptyLook, Ident, Interval, Log, LookReason, Origin, PayloadRef,
    RegisterWrite,
};
use spec::command::*;
use spec::opcode::{admin, nvm};
use spec::register::{self, Cc, Csts, DoorbellKind};
use spec::{Addr, Cid, Cns, Fid, Nsid, Qid, Sqe};

use crate::commands::{self, BUFFER};
use crate::device::{BLOCK, Device, PAGE};

const ADMIN_ENTRIES: u32 = 16;

/// Commands that make or unmake a submission queue, and a completion queue.
const SQ_COMMANDS: [u8; 2] = [admin::CREATE_IO_SUBMISSION_QUEUE, admin::DELETE_IO_SUBMISSION_QUEUE];
const CQ_COMMANDS: [u8; 2] = [admin::CREATE_IO_COMPLETION_QUEUE, admin::DELETE_IO_COMPLETION_QUEUE];

#[derive(Default)]
struct Sq {
    cqid: u16,
    entries: u32,
    /// Commands put into slots, and rung; up to where the controller's head is known to be.
    filled: u64,
    rung: u64,
    head: u64,
    flying: BTreeMap<Cid, (Sqe, Addr)>,
}

#[derive(Default)]
struct Cq {
    entries: u32,
    seen: u64,
    released: u64,
    /// When the last look began that found the head slot empty.
    empty_since: u64,
}

#[derive(Default)]
struct Side {
    sqs: BTreeMap<u16, Sq>,
    cqs: BTreeMap<u16, Cq>,
    /// Admin commands that change or ask for queues and features, in flight.
    structural: BTreeSet<Cid>,
    /// How many of them were sent since none was in flight: the judge follows up to four.
    together: u32,
}

pub struct Host {
    pub log: Log,
    pub device: Device,
    pub refused: u64,
    random: Random,
    sides: Vec<Side>,
    now: u64,
    next_cid: u16,
    next_buffer: u64,
    sequence: u64,
    sent: u64,
}

impl Host {
    pub fn new(mut random: Random) -> Self {
        let device = Device::new(Random::new(random.number()));
        Self {
            log: Log::default(),
            device,
            refused: 0,
            random,
            sides: vec![Side::default(), Side::default()],
            now: 1000,
            next_cid: 1,
            next_buffer: 0x100_0000,
            sequence: 1,
            sent: 0,
        }
    }

    fn push(&mut self, ctrl: usize, not_before: u64, body: Body) -> u32 {
        self.now += 10;
        let when = Interval { not_before, seen: self.now };
        self.log.push(ctrl as u8, 0, when, body)
    }

    fn event(&mut self, ctrl: usize, body: Body) {
        self.push(ctrl, self.now, body);
    }

    fn read(&mut self, ctrl: usize, offset: u32, width: u8, value: u64) {
        self.event(ctrl, Body::RegisterRead(RegisterWrite { offset, width, value }));
    }

    fn write(&mut self, ctrl: usize, offset: u32, width: u8, value: u64) {
        self.event(ctrl, Body::RegisterWrite(RegisterWrite { offset, width, value }));
    }

    pub fn bring_up(&mut self) {
        let origin = Origin {
            format: log::trace::FORMAT,
            controllers: 2,
            device_vantage: false,
            exact_dma: false,
            read_flushes_dma: true,
            payload: PayloadRef::default(),
        };
        self.event(0, Body::Origin(origin));
        for ctrl in 0..2 {
            let controller = &self.device.world.controllers[ctrl];
            let cap = u64::from(controller.cap.expect("told"));
            let vs = u64::from(controller.vs.expect("told"));
            self.read(ctrl, register::CAP, 8, cap);
            self.read(ctrl, register::VS, 4, vs);
            self.read(ctrl, register::CRTO, 4, 0x14);
            self.enable(ctrl);
            for (cns, nsid) in [(Cns(1), 0), (Cns(2), 0), (Cns(0), 1), (Cns(0), 2)] {
                let at = self.buffer();
                let cmd = Identify { nsid: Nsid(nsid), prp1: at, cns, ..Default::default() };
                self.submit(ctrl, 0, cmd.into(), at);
                self.drain(ctrl);
            }
        }
    }

    fn enable(&mut self, ctrl: usize) {
        let sizes = u64::from((ADMIN_ENTRIES - 1) | (ADMIN_ENTRIES - 1) << 16);
        self.write(ctrl, register::AQA, 4, sizes);
        let (asq, acq) = (self.buffer(), self.buffer());
        self.write(ctrl, register::ASQ, 8, asq.0);
        self.write(ctrl, register::ACQ, 8, acq.0);
        let cc = Cc::new().with_en(true).with_iosqes(6).with_iocqes(4);
        self.write(ctrl, register::CC, 4, u64::from(u32::from(cc)));
        let controller = self.device.controller(ctrl);
        controller.cc = cc;
        controller.cc_known = true;
        self.device.enable(ctrl, ADMIN_ENTRIES);
        let side = &mut self.sides[ctrl];
        *side = Side::default();
        side.sqs.insert(0, Sq { entries: ADMIN_ENTRIES, ..Sq::default() });
        let empty_since = self.now;
        side.cqs.insert(0, Cq { entries: ADMIN_ENTRIES, empty_since, ..Cq::default() });
        self.read(ctrl, register::CSTS, 4, u64::from(u32::from(Csts::new().with_rdy(true))));
    }

    fn buffer(&mut self) -> Addr {
        self.next_buffer += BUFFER;
        Addr(self.next_buffer)
    }

    /// Sends `commands` commands, and then lets everything finish.
    pub fn run(&mut self, commands: u64) {
        let until = self.sent + commands;
        while self.sent < until {
            let ctrl = self.random.below(2) as usize;
            match self.random.below(100) {
                0..30 => self.send_io(ctrl),
                30..38 => self.send_admin(ctrl),
                38..40 => self.send_abort(ctrl),
                40..50 => self.ring_all(ctrl),
                50..80 => (0..self.random.below(12)).for_each(|_| self.device.step(ctrl)),
                80..99 => self.look_somewhere(ctrl),
                _ if self.random.one_in(6) => self.reset(ctrl),
                _ => self.drain(ctrl),
            }
            // A queue pair is there most of the time.
            if self.sides[ctrl].sqs.len() < 2 && self.random.one_in(20) {
                self.make_queues(ctrl);
            }
        }
        (0..2).for_each(|ctrl| self.drain(ctrl));
        self.event(0, Body::End { audited: false });
    }

    fn make_queues(&mut self, ctrl: usize) {
        let set =
            SetFeatures { fid: Fid::NUMBER_OF_QUEUES, cdw11: 0x0003_0003, ..Default::default() };
        let cq = CreateIoCq {
            prp1: self.buffer(),
            qid: Qid(1),
            entries: spec::Entries(4),
            pc: true,
            ien: false,
            iv: 0,
        };
        let (prp1, entries) = (self.buffer(), spec::Entries(8));
        let sq = CreateIoSq {
            prp1,
            qid: Qid(1),
            entries,
            pc: true,
            qprio: 0,
            cqid: Qid(1),
            nvmsetid: 0,
        };
        for sqe in [Sqe::from(set), cq.into(), sq.into()] {
            self.drain(ctrl);
            self.submit(ctrl, 0, sqe, Addr(0));
        }
        self.drain(ctrl);
    }

    fn has_room(&self, ctrl: usize, sqid: u16) -> bool {
        self.sides[ctrl]
            .sqs
            .get(&sqid)
            .is_some_and(|sq| sq.filled - sq.head < u64::from(sq.entries) - 1)
    }

    /// Whether one of these admin commands, in flight, names the queue: then it may be another one
    /// by the time that the host touches it.
    fn is_changing(&self, ctrl: usize, qid: u16, opcodes: [u8; 2]) -> bool {
        let admin = self.sides[ctrl].sqs.get(&0).into_iter().flat_map(|sq| sq.flying.values());
        let mut naming = admin.filter(|(sqe, _)| sqe.dw[10] as u16 == qid);
        qid != 0 && naming.any(|(sqe, _)| opcodes.contains(&sqe.opcode()))
    }

    fn send_io(&mut self, ctrl: usize) {
        let idle = |q: &u16| *q != 0 && !self.is_changing(ctrl, *q, SQ_COMMANDS);
        let queues: Vec<u16> = self.sides[ctrl].sqs.keys().copied().filter(idle).collect();
        let Some(&sqid) = queues.get(self.random.below(queues.len() as u64) as usize) else {
            return;
        };
        if !self.has_room(ctrl, sqid) {
            return;
        }
        let at = self.buffer();
        let kind = self.random.below(20);
        let sqe = match kind {
            0 => Flush { nsid: Nsid(self.random.below(4) as u32) }.into(),
            1 if self.random.one_in(4) => Sqe::new(0x7e),
            _ => {
                let write = kind < 11;
                let (sqe, entries) = commands::transfer(&mut self.random, at, write);
                self.prepare(ctrl, &sqe, at, &entries, write);
                sqe
            }
        };
        self.submit(ctrl, sqid, sqe, at);
    }

    /// Fills the buffer of a Write and writes the PRP list.
    fn prepare(&mut self, ctrl: usize, sqe: &Sqe, at: Addr, entries: &[u64], write: bool) {
        if write {
            let cmd = Write::project(sqe);
            let tag = BlockTag {
                nsid: cmd.nsid.0,
                writer: ctrl as u32,
                lba: cmd.slba.0,
                sequence: self.sequence,
            };
            self.sequence += 1;
            let blocks = (15 * PAGE / BLOCK) as u32;
            self.event(ctrl, Body::Fill { at, block_bytes: BLOCK as u32, blocks, tag });
            self.device.memory.fill(at, BLOCK as u32, blocks, tag);
        } else {
            self.event(ctrl, Body::HostSet { at, len: 15 * PAGE, value: 0xa5 });
            self.device.memory.set(at, 15 * PAGE, 0xa5);
        }
        if !entries.is_empty() {
            let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
            let payload = self.log.store(&bytes);
            let list = sqe.prp2();
            self.event(ctrl, Body::HostWrite { at: list, payload });
            self.device.memory.write(list, &bytes);
        }
    }

    fn send_admin(&mut self, ctrl: usize) {
        if !self.has_room(ctrl, 0) || self.sides[ctrl].together >= 4 {
            return;
        }
        let at = self.buffer();
        let sqe = commands::admin(&mut self.random, at);
        // Two of them in flight for one queue: a host could not tell whether it exists afterwards.
        let queue = sqe.dw[10] as u16;
        let twice = [SQ_COMMANDS, CQ_COMMANDS]
            .into_iter()
            .any(|of| of.contains(&sqe.opcode()) && self.is_changing(ctrl, queue, of));
        if !twice {
            self.submit(ctrl, 0, sqe, at);
        }
    }

    fn send_abort(&mut self, ctrl: usize) {
        if !self.has_room(ctrl, 0) {
            return;
        }
        let side = &self.sides[ctrl];
        let all: Vec<(u16, Cid)> =
            side.sqs.iter().flat_map(|(q, sq)| sq.flying.keys().map(|cid| (*q, *cid))).collect();
        let victim = all.get(self.random.below(all.len() as u64) as usize).copied();
        let sqe = commands::abort(&mut self.random, victim);
        self.submit(ctrl, 0, sqe, Addr(0));
    }

    fn submit(&mut self, ctrl: usize, sqid: u16, sqe: Sqe, at: Addr) {
        if !self.has_room(ctrl, sqid) {
            return;
        }
        let cid = Cid(self.next_cid);
        self.next_cid = if self.next_cid >= 0xffe0 { 1 } else { self.next_cid + 1 };
        let sqe = sqe.with_cid(cid);
        let sq = self.sides[ctrl].sqs.get_mut(&sqid).expect("it has room");
        let slot = (sq.filled % u64::from(sq.entries)) as u16;
        sq.filled += 1;
        sq.flying.insert(cid, (sqe, at));
        let changes = matches!(sqe.opcode(), 0x00 | 0x01 | 0x02 | 0x04 | 0x05 | 0x09 | 0x0a);
        if sqid == 0 && changes {
            self.sides[ctrl].structural.insert(cid);
            self.sides[ctrl].together += 1;
        }
        self.event(ctrl, Body::Submit { sqid: Qid(sqid), slot, sqe });
        if let Some(sq) = self.device.units[ctrl].sqs.get_mut(&sqid) {
            sq.slots[usize::from(slot)] = sqe;
        }
        self.sent += 1;
        if !self.random.one_in(3) {
            self.ring(ctrl, sqid);
        }
    }

    fn ring(&mut self, ctrl: usize, sqid: u16) {
        if self.is_changing(ctrl, sqid, SQ_COMMANDS) {
            return;
        }
        let Some(sq) = self.sides[ctrl].sqs.get_mut(&sqid).filter(|sq| sq.filled != sq.rung) else {
            return;
        };
        sq.rung = sq.filled;
        let (tail, value) = (sq.filled, (sq.filled % u64::from(sq.entries)) as u32);
        let doorbell = DoorbellWrite { kind: DoorbellKind::SqTail, qid: Qid(sqid), value };
        self.event(ctrl, Body::Doorbell(doorbell));
        if let Some(sq) = self.device.units[ctrl].sqs.get_mut(&sqid) {
            sq.tail = tail;
        }
    }

    fn ring_all(&mut self, ctrl: usize) {
        let queues: Vec<u16> = self.sides[ctrl].sqs.keys().copied().collect();
        queues.into_iter().for_each(|q| self.ring(ctrl, q));
    }

    fn look_somewhere(&mut self, ctrl: usize) {
        let queues: Vec<u16> = self.sides[ctrl].cqs.keys().copied().collect();
        let cqid = *self.random.pick(&queues);
        let most = self.random.between(1, 4);
        for _ in 0..most {
            if !self.look(ctrl, cqid) {
                break;
            }
        }
        if self.random.one_in(2) {
            self.release(ctrl, cqid);
        }
    }

    /// Looks at the head slot of a completion queue. Whether a CQE was there.
    fn look(&mut self, ctrl: usize, cqid: u16) -> bool {
        let begun = self.now;
        self.now += 5;
        let Some(cq) = self.sides[ctrl].cqs.get_mut(&cqid) else { return false };
        let Some(device) = self.device.units[ctrl].cqs.get(&cqid) else { return false };
        let slot = (cq.seen % u64::from(cq.entries)) as usize;
        let cqe = device.slots[slot];
        let fresh = (cq.seen / u64::from(cq.entries)).is_multiple_of(2) == cqe.phase();
        if !fresh || device.posted <= cq.seen {
            cq.empty_since = begun;
            return false;
        }
        cq.seen += 1;
        let not_before = cq.empty_since;
        self.push(ctrl, not_before, Body::Completion { cqid: Qid(cqid), slot: slot as u16, cqe });
        self.completed(ctrl, cqe);
        true
    }

    fn release(&mut self, ctrl: usize, cqid: u16) {
        if self.is_changing(ctrl, cqid, CQ_COMMANDS) {
            return;
        }
        let Some(cq) = self.sides[ctrl].cqs.get_mut(&cqid).filter(|cq| cq.released != cq.seen)
        else {
            return;
        };
        cq.released = cq.seen;
        let (released, value) = (cq.seen, (cq.seen % u64::from(cq.entries)) as u32);
        let doorbell = DoorbellWrite { kind: DoorbellKind::CqHead, qid: Qid(cqid), value };
        self.event(ctrl, Body::Doorbell(doorbell));
        if let Some(cq) = self.device.units[ctrl].cqs.get_mut(&cqid) {
            cq.released = released;
        }
    }

    fn completed(&mut self, ctrl: usize, cqe: spec::Cqe) {
        let sqid = cqe.sqid().0;
        let side = &mut self.sides[ctrl];
        let Some(sq) = side.sqs.get_mut(&sqid) else { return };
        let entries = u64::from(sq.entries);
        let ahead = (u64::from(cqe.sqhd()) + entries - sq.head % entries) % entries;
        sq.head += ahead;
        let Some((sqe, at)) = sq.flying.remove(&cqe.cid()) else { return };
        side.structural.remove(&cqe.cid());
        if side.structural.is_empty() {
            side.together = 0;
        }
        if !cqe.status().is_success() {
            self.refused += 1;
            return;
        }
        if sqid != 0 {
            if sqe.opcode() == nvm::READ {
                self.look_at_blocks(ctrl, &sqe);
            }
            return;
        }
        self.completed_admin(ctrl, &sqe, at);
    }

    fn completed_admin(&mut self, ctrl: usize, sqe: &Sqe, at: Addr) {
        let empty_since = self.now;
        let side = &mut self.sides[ctrl];
        match sqe.opcode() {
            admin::CREATE_IO_COMPLETION_QUEUE => {
                let c = CreateIoCq::project(sqe);
                side.cqs.insert(c.qid.0, Cq { entries: c.entries.0, empty_since, ..Cq::default() });
            }
            admin::CREATE_IO_SUBMISSION_QUEUE => {
                let c = CreateIoSq::project(sqe);
                side.sqs
                    .insert(c.qid.0, Sq { cqid: c.cqid.0, entries: c.entries.0, ..Sq::default() });
            }
            admin::DELETE_IO_SUBMISSION_QUEUE => {
                let gone = side.sqs.remove(&DeleteIoSq::project(sqe).qid.0);
                if let Some(sq) = gone {
                    self.sweep(ctrl, sq.cqid);
                }
            }
            admin::DELETE_IO_COMPLETION_QUEUE => {
                side.cqs.remove(&DeleteIoCq::project(sqe).qid.0);
            }
            admin::IDENTIFY => {
                let cmd = Identify::project(sqe);
                if let Some(bytes) = commands::identify(&cmd, ctrl as u8) {
                    self.show(ctrl, Addr(cmd.prp1.0 & !3), &bytes);
                }
            }
            admin::GET_LOG_PAGE => {
                let page = self.device.units[ctrl].pages.remove(&sqe.cid());
                if let Some(bytes) = page {
                    self.show(ctrl, at, &bytes);
                }
            }
            _ => {}
        }
    }

    /// The controller wrote these bytes, and the host looks at them.
    fn show(&mut self, ctrl: usize, at: Addr, bytes: &[u8]) {
        let payload = self.log.store(bytes);
        self.event(ctrl, Body::BytesSeen { at, payload });
    }

    /// Looks at every block that a Read returned.
    fn look_at_blocks(&mut self, ctrl: usize, sqe: &Sqe) {
        let bytes = u64::from(Read::project(sqe).nlb.0) * BLOCK;
        let walk: Vec<_> =
            model::prp::PrpWalk::new(&self.device.memory, sqe, PAGE, bytes).collect();
        for item in walk.into_iter().filter(|item| item.is_data()) {
            let at = Addr(item.entry.0 & !3);
            let blocks = (0..item.len / BLOCK).map(|n| Addr(at.0 + n * BLOCK));
            let idents: Vec<Ident> = blocks
                .map(|at| self.device.memory.block(at, BLOCK as u32).expect("known"))
                .collect();
            let raw: Vec<u8> = idents.iter().flat_map(|ident| ident.0.to_le_bytes()).collect();
            let payload = self.log.store(&raw);
            self.event(ctrl, Body::BlocksSeen { at, block_bytes: BLOCK as u32, payload });
        }
    }

    /// One poll of a completion queue after a deletion: what comes later is late.
    fn sweep(&mut self, ctrl: usize, cqid: u16) {
        while self.look(ctrl, cqid) {}
        self.empty_look(ctrl, cqid, LookReason::Sweep);
    }

    fn empty_look(&mut self, ctrl: usize, cqid: u16, reason: LookReason) {
        let Some(cq) = self.sides[ctrl].cqs.get(&cqid) else { return };
        let slot = (cq.seen % u64::from(cq.entries)) as u16;
        let begun = self.now;
        self.push(ctrl, begun, Body::EmptyLook(EmptyLook { cqid: Qid(cqid), slot, reason }));
    }

    /// Lets the controller finish, and collects everything.
    fn drain(&mut self, ctrl: usize) {
        self.ring_all(ctrl);
        for _ in 0..200 {
            (0..200).for_each(|_| self.device.step(ctrl));
            let queues: Vec<u16> = self.sides[ctrl].cqs.keys().copied().collect();
            for cqid in queues {
                while self.look(ctrl, cqid) {}
                self.release(ctrl, cqid);
            }
            if self.device.is_idle(ctrl) {
                break;
            }
        }
        let all_idle = (0..2).all(|c| self.device.is_idle(c));
        if all_idle {
            self.event(ctrl, Body::Idle);
            let queues: Vec<u16> = self.sides[ctrl].cqs.keys().copied().collect();
            queues.into_iter().for_each(|q| self.empty_look(ctrl, q, LookReason::Idle));
        }
    }

    /// CC.EN from 1 to 0 with commands in flight, and up again.
    fn reset(&mut self, ctrl: usize) {
        let cc = Cc::new().with_iosqes(6).with_iocqes(4);
        self.write(ctrl, register::CC, 4, u64::from(u32::from(cc)));
        // The controller goes on for a while; what it posts may still be seen.
        for _ in 0..self.random.below(30) {
            self.device.step(ctrl);
        }
        if self.random.one_in(2) {
            self.read(ctrl, register::CSTS, 4, u64::from(u32::from(Csts::new().with_rdy(true))));
        }
        self.device.finish_reset(ctrl);
        self.read(ctrl, register::CSTS, 4, 0);
        self.enable(ctrl);
    }
}
