//! The raw emulator, without lab, log and judge: the rate of commands without data and of 4 KiB
//! reads and writes in batches of 32, and the cost of a fresh controller.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dut::{Ctrl, Doorbell, Dut, Progress, Width};
use lockstep_emulator::{Config, EmulatorDut};
use spec::command::{CreateIoCq, CreateIoSq, Flush, Read, Write};
use spec::register::{self, DoorbellKind, doorbell_offset};
use spec::{Addr, Entries, Lba, Nsid, Qid, Sqe};

const ASQ: u64 = 0x20_0000;
const ACQ: u64 = 0x20_1000;
const SQ: u64 = 0x20_2000;
const CQ: u64 = 0x20_4000;
const DATA: u64 = 0x40_0000;
/// Entries of the I/O queues; a batch is half of it.
const ENTRIES: u32 = 64;
const BATCH: u32 = 32;

struct Host {
    dut: EmulatorDut,
    tail: u32,
    head: u32,
    phase: bool,
}

impl Host {
    fn new(dma_log: bool) -> Self {
        let mut dut = EmulatorDut::new(Config::default()).unwrap();
        dut.set_dma_log(dma_log);
        let ctrl = Ctrl(0);
        dut.write(ctrl, register::AQA, Width::U32, 0x003f_003f).unwrap();
        dut.write(ctrl, register::ASQ, Width::U64, ASQ).unwrap();
        dut.write(ctrl, register::ACQ, Width::U64, ACQ).unwrap();
        let cc = register::Cc::new().with_en(true).with_iosqes(6).with_iocqes(4);
        dut.write(ctrl, register::CC, Width::U32, cc.into_bits().into()).unwrap();
        run(&mut dut);
        let (qid, entries) = (Qid(1), Entries(ENTRIES));
        let cq = CreateIoCq { prp1: Addr(CQ), qid, entries, pc: true, ien: false, iv: 0 };
        let prp1 = Addr(SQ);
        let sq = CreateIoSq { prp1, qid, entries, pc: true, cqid: qid, ..CreateIoSq::default() };
        assert!(dut.memory().write(Addr(ASQ), &Sqe::from(cq).to_bytes()));
        assert!(dut.memory().write(Addr(ASQ + 64), &Sqe::from(sq).to_bytes()));
        let offset = doorbell_offset(DoorbellKind::SqTail, 0, 0);
        dut.ring(ctrl, &[Doorbell { offset, value: 2 }]).unwrap();
        run(&mut dut);
        Self { dut, tail: 0, head: 0, phase: true }
    }

    /// One batch: SQEs, doorbell, completions, doorbell.
    fn batch(&mut self, sqes: &[[u8; 64]; BATCH as usize]) {
        for sqe in sqes {
            let at = Addr(SQ + u64::from(self.tail) * 64);
            assert!(self.dut.memory().write(at, sqe));
            self.tail = (self.tail + 1) % ENTRIES;
        }
        self.ring(DoorbellKind::SqTail, self.tail);
        let mut missing = BATCH;
        while missing != 0 {
            let dw3 = self.dut.memory().load_acquire(Addr(CQ + u64::from(self.head) * 16 + 12));
            if (dw3.unwrap() >> 16 & 1 != 0) == self.phase {
                assert_eq!(dw3.unwrap() >> 17, 0);
                self.head = (self.head + 1) % ENTRIES;
                self.phase ^= self.head == 0;
                missing -= 1;
                continue;
            }
            self.dut.wait(u64::MAX).unwrap();
        }
        self.ring(DoorbellKind::CqHead, self.head);
        self.dut.drain(&mut |event| {
            black_box(event);
        });
    }

    fn ring(&mut self, kind: DoorbellKind, value: u32) {
        let offset = doorbell_offset(kind, 1, 0);
        self.dut.ring(Ctrl(0), &[Doorbell { offset, value }]).unwrap();
    }
}

fn run(dut: &mut EmulatorDut) {
    while dut.wait(u64::MAX).unwrap() == Progress::Ran {}
}

fn commands(of: impl Fn(u64) -> Sqe) -> [[u8; 64]; BATCH as usize] {
    std::array::from_fn(|n| of(n as u64).to_bytes())
}

fn rates(c: &mut Criterion) {
    let nlb = Entries(8);
    let at = |n: u64| (Lba(n * 8), Addr(DATA + n * 4096));
    let kinds = [
        ("flush", commands(|_| Flush { nsid: Nsid(1) }.into())),
        (
            "read 4 KiB",
            commands(|n| {
                let (slba, prp1) = at(n);
                Read { nsid: Nsid(1), slba, nlb, prp1, ..Read::default() }.into()
            }),
        ),
        (
            "write 4 KiB",
            commands(|n| {
                let (slba, prp1) = at(n);
                Write { nsid: Nsid(1), slba, nlb, prp1, ..Write::default() }.into()
            }),
        ),
    ];
    for dma_log in [false, true] {
        let mut group = c.benchmark_group(if dma_log { "with DMA log" } else { "raw" });
        group.throughput(Throughput::Elements(u64::from(BATCH)));
        for (name, sqes) in &kinds {
            let mut host = Host::new(dma_log);
            group.bench_function(*name, |b| b.iter(|| host.batch(sqes)));
        }
    }
}

/// A batch of writes and the way back.
fn rewind(c: &mut Criterion) {
    let mut host = Host::new(true);
    host.dut.mark().unwrap();
    c.bench_function("rewind, nothing done", |b| b.iter(|| host.dut.rewind().unwrap()));
    let write = Write { nsid: Nsid(1), nlb: Entries(8), prp1: Addr(DATA), ..Write::default() };
    let sqes = commands(|_| write.into());
    let place = (host.tail, host.head, host.phase);
    // The host's own memory of the queue goes back too; its stale entries have the old phase.
    c.bench_function("rewind after 32 commands, with them", |b| {
        b.iter(|| {
            host.batch(&sqes);
            (host.tail, host.head, host.phase) = place;
            host.dut.rewind().unwrap();
        });
    });
}

criterion_group!(benches, rates, rewind);
criterion_main!(benches);
