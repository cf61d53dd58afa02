//! The units of work: fetch, execute, post, signal. Each is bounded; which comes next is chosen
//! here, by the policy where the specification leaves it open.

use spec::command::{self, Command};
use spec::event::EventDef;
use spec::{Cid, Cqe, Qid, Sqe, Status};

use crate::admin::{self, CommandDef};
use crate::config::Config;
use crate::controller::{Completion, Flight, Late, Phase, Signal};
use crate::nvm;
use crate::policy::Arbitration;
use crate::run::{Done, Outcome, Refusal, Run};
use crate::seam::{Bound, Check, Irq, Posting, Unit};

/// What a step did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Something that no host can see yet.
    Hidden,
    /// Something that a host can see: a CQE, a message, a change of CSTS.
    Seen,
    /// Nothing: there is something to do at this time.
    Until(u64),
    /// Nothing, and there will not be anything without the host.
    Idle,
}

impl Run<'_> {
    /// Does the next unit of work of this controller.
    pub fn step(&mut self) -> Work {
        let unit = self.choose();
        let defect = self.defect;
        match defect.next_work(&mut self.scene(), unit) {
            Unit::Transition => {
                self.transition();
                Work::Seen
            }
            Unit::Signal(at) => self.signal(at),
            Unit::Post(at) => self.post(at),
            Unit::Execute(at) => self.execute(at),
            Unit::Fetch(sqid) => self.fetch(sqid),
            Unit::Nothing => self.idle(),
        }
    }

    fn choose(&mut self) -> Unit {
        let now = self.bus.now();
        if self.controller.transition_due().is_some_and(|due| due <= now) {
            return Unit::Transition;
        }
        if !self.controller.finishes() || !self.bus.masters(self.controller.index) {
            return Unit::Nothing;
        }
        if let Some(at) = self.controller.signals.iter().position(|signal| signal.due <= now) {
            return Unit::Signal(at);
        }
        if let Some(at) = self.next_post(now) {
            return Unit::Post(at);
        }
        let ready = self.next_execute(now);
        let batch = self.config.policy.fetch_batch as usize;
        let eager = ready.is_none() || self.controller.fetched.len() < batch;
        if eager && let Some(sqid) = self.next_fetch() {
            return Unit::Fetch(sqid);
        }
        ready.map_or(Unit::Nothing, Unit::Execute)
    }

    /// Nothing is due: what a defect put off, or the next time that something is.
    fn idle(&mut self) -> Work {
        let settled = !matches!(self.controller.phase, Phase::Disabling(_));
        if settled && let Some(late) = self.controller.late.pop() {
            self.do_late(late);
            return Work::Hidden;
        }
        let now = self.bus.now();
        let controller = &*self.controller;
        let flights = |list: &[u16]| {
            let dues = list.iter().map(|at| controller.flights[usize::from(*at)].due);
            dues.filter(|due| *due > now).min()
        };
        let mut next = controller.transition_due();
        if controller.finishes() {
            let signal = controller.signals.iter().map(|signal| signal.due).min();
            let rest = [signal, flights(&controller.executed), flights(&controller.fetched)];
            next = rest.into_iter().flatten().chain(next).min();
        }
        // A transition that a defect holds up is due for ever: that is no work.
        next.filter(|due| *due > now).map_or(Work::Idle, Work::Until)
    }

    /// For a defect: every command of a queue that is in flight or waits to be fetched.
    pub fn put_off_commands(&mut self) {
        let flights = self.controller.fetched.iter();
        let mut late: Vec<_> =
            flights.map(|at| Late::Run(self.controller.flights[usize::from(*at)])).collect();
        for sqid in self.controller.ready_sqs.clone() {
            let Some(sq) = self.controller.sq(sqid).filter(|_| sqid != 0).cloned() else {
                continue;
            };
            let mut slot = sq.head;
            for _ in 0..sq.waiting() {
                let mut raw = [0; Sqe::BYTES];
                if self.bus.read(self.controller.index, sq.ring.slot(slot), &mut raw).is_ok() {
                    let sqe = Sqe::from_bytes(&raw);
                    late.push(Late::Run(Flight { sqe, sqid, ..Flight::default() }));
                }
                slot = sq.ring.after(slot);
            }
        }
        self.controller.late.extend(late);
    }

    /// What a defect put off.
    fn do_late(&mut self, late: Late) {
        self.bus.next_command();
        match late {
            Late::Write(at, bytes) => {
                // A fault here has nobody left to be reported to.
                let _ = self.bus.write(self.controller.index, at, &bytes);
            }
            Late::Run(flight) => {
                (self.sqe, self.sqid) = (flight.sqe, Qid(flight.sqid));
                let _ = self.dispatch();
            }
        }
    }

    // ---- fetch -----------------------------------------------------------------------------

    /// The queue to fetch from next, moved to the front of the list. Base-2.3 §3.4.4.
    fn next_fetch(&mut self) -> Option<u16> {
        if !self.controller.fetches() {
            return None;
        }
        let count = self.controller.ready_sqs.len();
        if count > 1 && self.config.policy.arbitration == Arbitration::Random {
            let chosen = self.controller.random.below(count as u64) as usize;
            self.controller.ready_sqs.swap(0, chosen);
        }
        for _ in 0..count {
            let sqid = *self.controller.ready_sqs.front()?;
            let Some(sq) = self.controller.sq_mut(sqid) else {
                self.controller.ready_sqs.pop_front();
                continue;
            };
            if sq.errored || sq.waiting() == 0 {
                sq.listed = false;
                self.controller.ready_sqs.pop_front();
                continue;
            }
            if self.may_fetch(sqid) {
                return Some(sqid);
            }
            self.next_turn();
        }
        None
    }

    /// Whether a queue with commands may be fetched from: a command that could not be completed for
    /// want of room in its Completion Queue stays where it is. Base-2.3 §3.3.1.2.1.
    fn may_fetch(&self, sqid: u16) -> bool {
        let Some(sq) = self.controller.sq(sqid) else { return false };
        let Some(cq) = self.controller.cq(sq.cqid) else { return false };
        let policy = &self.config.policy;
        sq.in_flight < policy.in_flight && (policy.overcommit || cq.promised < cq.free())
    }

    fn next_turn(&mut self) {
        self.controller.ready_sqs.rotate_left(1);
        self.controller.turn = self.controller.burst(self.config);
    }

    fn fetch(&mut self, sqid: u16) -> Work {
        self.bus.next_command();
        let Some(sq) = self.controller.sq(sqid) else { return Work::Hidden };
        let (slot, at) = (sq.head, sq.ring.slot(sq.head));
        let mut raw = [0; Sqe::BYTES];
        if self.bus.read(self.controller.index, at, &mut raw).is_err() {
            // Without the command there is nothing to complete with an error.
            self.controller.cfs = true;
            return Work::Seen;
        }
        (self.sqe, self.sqid) = (Sqe::from_bytes(&raw), Qid(sqid));
        let mut sqe = self.sqe;
        let defect = self.defect;
        defect.on_fetch(&mut self.scene(), &mut sqe);
        let mut aborted = false;
        if let Some(sq) = self.controller.sq_mut(sqid) {
            sq.head = sq.ring.after(slot);
            sq.in_flight += 1;
            aborted = sq.aborted.contains(&slot);
            sq.aborted.retain(|other| *other != slot);
            let cqid = sq.cqid;
            if let Some(cq) = self.controller.cq_mut(cqid) {
                cq.promised += 1;
            }
        }
        self.controller.turn = self.controller.turn.saturating_sub(1);
        if self.controller.turn == 0 && self.controller.ready_sqs.front() == Some(&sqid) {
            self.next_turn();
        }
        self.accept(sqe, sqid, aborted);
        Work::Hidden
    }

    /// Takes a fetched command in.
    fn accept(&mut self, sqe: Sqe, sqid: u16, aborted: bool) {
        let config = self.config;
        let latency = if sqid == 0 { config.admin_latency_ns } else { config.io_latency_ns };
        let delay = self.controller.delay(config.policy.execute_delay_ns);
        let due = self.bus.now() + latency + delay;
        let completion = Completion::default();
        let flight = Flight { sqe, sqid, due, completion, counted: true };
        let at = self.controller.take_flight(flight);
        let over_limit = sqid == 0 && sqe.opcode() == command::Abort::OPCODE && {
            let full = self.aborts_in_flight() > usize::from(config.acl_z);
            let status = Status::ABORT_COMMAND_LIMIT_EXCEEDED;
            self.refuse_if(Check::AbortLimit, full, status).is_err()
        };
        if aborted {
            if self.bound(Bound::VictimRuns, 0) != 0 {
                self.controller.late.push(Late::Run(flight));
            }
            self.finish(at, Err(Refusal(Status::COMMAND_ABORT_REQUESTED)));
        } else if over_limit {
            self.finish(at, Err(Refusal(Status::ABORT_COMMAND_LIMIT_EXCEEDED)));
        } else {
            self.controller.fetched.push(at);
        }
    }

    fn aborts_in_flight(&self) -> usize {
        let flights = self.controller.fetched.iter();
        let flights = flights.map(|at| &self.controller.flights[usize::from(*at)]);
        flights.filter(|f| f.sqid == 0 && f.sqe.opcode() == command::Abort::OPCODE).count()
    }

    // ---- execute ---------------------------------------------------------------------------

    /// The fetched command to execute next.
    fn next_execute(&mut self, now: u64) -> Option<usize> {
        let (controller, held) = (&mut *self.controller, self.config.policy.holds_io);
        let may_run = |flight: &Flight| flight.due <= now && !(held && flight.sqid != 0);
        let due = |at: &u16| may_run(&controller.flights[usize::from(*at)]);
        if self.config.policy.shuffle_execution && controller.fetched.len() > 1 {
            let ready = controller.fetched.iter().filter(|at| due(at)).count();
            let chosen = controller.random.clone().below(ready as u64) as usize;
            controller.random.number();
            let flights = &controller.flights;
            let due = |at: &u16| may_run(&flights[usize::from(*at)]);
            let mut places = controller.fetched.iter().enumerate().filter(|(_, at)| due(at));
            return places.nth(chosen).map(|(place, _)| place);
        }
        controller.fetched.iter().position(due)
    }

    fn execute(&mut self, place: usize) -> Work {
        if place >= self.controller.fetched.len() {
            return Work::Hidden;
        }
        let at = self.controller.fetched.remove(place);
        let flight = self.controller.flights[usize::from(at)];
        (self.sqe, self.sqid) = (flight.sqe, Qid(flight.sqid));
        let outcome = self.dispatch();
        if outcome == Ok(Done::Outstanding) {
            self.controller.uncount(at);
            self.controller.aers.push(at);
            self.report_events();
        } else {
            self.finish(at, outcome);
        }
        Work::Hidden
    }

    /// Common checks, then the command. Base-2.3 §4.1, figures 91 and 92.
    fn dispatch(&mut self) -> Outcome {
        let table = if self.sqid.is_admin() { admin::TABLE } else { nvm::TABLE };
        let opcode = self.sqe.opcode();
        let found: Option<&CommandDef> = table.iter().find(|entry| entry.opcode == opcode);
        self.refuse_if(Check::Opcode, found.is_none(), Status::INVALID_COMMAND_OPCODE)?;
        let Some(found) = found else { return self.success() };
        let fused = self.sqe.fuse() != 0;
        self.refuse_if(Check::Fuse, fused, Status::INVALID_FIELD_IN_COMMAND)?;
        let sgl = self.sqe.psdt() != 0;
        self.refuse_if(Check::Psdt, sgl, Status::INVALID_FIELD_IN_COMMAND)?;
        if !found.uses_nsid {
            self.check_nsid_unused()?;
        }
        (found.execute)(self)
    }

    /// A command that does not use NSID has it 0; before 2.0 FFFFFFFFh is fine too.
    /// Base-2.3 §4.1.1.
    pub fn check_nsid_unused(&mut self) -> Result<(), Refusal> {
        let nsid = self.sqe.nsid();
        let tolerated = nsid == spec::Nsid::BROADCAST && !self.config.from(2, 0);
        let wrong = nsid.0 != 0 && !tolerated;
        self.refuse_if(Check::NsidUnused, wrong, Status::INVALID_FIELD_IN_COMMAND)
    }

    /// A command has its outcome: its completion waits to be posted.
    fn finish(&mut self, at: u16, outcome: Outcome) {
        let completion = match outcome {
            Ok(Done::Now(dw0)) => Completion { status: Status::default(), dw0, dnr: false },
            Ok(Done::Outstanding) => Completion::default(),
            Err(Refusal(status)) => Completion { status, dw0: 0, dnr: fails_again(status) },
        };
        let due = self.bus.now() + self.controller.delay(self.config.policy.post_delay_ns);
        let flight = &mut self.controller.flights[usize::from(at)];
        flight.completion = completion;
        flight.due = due;
        self.controller.executed.push(at);
    }

    // ---- post ------------------------------------------------------------------------------

    /// The completion to post next: one whose queue has room.
    fn next_post(&mut self, now: u64) -> Option<usize> {
        let count = self.controller.executed.len();
        let start = match self.config.policy.shuffle_posting && count > 1 {
            true => self.controller.random.below(count as u64) as usize,
            false => 0,
        };
        (0..count).map(|n| (start + n) % count).find(|place| {
            let at = self.controller.executed[*place];
            self.controller.flights[usize::from(at)].due <= now && self.has_room(at)
        })
    }

    /// Whether the completion of a command can be posted. Base-2.3 §3.3.1.2.1.
    fn has_room(&mut self, at: u16) -> bool {
        let flight = &self.controller.flights[usize::from(at)];
        let (sqe, sqid) = (flight.sqe, flight.sqid);
        let Some(cq) = self.controller.sq(sqid).and_then(|sq| self.controller.cq(sq.cqid)) else {
            return false;
        };
        let free = u64::from(cq.free());
        (self.sqe, self.sqid) = (sqe, Qid(sqid));
        self.bound(Bound::CqFree, free) != 0
    }

    fn post(&mut self, place: usize) -> Work {
        if place >= self.controller.executed.len() {
            return Work::Hidden;
        }
        let at = self.controller.executed[place];
        if !self.post_now(at) {
            return Work::Hidden;
        }
        self.controller.executed.retain(|other| *other != at);
        Work::Seen
    }

    /// Posts the completion of a command at once, if there is room, and forgets the command. The
    /// caller takes it out of its list.
    pub fn post_now(&mut self, at: u16) -> bool {
        let (sqe_before, sqid_before) = (self.sqe, self.sqid);
        let posted = self.has_room(at) && self.write_cqe(at);
        (self.sqe, self.sqid) = (sqe_before, sqid_before);
        posted
    }

    fn write_cqe(&mut self, at: u16) -> bool {
        let flight = self.controller.flights[usize::from(at)];
        let Some(sq) = self.controller.sq(flight.sqid) else { return false };
        let (cqid, head) = (sq.cqid, sq.head as u16);
        let Some(cq) = self.controller.cq(cqid) else { return false };
        let Completion { status, dw0, dnr } = flight.completion;
        let cid = Cid((flight.sqe.dw[0] >> 16) as u16);
        let cqe = Cqe::new(dw0, Qid(flight.sqid), head, cid, status, dnr).with_phase(cq.phase);
        let mut posting = Posting { cqe, copies: 1 };
        let defect = self.defect;
        defect.on_cqe(&mut self.scene(), &mut posting);
        self.bus.next_command();
        for copy in 0..posting.copies {
            let Some(cq) = self.controller.cq_mut(cqid) else { return false };
            let address = cq.ring.slot(cq.tail);
            let cqe = if copy == 0 { posting.cqe } else { posting.cqe.with_phase(cq.phase) };
            cq.tail = cq.ring.after(cq.tail);
            cq.phase ^= cq.tail == 0;
            if self.bus.write(self.controller.index, address, &cqe.to_bytes()).is_err() {
                // The completion is lost, and with it the only way to report that.
                self.controller.cfs = true;
            }
        }
        self.controller.end_flight(at);
        if flight.sqid != 0 {
            let now = self.bus.now();
            self.controller.health.busy.end(now);
        }
        self.raise(cqid, !status.is_success());
        true
    }

    // ---- signal ----------------------------------------------------------------------------

    /// A completion was posted: an interrupt follows, if the queue has one. `at_once`: not held back
    /// by Interrupt Coalescing.
    fn raise(&mut self, cqid: u16, at_once: bool) {
        let Some(cq) = self.controller.cq(cqid).filter(|cq| cq.ien) else { return };
        let (msix, msi) = (self.controller.msix.enabled, self.controller.msi != 0);
        if !msix && !msi {
            return;
        }
        let vector = cq.iv;
        let now = self.bus.now();
        let coalesces = cqid != 0 && self.controller.features.coalesces(vector);
        if coalesces && let Some(held) = self.controller.held_signal(vector) {
            held.missing = held.missing.saturating_sub(1);
            if at_once || held.missing == 0 {
                (held.missing, held.due) = (0, now);
            }
            return;
        }
        if !msix && self.controller.unacknowledged(vector) > 1 {
            // MSI has told of the entries before it.
            return;
        }
        if coalesces && !at_once {
            let settings = self.controller.features.interrupt_coalescing();
            let due = now + u64::from(settings.time()) * 100_000;
            let missing = u32::from(settings.thr_z());
            self.controller.signals.push(Signal { due, vector, missing });
            return;
        }
        self.send_soon(vector);
    }

    /// A message goes out after the delay of the policy; one that waits already may do for both.
    pub fn send_soon(&mut self, vector: u16) {
        let waiting = self.controller.signals.iter().any(|signal| signal.vector == vector);
        if waiting && self.config.policy.coalesce {
            return;
        }
        let due = self.bus.now() + self.controller.delay(self.config.policy.signal_delay_ns);
        self.controller.signals.push(Signal { due, vector, missing: 0 });
    }

    fn signal(&mut self, place: usize) -> Work {
        if place >= self.controller.signals.len() {
            return Work::Hidden;
        }
        let vector = self.controller.signals.remove(place).vector;
        let mut irq = Irq { vector, ignore_masks: false, sent: true };
        let defect = self.defect;
        defect.on_irq(&mut self.scene(), &mut irq);
        let admitted = match self.controller.msix.enabled {
            true => self.controller.msix.admits(irq.vector),
            false => self.controller.msi_admits(irq.vector),
        };
        if irq.sent && (admitted || irq.ignore_masks) {
            self.bus.message(self.controller.index, irq.vector);
            return Work::Seen;
        }
        Work::Hidden
    }

    // ---- events ----------------------------------------------------------------------------

    /// An error occurred that is no command's: it is logged and reported.
    pub fn error_event(&mut self, event: EventDef) {
        let capacity = capacity_of_error_log(self.config);
        self.controller.error_log.add(capacity);
        self.raise_event(event);
    }

    /// An event occurred.
    pub fn raise_event(&mut self, event: EventDef) {
        self.controller.events.keep(event);
        self.report_events();
    }

    /// Completes outstanding requests with events that wait, except those whose type is masked.
    fn report_events(&mut self) {
        let mut place = 0;
        while let Some(&event) = self.controller.events.pending.get(place)
            && !self.controller.aers.is_empty()
        {
            let masked = self.controller.events.masks(&event);
            let defect = self.defect;
            if defect.on_event(&mut self.scene(), masked) {
                place += 1;
                continue;
            }
            self.controller.events.pending.remove(place);
            self.controller.events.mask(&event);
            let at = self.controller.aers.remove(0);
            self.finish(at, Ok(Done::Now(event.dword0().into_bits())));
        }
    }
}

/// Entries of the Error Information log (ELPE).
fn capacity_of_error_log(config: &Config) -> usize {
    usize::from(config.elpe_z) + 1
}

/// Whether a status means that the same command fails again (DNR).
fn fails_again(status: Status) -> bool {
    !matches!(
        status,
        Status::SUCCESSFUL_COMPLETION
            | Status::COMMAND_ABORT_REQUESTED
            | Status::COMMAND_ABORTED_DUE_TO_SQ_DELETION
            | Status::ABORT_COMMAND_LIMIT_EXCEEDED
            | Status::ASYNCHRONOUS_EVENT_REQUEST_LIMIT_EXCEEDED
            | Status::DATA_TRANSFER_ERROR
    )
}
