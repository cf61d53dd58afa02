//! A small host for the tests of the emulator: no judge, no log, just queues and patience.

#![expect(dead_code, reason = "each test program uses its own part")]

use std::collections::HashMap;

use dut::{Arena, Capabilities, Ctrl, Doorbell, Dut, Event, Progress, Width};
use emulator::seam::Defect;
use emulator::{Config, EmulatorDut};
use lockstep_emulator as emulator;
use spec::command::{CreateIoCq, CreateIoSq, Identify};
use spec::register::{self, DoorbellKind, doorbell_offset};
use spec::{Addr, Cid, Cns, Cqe, Entries, Nsid, Qid, Sqe, Status};

/// Entries of every queue.
pub const ENTRIES: u32 = 8;
/// A second.
pub const SECOND: u64 = 1_000_000_000;
/// Data buffers begin here; below are the queues.
pub const DATA: u64 = 0x40_0000;

const QUEUES: u64 = 0x20_0000;

struct Sq {
    base: u64,
    entries: u32,
    tail: u32,
    cqid: u16,
}

struct Cq {
    base: u64,
    entries: u32,
    head: u32,
    phase: bool,
}

/// What a host knows of a controller that it turned away from.
pub struct Left(Ctrl, HashMap<u16, Sq>, HashMap<u16, Cq>);

/// A host with one controller in view.
pub struct TestHost {
    pub dut: EmulatorDut,
    pub ctrl: Ctrl,
    pub config: Config,
    sqs: HashMap<u16, Sq>,
    cqs: HashMap<u16, Cq>,
    next_cid: u16,
    pub events: Vec<Event>,
    /// Completions seen and not asked for yet.
    seen: Vec<Cqe>,
}

impl TestHost {
    pub fn new(config: Config) -> Self {
        Self::over(EmulatorDut::new(config.clone()).unwrap(), config)
    }

    pub fn with_defect(config: Config, defect: &'static dyn Defect) -> Self {
        Self::over(EmulatorDut::with_defect(config.clone(), defect).unwrap(), config)
    }

    fn over(dut: EmulatorDut, config: Config) -> Self {
        Self {
            dut,
            ctrl: Ctrl(0),
            config,
            sqs: HashMap::new(),
            cqs: HashMap::new(),
            next_cid: 0,
            events: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// A host whose controller 0 is enabled.
    pub fn enabled(config: Config) -> Self {
        let mut host = Self::new(config);
        host.enable();
        host
    }

    /// A host whose controller 0 is enabled and has I/O queue pair 1.
    pub fn ready(config: Config) -> Self {
        let mut host = Self::enabled(config);
        host.create_pair(1);
        host
    }

    pub fn capabilities(&self) -> &Capabilities {
        self.dut.capabilities()
    }

    pub fn arena(&self) -> &Arena {
        self.dut.memory()
    }

    // ---- registers -------------------------------------------------------------------------

    pub fn read32(&mut self, offset: u32) -> u32 {
        self.dut.read(self.ctrl, offset, Width::U32).unwrap() as u32
    }

    pub fn read64(&mut self, offset: u32) -> u64 {
        self.dut.read(self.ctrl, offset, Width::U64).unwrap()
    }

    pub fn write32(&mut self, offset: u32, value: u32) {
        self.dut.write(self.ctrl, offset, Width::U32, value.into()).unwrap();
    }

    pub fn write64(&mut self, offset: u32, value: u64) {
        self.dut.write(self.ctrl, offset, Width::U64, value).unwrap();
    }

    pub fn csts(&mut self) -> register::Csts {
        register::Csts::from_bits(self.read32(register::CSTS))
    }

    /// Runs until CSTS is as wanted; false if it is not within ten seconds.
    pub fn wait_csts(&mut self, wanted: impl Fn(register::Csts) -> bool) -> bool {
        let deadline = self.dut.now() + 10 * SECOND;
        loop {
            if wanted(self.csts()) {
                return true;
            }
            if matches!(self.dut.wait(deadline).unwrap(), Progress::Idle | Progress::TimeUp) {
                return wanted(self.csts());
            }
        }
    }

    pub fn queue_base(&self, qid: u16, cq: bool) -> u64 {
        QUEUES
            + u64::from(self.ctrl.0) * 0x8_0000
            + u64::from(qid) * 0x4000
            + u64::from(cq) * 0x2000
    }

    pub fn enable_value(&self) -> register::Cc {
        register::Cc::new().with_en(true).with_mps(self.config.mpsmin).with_iosqes(6).with_iocqes(4)
    }

    /// Writes the admin queue registers and CC; does not wait.
    pub fn start(&mut self) {
        let (asq, acq) = (self.queue_base(0, false), self.queue_base(0, true));
        assert!(self.arena().set(Addr(acq), u64::from(ENTRIES) * 16, 0));
        let sizes =
            register::Aqa::new().with_asqs_z(ENTRIES as u16 - 1).with_acqs_z(ENTRIES as u16 - 1);
        self.write32(register::AQA, sizes.into_bits());
        self.write64(register::ASQ, asq);
        self.write64(register::ACQ, acq);
        self.sqs.clear();
        self.cqs.clear();
        self.seen.clear();
        self.sqs.insert(0, Sq { base: asq, entries: ENTRIES, tail: 0, cqid: 0 });
        self.cqs.insert(0, Cq { base: acq, entries: ENTRIES, head: 0, phase: true });
        let cc = self.enable_value();
        self.write32(register::CC, cc.into_bits());
    }

    pub fn enable(&mut self) {
        self.start();
        assert!(self.wait_csts(|csts| csts.rdy()), "RDY never rose");
    }

    pub fn disable(&mut self) {
        let cc = register::Cc::from_bits(self.read32(register::CC)).with_en(false);
        self.write32(register::CC, cc.into_bits());
        assert!(self.wait_csts(|csts| !csts.rdy()), "RDY never fell");
    }

    // ---- queues ----------------------------------------------------------------------------

    pub fn create_cq_command(&self, qid: u16) -> CreateIoCq {
        CreateIoCq {
            prp1: Addr(self.queue_base(qid, true)),
            qid: Qid(qid),
            entries: Entries(ENTRIES),
            pc: true,
            ien: true,
            iv: 0,
        }
    }

    pub fn create_sq_command(&self, qid: u16, cqid: u16) -> CreateIoSq {
        CreateIoSq {
            prp1: Addr(self.queue_base(qid, false)),
            qid: Qid(qid),
            entries: Entries(ENTRIES),
            pc: true,
            cqid: Qid(cqid),
            ..CreateIoSq::default()
        }
    }

    /// Knows of a Completion Queue that was created.
    pub fn adopt_cq(&mut self, qid: u16, base: u64, entries: u32) {
        assert!(self.arena().set(Addr(base), u64::from(entries) * 16, 0));
        self.cqs.insert(qid, Cq { base, entries, head: 0, phase: true });
    }

    /// Whether the host has such a Submission Queue.
    pub fn knows_sq(&self, qid: u16) -> bool {
        self.sqs.contains_key(&qid)
    }

    /// Knows of a Submission Queue that was created.
    pub fn adopt_sq(&mut self, qid: u16, cqid: u16, base: u64, entries: u32) {
        self.sqs.insert(qid, Sq { base, entries, tail: 0, cqid });
    }

    pub fn create_cq(&mut self, qid: u16) {
        let base = self.queue_base(qid, true);
        self.adopt_cq(qid, base, ENTRIES);
        let cqe = self.admin(self.create_cq_command(qid));
        assert_eq!(cqe.status(), Status::SUCCESSFUL_COMPLETION);
    }

    pub fn create_sq(&mut self, qid: u16, cqid: u16) {
        let cqe = self.admin(self.create_sq_command(qid, cqid));
        assert_eq!(cqe.status(), Status::SUCCESSFUL_COMPLETION);
        let base = self.queue_base(qid, false);
        self.adopt_sq(qid, cqid, base, ENTRIES);
    }

    pub fn create_pair(&mut self, qid: u16) {
        self.create_cq(qid);
        self.create_sq(qid, qid);
    }

    /// Puts a command into a queue without ringing; its CID.
    pub fn place(&mut self, sqid: u16, sqe: impl Into<Sqe>) -> Cid {
        let cid = Cid(self.next_cid);
        self.next_cid = (self.next_cid + 1) % 0xfff0;
        let sq = self.sqs.get_mut(&sqid).unwrap();
        let at = sq.base + u64::from(sq.tail) * 64;
        sq.tail = (sq.tail + 1) % sq.entries;
        let bytes = sqe.into().with_cid(cid).to_bytes();
        assert!(self.dut.memory().write(Addr(at), &bytes));
        cid
    }

    pub fn doorbell(&mut self, kind: DoorbellKind, qid: u16, value: u32) {
        let offset = doorbell_offset(kind, qid, self.config.dstrd);
        self.dut.ring(self.ctrl, &[Doorbell { offset, value }]).unwrap();
    }

    /// Rings the tail doorbell of a queue.
    pub fn ring(&mut self, sqid: u16) {
        let tail = self.sqs[&sqid].tail;
        self.doorbell(DoorbellKind::SqTail, sqid, tail);
    }

    pub fn submit(&mut self, sqid: u16, sqe: impl Into<Sqe>) -> Cid {
        let cid = self.place(sqid, sqe);
        self.ring(sqid);
        cid
    }

    /// Looks at the head of a Completion Queue; does not release the entry.
    pub fn peek(&mut self, cqid: u16) -> Option<Cqe> {
        let cq = &self.cqs[&cqid];
        let mut raw = [0; 16];
        assert!(self.dut.memory().read(Addr(cq.base + u64::from(cq.head) * 16), &mut raw));
        let cqe = Cqe::from_bytes(&raw);
        (cqe.phase() == cq.phase).then_some(cqe)
    }

    /// Takes the entry at the head of a Completion Queue without writing its doorbell.
    pub fn take(&mut self, cqid: u16) -> Option<Cqe> {
        let cqe = self.peek(cqid)?;
        let cq = self.cqs.get_mut(&cqid).unwrap();
        cq.head = (cq.head + 1) % cq.entries;
        cq.phase ^= cq.head == 0;
        Some(cqe)
    }

    /// Writes the head doorbell of a Completion Queue.
    pub fn release(&mut self, cqid: u16) {
        let head = self.cqs[&cqid].head;
        self.doorbell(DoorbellKind::CqHead, cqid, head);
    }

    /// Takes and releases the next entry, waiting for it; nothing if none comes.
    pub fn next(&mut self, cqid: u16) -> Option<Cqe> {
        let deadline = self.dut.now() + 10 * SECOND;
        loop {
            if let Some(cqe) = self.take(cqid) {
                self.release(cqid);
                return Some(cqe);
            }
            let progress = self.dut.wait(deadline).unwrap();
            self.drain();
            if progress != Progress::Ran && self.peek(cqid).is_none() {
                return None;
            }
        }
    }

    pub fn drain(&mut self) {
        let events = &mut self.events;
        self.dut.drain(&mut |event| events.push(event));
    }

    /// Runs for some nanoseconds, whatever there is to see.
    pub fn run_for(&mut self, ns: u64) {
        let until = self.dut.now() + ns;
        while self.dut.wait(until).unwrap() == Progress::Ran {}
    }

    /// Runs until nothing more happens.
    pub fn settle(&mut self) {
        let deadline = self.dut.now() + SECOND;
        while self.dut.wait(deadline).unwrap() == Progress::Ran {}
        self.drain();
    }

    /// Submits a command and waits for its own completion; others are kept.
    pub fn run(&mut self, sqid: u16, sqe: impl Into<Sqe>) -> Cqe {
        let cid = self.submit(sqid, sqe);
        self.completion(sqid, cid).expect("the command never completed")
    }

    /// Waits for the completion of one command; others are kept.
    pub fn completion(&mut self, sqid: u16, cid: Cid) -> Option<Cqe> {
        let is_it = |cqe: &Cqe| cqe.sqid().0 == sqid && cqe.cid() == cid;
        if let Some(at) = self.seen.iter().position(is_it) {
            return Some(self.seen.remove(at));
        }
        let cqid = self.sqs[&sqid].cqid;
        loop {
            let cqe = self.next(cqid)?;
            if is_it(&cqe) {
                return Some(cqe);
            }
            self.seen.push(cqe);
        }
    }

    /// Every completion of the admin queue that nobody asked for so far, when nothing more happens.
    pub fn unasked(&mut self) -> Vec<Cqe> {
        self.settle();
        let mut all = std::mem::take(&mut self.seen);
        all.extend(std::iter::from_fn(|| self.next(0)));
        all
    }

    pub fn admin(&mut self, sqe: impl Into<Sqe>) -> Cqe {
        self.run(0, sqe)
    }

    pub fn io(&mut self, sqe: impl Into<Sqe>) -> Cqe {
        self.run(1, sqe)
    }

    // ---- several controllers, rewinding ----------------------------------------------------

    /// Turns to another controller; what is known of this one's queues, for [`Self::come_back`].
    pub fn leave(&mut self, to: Ctrl) -> Left {
        let from = std::mem::replace(&mut self.ctrl, to);
        Left(from, std::mem::take(&mut self.sqs), std::mem::take(&mut self.cqs))
    }

    /// Turns back to a controller.
    pub fn come_back(&mut self, left: Left) {
        (self.ctrl, self.sqs, self.cqs) = (left.0, left.1, left.2);
    }

    /// Where the host is in a queue pair: tail, head, phase.
    pub fn position(&self, qid: u16) -> (u32, u32, bool) {
        (self.sqs[&qid].tail, self.cqs[&qid].head, self.cqs[&qid].phase)
    }

    /// Goes back to a position.
    pub fn set_position(&mut self, qid: u16, position: (u32, u32, bool)) {
        self.sqs.get_mut(&qid).unwrap().tail = position.0;
        let cq = self.cqs.get_mut(&qid).unwrap();
        (cq.head, cq.phase) = (position.1, position.2);
    }

    // ---- data ------------------------------------------------------------------------------

    pub fn fill(&self, at: u64, bytes: &[u8]) {
        assert!(self.arena().write(Addr(at), bytes));
    }

    pub fn data(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        assert!(self.arena().read(Addr(at), &mut bytes));
        bytes
    }

    pub fn identify(&mut self, cns: Cns, nsid: u32) -> [u8; 4096] {
        let cmd = Identify { cns, nsid: Nsid(nsid), prp1: Addr(DATA), ..Identify::default() };
        assert_eq!(self.admin(cmd).status(), Status::SUCCESSFUL_COMPLETION);
        self.data(DATA, 4096).try_into().unwrap()
    }
}
