//! One controller: its registers, queues, commands in flight and features, as plain state.

use std::collections::VecDeque;

use log::random::Random;
use spec::register::{Aqa, Cc};
use spec::{Sqe, Status};

use crate::config::Config;
use crate::event::{ErrorLog, Events};
use crate::feature::Features;
use crate::health::Health;
use crate::msix::Msix;
use crate::queue::{Cq, Ring, Sq};

/// Where the controller is between disabled and ready. Base-2.3 §3.1.4.5, §3.1.4.6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// CSTS.RDY = 0 and nothing happens.
    Disabled,
    /// CC.EN = 1; CSTS.RDY becomes 1 at this time.
    Enabling(u64),
    /// CSTS.RDY = 1.
    Ready,
    /// CC.EN = 0; CSTS.RDY becomes 0 at this time.
    Disabling(u64),
}

/// CSTS.SHST. Base-2.3 §3.6.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// 00b: normal operation.
    None,
    /// 01b: complete at this time.
    Running(u64),
    /// 10b: complete.
    Done,
}

/// What a command ends with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Completion {
    /// Status.
    pub status: Status,
    /// Dword 0 of the CQE.
    pub dw0: u32,
    /// Do Not Retry.
    pub dnr: bool,
}

/// A command between fetch and posting.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flight {
    /// The command.
    pub sqe: Sqe,
    /// Its queue.
    pub sqid: u16,
    /// Not to be executed, or posted, before this time.
    pub due: u64,
    /// What it ends with, once executed.
    pub completion: Completion,
    /// It counts as in flight in its queues: all but outstanding Asynchronous Event Requests do.
    pub counted: bool,
}

/// A message to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Signal {
    /// Not before this time.
    pub due: u64,
    /// The vector.
    pub vector: u16,
    /// Held back by Interrupt Coalescing until so many more completions are there; 0 is not, or no
    /// longer.
    pub missing: u32,
}

/// Part of a data transfer: one page or a part of it.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Address in host memory.
    pub at: u64,
    /// How many bytes.
    pub len: u32,
}

/// What a defect put off until there is nothing else to do: never there in the correct controller.
#[derive(Clone, Debug)]
pub enum Late {
    /// Bytes to be written to host memory.
    Write(u64, Vec<u8>),
    /// A command to be executed without a completion.
    Run(Flight),
}

/// A controller. Everything in it is state: cloned by a mark, taken back by a rewind.
#[derive(Clone, Debug)]
pub struct Controller {
    /// Its index in the subsystem; CNTLID is the same number.
    pub index: usize,
    /// CC.
    pub cc: Cc,
    /// AQA.
    pub aqa: Aqa,
    /// ASQ.
    pub asq: u64,
    /// ACQ.
    pub acq: u64,
    /// The interrupt mask (INTMS, INTMC).
    pub intm: u32,
    /// CSTS.RDY and its transitions.
    pub phase: Phase,
    /// CSTS.SHST and its transitions.
    pub shutdown: Shutdown,
    /// CSTS.CFS.
    pub cfs: bool,
    /// Submission Queues by identifier; 0 is the admin queue.
    pub sqs: Vec<Option<Sq>>,
    /// Completion Queues by identifier; 0 is the admin queue.
    pub cqs: Vec<Option<Cq>>,
    /// Submission Queues with commands to fetch, in the order of their turns.
    pub ready_sqs: VecDeque<u16>,
    /// Commands that the queue at the front may still fetch in this turn.
    pub turn: u32,
    /// Commands in flight; those not named in a list or `free` do not exist.
    pub flights: Vec<Flight>,
    /// Unused entries of `flights`.
    pub free: Vec<u16>,
    /// Fetched and not executed, in the order of fetching.
    pub fetched: Vec<u16>,
    /// Executed and not posted, in the order of execution.
    pub executed: Vec<u16>,
    /// Outstanding Asynchronous Event Requests, oldest first.
    pub aers: Vec<u16>,
    /// Messages to be sent.
    pub signals: Vec<Signal>,
    /// Asynchronous events.
    pub events: Events,
    /// The Error Information log.
    pub error_log: ErrorLog,
    /// Feature values.
    pub features: Features,
    /// Counters over its life.
    pub health: Health,
    /// MSI-X.
    pub msix: Msix,
    /// The messages that MSI was granted (Multiple Message Enable), at most 32; 0: MSI is off.
    pub msi: u16,
    /// The draws of the policy.
    pub random: Random,
    /// The segments of the transfer at hand (kept to save the allocation).
    pub segments: Vec<Segment>,
    /// What a defect put off.
    pub late: Vec<Late>,
}

impl Controller {
    /// As after power on.
    pub fn new(index: usize, config: &Config) -> Self {
        Self {
            index,
            cc: Cc::new(),
            aqa: Aqa::new(),
            asq: 0,
            acq: 0,
            intm: 0,
            phase: Phase::Disabled,
            shutdown: Shutdown::None,
            cfs: false,
            sqs: vec![None; usize::from(config.io_sqs) + 1],
            cqs: vec![None; usize::from(config.io_cqs) + 1],
            ready_sqs: VecDeque::with_capacity(usize::from(config.io_sqs) + 1),
            turn: config.policy.burst,
            flights: Vec::new(),
            free: Vec::new(),
            fetched: Vec::new(),
            executed: Vec::new(),
            aers: Vec::new(),
            signals: Vec::new(),
            events: Events::default(),
            error_log: ErrorLog::default(),
            features: Features::new(config),
            health: Health::default(),
            msix: Msix::new(config.vectors),
            msi: 0,
            random: Random::new(config.policy.seed ^ index as u64),
            segments: Vec::new(),
            late: Vec::new(),
        }
    }

    /// The memory page size in bytes.
    pub const fn page(&self) -> u64 {
        self.cc.page_bytes()
    }

    /// A Submission Queue that exists.
    pub fn sq(&self, sqid: u16) -> Option<&Sq> {
        self.sqs.get(usize::from(sqid))?.as_ref()
    }

    /// A Submission Queue that exists.
    pub fn sq_mut(&mut self, sqid: u16) -> Option<&mut Sq> {
        self.sqs.get_mut(usize::from(sqid))?.as_mut()
    }

    /// A Completion Queue that exists.
    pub fn cq(&self, cqid: u16) -> Option<&Cq> {
        self.cqs.get(usize::from(cqid))?.as_ref()
    }

    /// A Completion Queue that exists.
    pub fn cq_mut(&mut self, cqid: u16) -> Option<&mut Cq> {
        self.cqs.get_mut(usize::from(cqid))?.as_mut()
    }

    /// The message of a vector that Interrupt Coalescing holds back.
    pub fn held_signal(&mut self, vector: u16) -> Option<&mut Signal> {
        self.signals.iter_mut().find(|signal| signal.vector == vector && signal.missing != 0)
    }

    /// Drops what Interrupt Coalescing holds back of vectors that no queue uses any more.
    pub fn drop_held_signals(&mut self) {
        let (cqs, signals) = (&self.cqs, &mut self.signals);
        let used = |vector| cqs.iter().flatten().any(|cq| cq.iv == vector);
        signals.retain(|signal| signal.missing == 0 || used(signal.vector));
    }

    /// How many commands are fetched from a queue in one turn: what the policy likes, as far as
    /// Arbitration Burst lets it. Base-2.3 §3.4.4.1.
    pub fn burst(&self, config: &Config) -> u32 {
        let most = self.features.arbitration().burst().unwrap_or(u32::MAX);
        config.policy.burst.min(most)
    }

    /// Whether any I/O queue exists.
    pub fn has_io_queues(&self) -> bool {
        self.sqs.iter().skip(1).any(Option::is_some) || self.cqs.iter().skip(1).any(Option::is_some)
    }

    /// Whether commands are fetched.
    pub const fn fetches(&self) -> bool {
        self.finishes() && matches!(self.shutdown, Shutdown::None)
    }

    /// Whether fetched commands are executed and completed.
    pub const fn finishes(&self) -> bool {
        matches!(self.phase, Phase::Ready) && !self.cfs && !matches!(self.shutdown, Shutdown::Done)
    }

    /// Makes the admin queue pair that AQA, ASQ and ACQ describe.
    pub fn create_admin_queues(&mut self) {
        let ring = |entries: u32, entry_shift, base| Ring {
            entries,
            entry_shift,
            page_shift: 12 + u32::from(self.cc.mps()),
            base,
            pages: Vec::new(),
        };
        let sq = ring(u32::from(self.aqa.asqs_z()) + 1, 6, self.asq);
        let cq = ring(u32::from(self.aqa.acqs_z()) + 1, 4, self.acq);
        self.sqs[0] = Some(Sq { ring: sq, ..Sq::default() });
        self.cqs[0] = Some(Cq { ring: cq, phase: true, ien: true, sqs: 1, ..Cq::default() });
    }

    /// Notes that a queue has something to fetch.
    pub fn list(&mut self, sqid: u16) {
        if let Some(sq) = self.sq_mut(sqid)
            && !sq.listed
        {
            sq.listed = true;
            self.ready_sqs.push_back(sqid);
        }
    }

    /// A place for a command in flight.
    pub fn take_flight(&mut self, flight: Flight) -> u16 {
        if let Some(at) = self.free.pop() {
            self.flights[usize::from(at)] = flight;
            return at;
        }
        self.flights.push(flight);
        (self.flights.len() - 1) as u16
    }

    /// Gives the place of a command back.
    pub fn end_flight(&mut self, at: u16) {
        self.uncount(at);
        self.free.push(at);
    }

    /// Takes a command out of the counts of its queues.
    pub fn uncount(&mut self, at: u16) {
        let flight = &mut self.flights[usize::from(at)];
        let sqid = flight.sqid;
        if std::mem::take(&mut flight.counted)
            && let Some(sq) = self.sq_mut(sqid)
        {
            sq.in_flight = sq.in_flight.saturating_sub(1);
            let cqid = sq.cqid;
            if let Some(cq) = self.cq_mut(cqid) {
                cq.promised = cq.promised.saturating_sub(1);
            }
        }
    }

    /// Whether INTx is asserted, if the function uses it: a Completion Queue with interrupts holds
    /// entries that the host has not released, and their vector is not masked. PCIe Transport §3.5.1.
    pub fn asserts_intx(&self) -> bool {
        let waits = |cq: &Cq| {
            let masked = self.intm.checked_shr(cq.iv.into()).is_some_and(|bits| bits & 1 != 0);
            cq.unacknowledged() != 0 && !masked
        };
        self.finishes() && self.cqs.iter().flatten().any(waits)
    }

    /// Deletes every I/O queue.
    pub fn delete_io_queues(&mut self) {
        self.sqs.iter_mut().skip(1).for_each(|sq| *sq = None);
        self.cqs.iter_mut().skip(1).for_each(|cq| *cq = None);
        self.ready_sqs.clear();
    }

    /// When CSTS.RDY or CSTS.SHST changes next.
    pub fn transition_due(&self) -> Option<u64> {
        let phase = match self.phase {
            Phase::Enabling(due) | Phase::Disabling(due) => Some(due),
            Phase::Disabled | Phase::Ready => None,
        };
        let shutdown = match self.shutdown {
            Shutdown::Running(due) => Some(due),
            Shutdown::None | Shutdown::Done => None,
        };
        phase.into_iter().chain(shutdown).min()
    }

    /// Drops every command that is in flight or outstanding.
    pub fn drop_commands(&mut self) {
        self.flights.clear();
        self.free.clear();
        self.fetched.clear();
        self.executed.clear();
        self.aers.clear();
        self.signals.clear();
    }

    /// A delay of the policy, at most `longest` nanoseconds.
    pub fn delay(&mut self, longest: u64) -> u64 {
        if longest == 0 { 0 } else { self.random.below(longest + 1) }
    }
}
