//! How fast a DUT is driven: a register read, and commands raw (a client without log and judge) and in
//! lockstep, turn and turn about so that both meet the same machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dut::{Clock, Ctrl, Doorbell, Dut, Fault, Width};
use lab::{Bench, Ctl, Hazard, Settings};
use log::Perm;
use model::Profile;
use spec::command::{Command, CreateIoCq, CreateIoSq, Flush, Read};
use spec::register::{self, Cap, DoorbellKind};
use spec::{Addr, Entries, Lba, Nsid, Qid, Sqe};

use crate::lane::Lane;

/// The most commands of one doorbell.
pub const MOST: u32 = 32;
/// Commands of one turn, about: whole batches.
const TURN: u32 = 1600;
/// Entries of the I/O queues.
const ENTRIES: u32 = 64;
/// Register reads that are timed.
const READS: usize = 2000;
/// Looks at a slot before the DUT is waited for.
const LOOKS: u32 = 2000;
/// How long a raw command or a transition may take.
const PATIENCE: Duration = Duration::from_secs(10);
const CTRL: Ctrl = Ctrl(0);

/// The command of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Flush: a command without data.
    Flush,
    /// Reads of 4 KiB.
    Read,
}

/// What is done in a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Work {
    /// The command.
    pub kind: Kind,
    /// How many of one doorbell, 1 to [`MOST`].
    pub batch: u32,
}

impl Work {
    fn batches(self) -> u32 {
        TURN.div_ceil(self.batch)
    }

    /// How many commands a turn has.
    pub fn commands(self) -> u32 {
        self.batch * self.batches()
    }

    fn rate(self, spent: Duration) -> f64 {
        f64::from(self.commands()) / spent.as_secs_f64()
    }

    fn opcode(self) -> u8 {
        match self.kind {
            Kind::Flush => Flush::OPCODE,
            Kind::Read => Read::OPCODE,
        }
    }
}

/// Best and median.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    /// The best turn.
    pub best: f64,
    /// The median turn.
    pub median: f64,
}

impl Spread {
    fn new(mut all: Vec<f64>, best: impl Fn(&[f64]) -> f64) -> Self {
        all.sort_by(f64::total_cmp);
        Self { best: best(&all), median: all[all.len() / 2] }
    }

    /// Of rates: the highest is best.
    fn of_rates(all: Vec<f64>) -> Self {
        Self::new(all, |all| all[all.len() - 1])
    }
}

/// Commands per second of one kind of work.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rates {
    /// Without log and judge.
    pub raw: Spread,
    /// With both.
    pub lockstep: Spread,
    /// Findings about these very commands: what a judge costs that accuses is not told by rates.
    pub findings: usize,
}

/// How long a read of VS takes, in microseconds.
///
/// # Errors
/// Why the DUT cannot be opened or read, in words.
pub fn register_read(lane: &dyn Lane) -> Result<Spread, String> {
    let mut dut = lane.open().map_err(|error| error.to_string())?;
    let mut times = Vec::with_capacity(READS);
    for _ in 0..READS {
        let began = Instant::now();
        dut.read(CTRL, register::VS, Width::U32).map_err(|fault| fault.to_string())?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(Spread::new(times, |all| all[0]))
}

/// Measures `turns` turns each way, after one to warm up.
///
/// # Errors
/// Why the DUT cannot be opened, or what went wrong on it, in words.
pub fn rates(lane: &dyn Lane, work: Work, turns: usize) -> Result<Rates, String> {
    let (mut raw, mut lockstep, mut findings) = (Vec::new(), Vec::new(), 0);
    for turn in 0..turns.max(1) + 1 {
        let open = || lane.open().map_err(|error| error.to_string());
        let one = raw_turn(&mut *open()?, work).map_err(|fault| fault.to_string())?;
        let consent = lane.consent().map_err(|error| error.to_string())?;
        let (other, found) = lockstep_turn(&mut *open()?, work, consent)?;
        findings += found;
        if turn > 0 {
            raw.push(one);
            lockstep.push(other);
        }
    }
    Ok(Rates { raw: Spread::of_rates(raw), lockstep: Spread::of_rates(lockstep), findings })
}

fn late(what: &str) -> Fault {
    Fault::NoAnswer(format!("{what}: nothing within {} s", PATIENCE.as_secs()))
}

/// A queue pair, driven without a word written down.
struct Pair {
    qid: Qid,
    sq: Addr,
    cq: Addr,
    entries: u32,
    dstrd: u8,
    tail: u32,
    head: u32,
    phase: bool,
}

impl Pair {
    fn new(qid: u16, base: Addr, entries: u32, dstrd: u8) -> Self {
        let cq = Addr(base.0 + 0x2000);
        Self { qid: Qid(qid), sq: base, cq, entries, dstrd, tail: 0, head: 0, phase: true }
    }

    /// Sends commands and waits for as many completions, all of which must be good.
    fn perform(&mut self, dut: &mut dyn Dut, sqes: &[Sqe]) -> Result<(), Fault> {
        for sqe in sqes {
            let at = Addr(self.sq.0 + 64 * u64::from(self.tail));
            if !dut.memory().write(at, &sqe.to_bytes()) {
                return Err(Fault::Harness("the arena is too small".into()));
            }
            self.tail = (self.tail + 1) % self.entries;
        }
        self.ring(dut, DoorbellKind::SqTail, self.tail)?;
        for _ in sqes {
            let status = self.status(dut)?;
            if status != 0 {
                return Err(Fault::Refused(format!("a command ended with status {status:X}h")));
            }
            self.head = (self.head + 1) % self.entries;
            self.phase ^= self.head == 0;
        }
        self.ring(dut, DoorbellKind::CqHead, self.head)
    }

    /// Waits for the entry at the head; its status.
    fn status(&self, dut: &mut dyn Dut) -> Result<u32, Fault> {
        let at = Addr(self.cq.0 + 16 * u64::from(self.head) + 12);
        // A virtual clock goes only in `wait`.
        let patient = dut.capabilities().clock == Clock::Wall;
        let began = Instant::now();
        let mut looks = 0;
        loop {
            let dword = dut.memory().load_acquire(at).unwrap_or_default();
            if (dword >> 16 & 1 != 0) == self.phase {
                return Ok(dword >> 17);
            }
            looks += 1;
            if patient && looks % LOOKS != 0 {
                std::hint::spin_loop();
                continue;
            }
            if began.elapsed() > PATIENCE {
                return Err(late("a completion"));
            }
            dut.wait(dut.now().saturating_add(1_000_000))?;
            dut.drain(&mut |_| {});
        }
    }

    fn ring(&self, dut: &mut dyn Dut, kind: DoorbellKind, value: u32) -> Result<(), Fault> {
        let offset = register::doorbell_offset(kind, self.qid.0, self.dstrd);
        dut.ring(CTRL, &[Doorbell { offset, value }])
    }
}

/// Writes CC and waits until CSTS.RDY follows.
fn configure(dut: &mut dyn Dut, cc: u64) -> Result<(), Fault> {
    dut.write(CTRL, register::CC, Width::U32, cc)?;
    let began = Instant::now();
    while dut.read(CTRL, register::CSTS, Width::U32)? & 1 != cc & 1 {
        if began.elapsed() > PATIENCE {
            return Err(late("CSTS.RDY"));
        }
        dut.wait(dut.now().saturating_add(1_000_000))?;
    }
    Ok(())
}

fn raw_turn(dut: &mut dyn Dut, work: Work) -> Result<f64, Fault> {
    let (base, bytes) = (dut.memory().base(), dut.memory().bytes());
    dut.map(base, bytes, Perm::Both)?;
    let base = base.0;
    let cap = Cap::from(dut.read(CTRL, register::CAP, Width::U64)?);
    let mut admin = Pair::new(0, Addr(base), 16, cap.dstrd());
    let mut io = Pair::new(1, Addr(base + 0x4000), ENTRIES, cap.dstrd());
    configure(dut, 0)?;
    dut.write(CTRL, register::AQA, Width::U32, 0x000f_000f)?;
    dut.write(CTRL, register::ASQ, Width::U64, admin.sq.0)?;
    dut.write(CTRL, register::ACQ, Width::U64, admin.cq.0)?;
    configure(dut, 0x0046_0001)?;
    let entries = Entries(ENTRIES);
    let cq = CreateIoCq { qid: Qid(1), entries, pc: true, prp1: io.cq, ..CreateIoCq::default() };
    admin.perform(dut, &[cq.sqe()])?;
    let sq = CreateIoSq { qid: Qid(1), entries, pc: true, cqid: Qid(1), ..CreateIoSq::default() };
    admin.perform(dut, &[CreateIoSq { prp1: io.sq, ..sq }.sqe()])?;
    let sqe = |n: u32| match work.kind {
        Kind::Flush => Flush { nsid: Nsid(1) }.sqe(),
        Kind::Read => {
            let prp1 = Addr(base + 0x10_000 + 4096 * u64::from(n));
            let (slba, nlb) = (Lba(8 * u64::from(n)), Entries(8));
            Read { nsid: Nsid(1), slba, nlb, prp1, ..Read::default() }.sqe()
        }
    };
    let sqes: Vec<Sqe> = (0..work.batch).map(|n| sqe(n).with_cid(spec::Cid(n as u16))).collect();
    io.perform(dut, &sqes)?;
    let began = Instant::now();
    for _ in 0..work.batches() {
        io.perform(dut, &sqes)?;
    }
    let spent = began.elapsed();
    configure(dut, 0)?;
    Ok(work.rate(spent))
}

/// The rate, and how many findings there were about these commands.
fn lockstep_turn(dut: &mut dyn Dut, work: Work, consent: Hazard) -> Result<(f64, usize), String> {
    let settings = Settings { consent, ..Settings::default() };
    let mut bench = Bench::new(dut, Arc::new(Profile::default()), settings);
    let mut spent = Duration::ZERO;
    let run = bench.run_as("rates", 0, |lab| {
        let mut ctrl = lab.enabled_controller()?;
        ctrl.io_pair(Qid(1), Entries(ENTRIES))?;
        let mut batch: Box<dyn FnMut(&mut Ctl<'_>) -> lab::Outcome> = match work.kind {
            Kind::Flush => {
                let all: Vec<Sqe> =
                    (0..work.batch).map(|_| Flush { nsid: Nsid(1) }.into()).collect();
                Box::new(move |ctrl| ctrl.batch(Qid(1), &all))
            }
            Kind::Read => {
                let buffers = ctrl.block_buffers(Nsid(1), 8, work.batch)?;
                let lbas: Vec<Lba> = (0..work.batch).map(|n| Lba(8 * u64::from(n))).collect();
                Box::new(move |ctrl| ctrl.read_batch(Qid(1), &buffers, &lbas))
            }
        };
        batch(&mut ctrl)?;
        let began = Instant::now();
        for _ in 0..work.batches() {
            batch(&mut ctrl)?;
        }
        spent = began.elapsed();
        Ok(())
    });
    match run.stop {
        Some(stop) => Err(format!("in lockstep: {stop}")),
        None => {
            let own = |sqe: Sqe| sqe.opcode() == work.opcode() && sqe.nsid() == Nsid(1);
            let found = run.findings.iter().filter(|finding| finding.command.is_some_and(own));
            Ok((work.rate(spent), found.count()))
        }
    }
}
