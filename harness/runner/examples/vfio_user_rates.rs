//! What a vfio-user server gives: a register read, and commands raw (no log, no judge) and in lockstep, turn
//! and turn about so that both meet the same machine.
//!
//! `cargo run --release -p lockstep-runner --example vfio_user_rates -- SOCKET [ROUNDS]`
//! beside `lockstep serve --socket SOCKET --expendable`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dut::{Ctrl, Doorbell, Dut, Width};
use lab::{Bench, Ctl, Settings};
use model::Profile;
use spec::command::{Command, CreateIoCq, CreateIoSq, Flush, Read};
use spec::register::{self, DoorbellKind};
use spec::{Addr, Entries, Lba, Nsid, Qid, Sqe};
use vfio_user::{Dma, Options, Ring, VfioUser};

/// Commands of one doorbell, and batches of one turn.
const BATCH: u32 = 32;
const BATCHES: u32 = 50;
/// Entries of the I/O queues.
const ENTRIES: u32 = 64;
const CTRL: Ctrl = Ctrl(0);

fn main() {
    let mut args = std::env::args().skip(1);
    let socket = args.next().expect("usage: vfio_user_rates SOCKET [ROUNDS]");
    let rounds: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(10);
    let plain = Options { sockets: vec![socket.into()], ..Options::default() };
    println!("{rounds} turns of {} commands, {BATCH} a doorbell; best and median", BATCH * BATCHES);
    for (name, dma, ring) in [
        ("descriptors, mapped doorbells", Dma::Descriptors, Ring::Safely),
        ("descriptors, rung by messages", Dma::Descriptors, Ring::ByMessages),
        ("all by messages", Dma::Messages, Ring::ByMessages),
    ] {
        println!("{name}");
        let options = Options { dma, ring, ..plain.clone() };
        let mut dut = VfioUser::open(options.clone()).unwrap();
        let mut reads: Vec<f64> = (0..2000).map(|_| register_read(&mut dut)).collect();
        reads.sort_by(f64::total_cmp);
        println!("  register read    {:8.1} us  {:8.1} us", reads[0], reads[reads.len() / 2]);
        drop(dut);
        for (name, blocks) in [("Flush", 0), ("Read 4 KiB", 8)] {
            let (mut raw, mut lockstep) = (Vec::new(), Vec::new());
            for round in 0..rounds + 1 {
                let one = raw_turn(&options, blocks);
                let other = lockstep_turn(&options, blocks);
                // The first turn warms up.
                if round > 0 {
                    raw.push(one);
                    lockstep.push(other);
                }
            }
            let ((raw_best, raw), (best, lockstep)) = (spread(raw), spread(lockstep));
            println!(
                "  {name:10} raw {raw_best:9.0}/s {raw:9.0}/s   lockstep {best:9.0}/s {lockstep:9.0}/s",
            );
        }
    }
}

/// Best and median.
fn spread(mut rates: Vec<f64>) -> (f64, f64) {
    rates.sort_by(f64::total_cmp);
    (rates[rates.len() - 1], rates[rates.len() / 2])
}

fn rate(spent: Duration) -> f64 {
    f64::from(BATCH * BATCHES) / spent.as_secs_f64()
}

fn register_read(dut: &mut VfioUser) -> f64 {
    let began = Instant::now();
    dut.read(CTRL, register::VS, Width::U32).unwrap();
    began.elapsed().as_secs_f64() * 1e6
}

/// A queue pair, driven without a word written down.
struct Pair {
    qid: Qid,
    sq: Addr,
    cq: Addr,
    entries: u32,
    tail: u32,
    head: u32,
    phase: bool,
}

impl Pair {
    fn new(qid: u16, base: Addr, entries: u32) -> Self {
        let cq = Addr(base.0 + 0x2000);
        Self { qid: Qid(qid), sq: base, cq, entries, tail: 0, head: 0, phase: true }
    }

    /// Sends commands and waits for as many completions, all of which must be good.
    fn perform(&mut self, dut: &mut VfioUser, sqes: &[Sqe]) {
        for sqe in sqes {
            let at = Addr(self.sq.0 + 64 * u64::from(self.tail));
            assert!(dut.memory().write(at, &sqe.to_bytes()));
            self.tail = (self.tail + 1) % self.entries;
        }
        self.ring(dut, DoorbellKind::SqTail, self.tail);
        for _ in sqes {
            let at = Addr(self.cq.0 + 16 * u64::from(self.head) + 12);
            let status = loop {
                let dword = dut.memory().load_acquire(at).unwrap();
                if (dword >> 16 & 1 != 0) == self.phase {
                    break dword >> 17;
                }
                dut.wait(u64::MAX).unwrap();
            };
            assert_eq!(status, 0);
            self.head = (self.head + 1) % self.entries;
            self.phase ^= self.head == 0;
        }
        self.ring(dut, DoorbellKind::CqHead, self.head);
    }

    fn ring(&self, dut: &mut VfioUser, kind: DoorbellKind, value: u32) {
        let offset = register::doorbell_offset(kind, self.qid.0, 0);
        dut.ring(CTRL, &[Doorbell { offset, value }]).unwrap();
    }
}

fn raw_turn(options: &Options, blocks: u32) -> f64 {
    let mut dut = VfioUser::open(options.clone()).unwrap();
    let base = dut.memory().base().0;
    let mut admin = Pair::new(0, Addr(base), 16);
    let mut io = Pair::new(1, Addr(base + 0x4000), ENTRIES);
    dut.write(CTRL, register::AQA, Width::U32, 0x000f_000f).unwrap();
    dut.write(CTRL, register::ASQ, Width::U64, admin.sq.0).unwrap();
    dut.write(CTRL, register::ACQ, Width::U64, admin.cq.0).unwrap();
    dut.write(CTRL, register::CC, Width::U32, 0x0046_0001).unwrap();
    while dut.read(CTRL, register::CSTS, Width::U32).unwrap() & 1 == 0 {}
    let entries = Entries(ENTRIES);
    let cq = CreateIoCq { qid: Qid(1), entries, pc: true, prp1: io.cq, ..CreateIoCq::default() };
    admin.perform(&mut dut, &[cq.sqe()]);
    let sq = CreateIoSq { qid: Qid(1), entries, pc: true, cqid: Qid(1), ..CreateIoSq::default() };
    admin.perform(&mut dut, &[CreateIoSq { prp1: io.sq, ..sq }.sqe()]);
    let sqes: Vec<Sqe> = (0..BATCH)
        .map(|n| {
            let prp1 = Addr(base + 0x10_000 + 4096 * u64::from(n));
            let slba = Lba(8 * u64::from(n));
            match blocks {
                0 => Flush { nsid: Nsid(1) }.sqe(),
                _ => Read { nsid: Nsid(1), slba, nlb: Entries(blocks), prp1, ..Read::default() }
                    .sqe(),
            }
            .with_cid(spec::Cid(n as u16))
        })
        .collect();
    io.perform(&mut dut, &sqes);
    let began = Instant::now();
    for _ in 0..BATCHES {
        io.perform(&mut dut, &sqes);
    }
    rate(began.elapsed())
}

fn lockstep_turn(options: &Options, blocks: u32) -> f64 {
    let mut dut = VfioUser::open(options.clone()).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let mut spent = Duration::ZERO;
    let run = bench.run_as("rates", 0, |lab| {
        let mut ctrl = lab.enabled_controller()?;
        ctrl.io_pair(Qid(1), Entries(ENTRIES))?;
        let mut batch: Box<dyn FnMut(&mut Ctl<'_>) -> lab::Outcome> = if blocks == 0 {
            let flushes: Vec<Sqe> = (0..BATCH).map(|_| Flush { nsid: Nsid(1) }.into()).collect();
            Box::new(move |ctrl| ctrl.batch(Qid(1), &flushes))
        } else {
            let buffers = ctrl.block_buffers(Nsid(1), blocks, BATCH)?;
            let lbas: Vec<Lba> = (0..BATCH).map(|n| Lba(8 * u64::from(n))).collect();
            Box::new(move |ctrl| ctrl.read_batch(Qid(1), &buffers, &lbas))
        };
        batch(&mut ctrl)?;
        let began = Instant::now();
        for _ in 0..BATCHES {
            batch(&mut ctrl)?;
        }
        spent = began.elapsed();
        Ok(())
    });
    assert_eq!(run.stop, None);
    assert!(run.findings.is_empty(), "{:?}", run.findings);
    rate(spent)
}
