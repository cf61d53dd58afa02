//! A host driver just big enough to try the transport: one admin queue pair, one I/O queue pair.

#![expect(dead_code, reason = "each test program uses a part of it")]

use std::time::Duration;

use dut::{Ctrl, Doorbell, Dut, Event, Fault, Width};
use lockstep_qemu::{Options, Qemu};
use spec::register::{self, DoorbellKind};
use spec::{Addr, Cid, Cqe, Nsid, Qid, Sqe};

/// Entries of every queue.
pub const ENTRIES: u16 = 64;
/// How long a completion may take.
pub const SOON: u64 = 5_000_000_000;

/// Opens QEMU; without QEMU the test ends here, with a printed reason, unless it is required.
pub fn open(options: Options) -> Option<Qemu> {
    match Qemu::open(options) {
        Ok(qemu) => Some(qemu),
        Err(error @ lockstep_qemu::OpenError::Missing { .. }) => {
            let required = std::env::var("LOCKSTEP_REQUIRE").unwrap_or_default();
            assert!(!required.split(',').any(|kind| kind == "qemu"), "required: {error}");
            println!("not run: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A queue pair: SQ, and CQ one page above.
#[derive(Clone)]
pub struct Queue {
    qid: u16,
    base: u64,
    tail: u16,
    head: u16,
    phase: bool,
    next_cid: u16,
}

/// A controller under a small driver.
pub struct Host {
    pub qemu: Qemu,
    pub ctrl: Ctrl,
    pub queues: Vec<Queue>,
    /// Free memory for data, 16 MiB above this controller's start.
    pub data: u64,
}

impl Host {
    pub fn new(qemu: Qemu, ctrl: Ctrl) -> Self {
        let base = qemu.memory().base().0 + 0x10_0000 * u64::from(ctrl.0);
        Self { qemu, ctrl, queues: vec![queue(0, base)], data: base + 0x1_0000 }
    }

    pub fn read(&mut self, offset: u32) -> u32 {
        self.qemu.read(self.ctrl, offset, Width::U32).unwrap() as u32
    }

    pub fn write(&mut self, offset: u32, value: u32) {
        self.qemu.write(self.ctrl, offset, Width::U32, value.into()).unwrap();
    }

    /// Enables the controller, from whatever state it is in.
    pub fn enable(&mut self) {
        self.write(register::CC, 0);
        let base = self.queues[0].base;
        self.queues = vec![queue(0, base)];
        assert!(self.qemu.memory().set(Addr(base), 0x8000, 0));
        let size = u64::from(ENTRIES) - 1;
        let ctrl = self.ctrl;
        self.qemu.write(ctrl, register::AQA, Width::U32, size << 16 | size).unwrap();
        self.qemu.write(ctrl, register::ASQ, Width::U64, base).unwrap();
        self.qemu.write(ctrl, register::ACQ, Width::U64, base + 0x1000).unwrap();
        self.write(register::CC, 4 << 20 | 6 << 16 | 1);
        let end = self.qemu.now() + SOON;
        while self.read(register::CSTS) & 1 == 0 {
            assert!(self.qemu.now() < end, "CSTS.RDY stays 0");
        }
    }

    /// MSI-X with 2 vectors on, the controller enabled, I/O queue pair 1: also after a reset.
    pub fn restart(&mut self) {
        self.qemu.irq_setup(self.ctrl, 2).unwrap();
        self.enable();
        self.create_io();
    }

    /// Creates I/O queue pair 1, with interrupt vector 1 for its CQ.
    pub fn create_io(&mut self) {
        let io = queue(1, self.queues[0].base + 0x4000);
        let size = u32::from(ENTRIES) - 1;
        let mut cq = Sqe::new(5).with_prps(Addr(io.base + 0x1000), Addr(0));
        (cq.dw[10], cq.dw[11]) = (size << 16 | 1, 1 << 16 | 3);
        let mut sq = Sqe::new(1).with_prps(Addr(io.base), Addr(0));
        (sq.dw[10], sq.dw[11]) = (size << 16 | 1, 1 << 16 | 1);
        assert_eq!(self.command(0, cq).status().sc(), 0);
        assert_eq!(self.command(0, sq).status().sc(), 0);
        self.queues.push(io);
    }

    /// Puts SQEs into their slots and rings once.
    pub fn submit(&mut self, qid: usize, sqes: &[Sqe]) -> Vec<Cid> {
        let queue = &mut self.queues[qid];
        let mut cids = Vec::new();
        for sqe in sqes {
            let cid = Cid(queue.next_cid);
            queue.next_cid = queue.next_cid.wrapping_add(1);
            let at = queue.base + 64 * u64::from(queue.tail);
            assert!(self.qemu.memory().write(Addr(at), &sqe.with_cid(cid).to_bytes()));
            queue.tail = (queue.tail + 1) % ENTRIES;
            cids.push(cid);
        }
        let offset = register::doorbell_offset(DoorbellKind::SqTail, queue.qid, 0);
        let bell = Doorbell { offset, value: queue.tail.into() };
        self.qemu.ring(self.ctrl, &[bell]).unwrap();
        cids
    }

    /// The next CQE, waited for up to `time` ns; its slot is not released.
    pub fn poll(&mut self, qid: usize, time: u64) -> Option<Cqe> {
        let end = self.qemu.now() + time;
        loop {
            if let Some(cqe) = self.look(qid) {
                return Some(cqe);
            }
            if self.qemu.wait(end).unwrap() == dut::Progress::TimeUp {
                return self.look(qid);
            }
        }
    }

    /// The CQE in the head slot, if its phase tag has changed.
    pub fn look(&mut self, qid: usize) -> Option<Cqe> {
        let queue = &mut self.queues[qid];
        let at = Addr(queue.base + 0x1000 + 16 * u64::from(queue.head));
        let memory = self.qemu.memory();
        let last = memory.load_acquire(Addr(at.0 + 12)).unwrap();
        if (last >> 16 & 1 != 0) != queue.phase {
            return None;
        }
        let mut bytes = [0; 16];
        assert!(memory.read(at, &mut bytes));
        queue.head = (queue.head + 1) % ENTRIES;
        queue.phase ^= queue.head == 0;
        Some(Cqe::from_bytes(&bytes))
    }

    /// Tells the controller how far the CQ was consumed.
    pub fn release(&mut self, qid: usize) {
        let queue = &self.queues[qid];
        let offset = register::doorbell_offset(DoorbellKind::CqHead, queue.qid, 0);
        let bell = Doorbell { offset, value: queue.head.into() };
        self.qemu.ring(self.ctrl, &[bell]).unwrap();
    }

    /// One command from submission to release.
    pub fn command(&mut self, qid: usize, sqe: Sqe) -> Cqe {
        let cid = self.submit(qid, &[sqe])[0];
        let cqe = self.poll(qid, SOON).expect("a completion");
        assert_eq!((cqe.cid(), cqe.sqid()), (cid, Qid(qid as u16)));
        self.release(qid);
        cqe
    }

    /// Identify Controller into `data`.
    pub fn identify(&mut self) -> Vec<u8> {
        let mut sqe = Sqe::new(6).with_prps(Addr(self.data), Addr(0));
        sqe.dw[10] = 1;
        assert_eq!(self.command(0, sqe).status().sc(), 0);
        self.bytes(self.data, 4096)
    }

    /// Bytes of memory.
    pub fn bytes(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        assert!(self.qemu.memory().read(Addr(at), &mut bytes));
        bytes
    }

    /// The MSI-X vectors seen since the last call.
    pub fn vectors(&mut self) -> Vec<(Ctrl, u16)> {
        let mut seen = Vec::new();
        self.qemu.drain(&mut |event| {
            if let Event::Interrupt { ctrl, vector, not_before, seen: at, .. } = event {
                assert!(not_before <= at);
                seen.push((ctrl, vector));
            }
        });
        seen
    }

    /// The MSI-X vectors seen until `vector` is among them, or time is up.
    pub fn await_vector(&mut self, vector: u16) -> bool {
        let end = self.qemu.now() + SOON;
        loop {
            if self.vectors().iter().any(|&(_, v)| v == vector) {
                return true;
            }
            if self.qemu.wait(end).unwrap() == dut::Progress::TimeUp {
                return false;
            }
        }
    }
}

fn queue(qid: u16, base: u64) -> Queue {
    Queue { qid, base, tail: 0, head: 0, phase: true, next_cid: 0x100 }
}

/// Read (opcode 2) or Write (opcode 1) of `blocks` blocks of namespace 1.
pub fn transfer(opcode: u8, lba: u32, blocks: u32, at: u64) -> Sqe {
    let mut sqe = Sqe::new(opcode).with_nsid(Nsid(1)).with_prps(Addr(at), Addr(0));
    (sqe.dw[10], sqe.dw[12]) = (lba, blocks - 1);
    sqe
}

/// An enabled controller with an I/O queue pair; MSI-X with 2 vectors.
pub fn ready(options: Options) -> Option<Host> {
    let mut host = Host::new(open(options)?, Ctrl(0));
    host.restart();
    Some(host)
}

/// Runs an action that QEMU cannot answer yet.
pub fn unanswered(host: &mut Host, action: impl FnOnce(&mut Qemu) -> Result<(), Fault>) {
    host.qemu.set_answer_time(Duration::from_millis(200));
    let answer = action(&mut host.qemu);
    assert!(matches!(answer, Err(Fault::NoAnswer(_))), "{answer:?}");
    host.qemu.set_answer_time(Duration::from_secs(5));
}
