//! Looks, waits and sweeps: how a host observes.
//!
//! A host never sees an event, only looks, each with a beginning and an end. An empty look moves the
//! *not before* of the next record of its queue; it is recorded itself only when a wait gave up, in a
//! sweep, or when the DUT is idle. What the transport shows by itself (DMA, interrupts) is drained
//! before the completion that follows it is recorded.

use dut::{Event, Progress};
use log::{Body, EmptyLook, Interval, LookReason};
use spec::opcode::admin;
use spec::register::{self, Csts, DoorbellKind};
use spec::{Cqe, Fid, Qid, Sqe};

use crate::action::{CommandId, Condition, Patience, Seen};
use crate::core::Core;
use crate::host::Command;
use crate::queue::{Cq, Slots, Sq};
use crate::stop::Stop;

/// The most looks of one drain: a DUT that posts without end must not hold the host for ever.
const LOOKS_MAX: u32 = 1 << 17;

/// What becomes of a full completion queue that is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    IsMade,
    IsNotMade,
}

impl Core<'_> {
    /// One look at the head of a completion queue. An empty one only moves the queue's *not before*.
    pub fn look(&mut self, ctrl: u8, cqid: Qid) -> Result<Option<(Cqe, Option<CommandId>)>, Stop> {
        let begin = self.dut.now();
        let Some(cq) = self.host.controllers[usize::from(ctrl)].cq_mut(cqid) else {
            return Err(self.harness(&format!("look at CQ {cqid}, which does not exist")));
        };
        let Some((slot, cqe)) = cq.look(&self.arena) else {
            cq.quiet_until = begin;
            return Ok(None);
        };
        let not_before = cq.quiet_until;
        self.drain();
        let seen = self.dut.now();
        self.push(ctrl, Interval { not_before, seen }, Body::Completion { cqid, slot, cqe });
        let id = self.host.complete(ctrl, cqe);
        if let Some(id) = id {
            let command = self.command(id)?;
            self.note_completion(command, cqe);
        }
        Ok(Some((cqe, id)))
    }

    /// Looks at a completion queue until a look is empty. A full queue that nobody empties shows nothing
    /// new: with `room` it is given back as often as it is full.
    fn look_until_empty(&mut self, ctrl: u8, cqid: Qid, room: Room) -> Result<(), Stop> {
        for _ in 0..LOOKS_MAX {
            let full = |cq: &Cq| cq.owed() + 1 == cq.entries;
            if room == Room::IsMade && self.controller(ctrl).cq(cqid).is_some_and(full) {
                self.release(ctrl, cqid)?;
            }
            if self.look(ctrl, cqid)?.is_none() {
                return Ok(());
            }
        }
        Err(Stop::PatienceOver(format!("an end of completions in CQ {cqid}")))
    }

    /// Looks at every completion queue until a look is empty. Done once per wait of the DUT, so without a list
    /// of the queues.
    fn look_at_all_queues(&mut self, ctrl: u8) -> Result<(), Stop> {
        let mut next = Some(0);
        while let Some(cqid) = next.and_then(|qid| self.controller(ctrl).cqid_from(Qid(qid))) {
            self.look_until_empty(ctrl, cqid, Room::IsMade)?;
            next = cqid.0.checked_add(1);
        }
        Ok(())
    }

    /// Writes down an empty look at the head of a completion queue.
    pub fn record_empty_look(&mut self, ctrl: u8, cqid: Qid, reason: LookReason) {
        let Some(cq) = self.controller(ctrl).cq(cqid) else { return };
        let (slot, begun) = (cq.head as u16, cq.quiet_until);
        // The judge knows nothing of holds. What the host itself keeps in flight is not overdue, and nor
        // is what waits for it: neither during a hold nor until a quiet window after it. Such a look is
        // told as if the hold had just begun, which says less than is true, and accuses nobody.
        let window = self.judge.profile().quiet_window;
        let excuse = self.host.hold.filter(|_| self.controller(ctrl).is_ready());
        let not_before = match excuse {
            Some(hold) if !hold.is_over(begun, window) => begun.min(hold.since),
            _ => begun,
        };
        let when = Interval { not_before, seen: self.dut.now() };
        self.push(ctrl, when, Body::EmptyLook(EmptyLook { cqid, slot, reason }));
    }

    /// What a completion means to the host's own books.
    fn note_completion(&mut self, command: Command, cqe: Cqe) {
        if !command.sqid.is_admin() || !cqe.status().is_success() {
            return;
        }
        let (ctrl, dw) = (command.ctrl, command.sqe.dw);
        let qid = Qid(dw[10] as u16);
        match command.sqe.opcode() {
            admin::DELETE_IO_SUBMISSION_QUEUE => {
                if let Some(sq) = self.controller(ctrl).sq(qid) {
                    self.sweeps.push((ctrl, sq.cqid));
                }
                self.host.drop_sq(ctrl, qid);
            }
            admin::CREATE_IO_SUBMISSION_QUEUE => {
                let (slots, entries) = self.queue_memory(&command, Sqe::BYTES as u64);
                let sq = Sq::new(slots, entries, Qid((dw[11] >> 16) as u16));
                self.host.controllers[usize::from(ctrl)].put_sq(qid, sq);
            }
            admin::DELETE_IO_COMPLETION_QUEUE => {
                let cqs = &mut self.host.controllers[usize::from(ctrl)].cqs;
                cqs.get_mut(usize::from(qid.0)).map(Option::take);
            }
            admin::CREATE_IO_COMPLETION_QUEUE => {
                let (slots, entries) = self.queue_memory(&command, Cqe::BYTES as u64);
                let cq = Cq::new(slots, entries, self.dut.now());
                self.host.controllers[usize::from(ctrl)].put_cq(qid, cq);
            }
            admin::IDENTIFY => {
                let (cns, nsid) = (dw[10] as u8, dw[1]);
                self.host.identified.push((command.sqe.prp1(), cns, nsid, ctrl));
            }
            // DW0 bit 0 = 0: the command was aborted, so its queue is swept.
            admin::ABORT if cqe.dw0() & 1 == 0 => {
                if let Some(sq) = self.controller(ctrl).sq(qid) {
                    self.sweeps.push((ctrl, sq.cqid));
                }
            }
            admin::SET_FEATURES if dw[10] as u8 == Fid::NUMBER_OF_QUEUES.0 => {
                let granted = |raw: u32| (raw as u16).saturating_add(1);
                self.host.controllers[usize::from(ctrl)].granted =
                    Some((granted(cqe.dw0() & 0xffff), granted(cqe.dw0() >> 16)));
            }
            _ => {}
        }
    }

    /// Where the slots of a created queue lie.
    fn queue_memory(&self, command: &Command, entry_bytes: u64) -> (Slots, u32) {
        let entries = (command.sqe.dw[10] >> 16) + 1;
        let prp1 = command.sqe.prp1();
        if command.sqe.dw[11] & 1 != 0 {
            return (Slots::Contiguous(prp1.0 & !3), entries);
        }
        let page = self.controller(command.ctrl).page_bytes();
        let pages = (u64::from(entries) * entry_bytes).div_ceil(page);
        let read = |n: u64| {
            let mut entry = [0; 8];
            let inside = self.arena.read(spec::Addr(prp1.0 + 8 * n), &mut entry);
            if inside { u64::from_le_bytes(entry) } else { 0 }
        };
        (Slots::Paged(page, (0..pages).map(read).collect()), entries)
    }

    /// Looks again at the seen slots, then gives them back.
    pub fn release(&mut self, ctrl: u8, cqid: Qid) -> Result<Seen, Stop> {
        let dstrd = self.controller(ctrl).cap.map_or(0, |cap| cap.dstrd());
        let Some(cq) = self.host.controllers[usize::from(ctrl)].cq_mut(cqid) else {
            return Err(self.harness(&format!("release of CQ {cqid}, which does not exist")));
        };
        if cq.owed() == 0 {
            return Ok(Seen::Nothing);
        }
        let mut changed = Vec::new();
        cq.look_again(&self.arena, |slot, cqe| changed.push((slot, cqe)));
        cq.released = cq.head;
        let value = cq.head;
        for (slot, cqe) in changed {
            self.push_now(ctrl, Body::SlotChanged { cqid, slot, cqe });
        }
        let offset = register::doorbell_offset(DoorbellKind::CqHead, cqid.0, dstrd);
        self.send_doorbells(ctrl, DoorbellKind::CqHead, &[(cqid, dut::Doorbell { offset, value })])
    }

    // ---- waits

    /// Looks until `condition` holds. False if the patience is over first.
    pub fn wait(
        &mut self,
        ctrl: u8,
        condition: Condition,
        patience: Patience,
    ) -> Result<bool, Stop> {
        if let Condition::Register(..) = condition {
            return self.wait_for_register(ctrl, condition, patience);
        }
        let patience = self.patience(ctrl, condition, patience);
        let deadline = self.dut.now().saturating_add(patience);
        loop {
            if self.holds(ctrl, condition)? {
                return Ok(true);
            }
            let progress = self.dut.wait(deadline).map_err(|fault| self.fault(ctrl, fault))?;
            if progress == Progress::Ran && self.dut.now() < deadline {
                continue;
            }
            if let Some(met) = self.last_looks(ctrl, condition, progress)? {
                return Ok(met);
            }
        }
    }

    /// The wait is over: one more look, whose emptiness is kept. `None` if the looks have made room in
    /// a full queue, so that an idle DUT has work again.
    fn last_looks(
        &mut self,
        ctrl: u8,
        condition: Condition,
        progress: Progress,
    ) -> Result<Option<bool>, Stop> {
        let before = self.log.len();
        if self.holds(ctrl, condition)? {
            return Ok(Some(true));
        }
        self.drain();
        let idle = progress == Progress::Idle;
        let room = match condition {
            Condition::AllCompleted | Condition::Idle => Room::IsMade,
            _ => Room::IsNotMade,
        };
        let cqids = self.controller(ctrl).cqids();
        for &cqid in &cqids {
            self.look_until_empty(ctrl, cqid, room)?;
        }
        let rang = |record: &log::Record| matches!(record.body(), Body::Doorbell(_));
        if idle && self.log.records()[before..].iter().any(rang) {
            return Ok(None);
        }
        let reason = if idle { LookReason::Idle } else { LookReason::GaveUp };
        for cqid in cqids {
            self.record_empty_look(ctrl, cqid, reason);
        }
        // A wall clock shows no idleness, but quiet for the whole window is taken for it; a shorter
        // patience of the test's own says nothing.
        if idle || self.quiet_for(ctrl) >= self.judge.profile().quiet_window {
            self.push_now(ctrl, Body::Idle);
        }
        Ok(Some(condition == Condition::Idle || self.holds(ctrl, condition)?))
    }

    /// For how long nothing has happened that a DUT should have answered, in nanoseconds: the age of
    /// the newest doorbell or completion, and of the end of a hold.
    fn quiet_for(&self, ctrl: u8) -> u64 {
        let rung = self.log.records().iter().rev().find(|record| {
            record.ctrl == ctrl
                && matches!(record.body(), Body::Doorbell(_) | Body::Completion { .. })
        });
        let held_until = self.host.hold.map_or(0, |hold| hold.until.unwrap_or(u64::MAX));
        rung.map_or(0, |record| self.dut.now().saturating_sub(record.seen.max(held_until)))
    }

    /// One round of looks; whether the condition holds after it.
    fn holds(&mut self, ctrl: u8, condition: Condition) -> Result<bool, Stop> {
        match condition {
            Condition::Completed(id) => {
                let command = self.command(id)?;
                if !command.is_in_flight() {
                    return Ok(true);
                }
                let Some(cqid) = self.controller(ctrl).sq(command.sqid).map(|sq| sq.cqid) else {
                    return Ok(false);
                };
                // The completion of one command must not be waited for behind a full queue.
                while self.controller(ctrl).cq(cqid).is_some()
                    && let Some((_, found)) = self.look(ctrl, cqid)?
                {
                    if found == Some(id) {
                        return Ok(true);
                    }
                }
                Ok(!self.command(id)?.is_in_flight())
            }
            Condition::AllCompleted => {
                self.look_at_all_queues(ctrl)?;
                Ok(!self.owes_completions(ctrl))
            }
            Condition::Interrupt(vector) => {
                self.drain();
                let seen = &mut self.host.controllers[usize::from(ctrl)].interrupts;
                Ok(seen.get_mut(usize::from(vector)).is_some_and(|n| std::mem::take(n) != 0))
            }
            Condition::Idle => {
                self.look_at_all_queues(ctrl)?;
                Ok(false)
            }
            Condition::Held(count) => Ok(self.dut.held() >= count as usize),
            Condition::Register(..) => unreachable!("waits for registers have their own loop"),
        }
    }

    fn owes_completions(&self, ctrl: u8) -> bool {
        let controller = self.controller(ctrl);
        controller
            .sqs
            .iter()
            .flatten()
            .flat_map(|sq| &sq.in_flight)
            .any(|(_, id)| self.host.commands.get(id.0).is_some_and(Command::owes_completion))
    }

    fn patience(&self, ctrl: u8, condition: Condition, patience: Patience) -> u64 {
        match (patience, condition) {
            (Patience::Nanos(nanos), _) => nanos,
            // The time of the controller's own claim, and the profile's margin, and a little more: the
            // last look has to begin after the deadline.
            (Patience::Default, Condition::Register(..)) => self
                .controller(ctrl)
                .ready_timeout()
                .saturating_add(self.judge.profile().deadline_margin)
                .saturating_add(1_000_000),
            // A DUT may take fewer commands at a time than are waited for, and what it takes it takes
            // soon.
            (Patience::Default, Condition::Held(_)) => self.judge.profile().quiet_window / 2,
            (Patience::Default, _) => self.judge.profile().quiet_window,
        }
    }

    /// Polls a register. The first value and the last are recorded, and of the polls between them only
    /// the time of the last that saw no change.
    fn wait_for_register(
        &mut self,
        ctrl: u8,
        condition: Condition,
        patience: Patience,
    ) -> Result<bool, Stop> {
        let Condition::Register(offset, width, mask, wanted) = condition else { return Ok(false) };
        let patience = self.patience(ctrl, condition, patience);
        let deadline = self.dut.now().saturating_add(patience);
        let mut unchanged: Option<(u64, u64)> = None;
        loop {
            let (value, mut when) = self.peek_register(ctrl, offset, width)?;
            let met = value & mask == wanted;
            let over = when.not_before >= deadline || is_hopeless(offset, mask & wanted, value);
            let begin = when.not_before;
            let same = unchanged.is_some_and(|(_, old)| old == value);
            if !same || met || over {
                if let Some((since, _)) = unchanged.filter(|_| !same) {
                    when.not_before = since;
                }
                self.record_register_read(ctrl, offset, width, value, when);
            }
            if met {
                self.note_register_met(ctrl, offset, value)?;
            }
            if met || over {
                return Ok(met);
            }
            unchanged = Some((begin, value));
            self.wait_until_changed(ctrl, deadline)?;
        }
    }

    /// Lets the DUT run. Where it says that nothing will change, time passes to the deadline.
    fn wait_until_changed(&mut self, ctrl: u8, deadline: u64) -> Result<(), Stop> {
        let progress = self.dut.wait(deadline).map_err(|fault| self.fault(ctrl, fault))?;
        self.drain();
        if progress == Progress::Idle {
            self.push_now(ctrl, Body::Idle);
            self.dut.pass(deadline);
        }
        Ok(())
    }

    /// RDY = 0 was seen: what stands in the completion queues now was posted before, and the rest is late.
    fn note_register_met(&mut self, ctrl: u8, offset: u32, value: u64) -> Result<(), Stop> {
        let disabled = !Csts::from(value as u32).rdy() && !self.controller(ctrl).cc.en();
        if offset != register::CSTS || !disabled {
            return Ok(());
        }
        for cqid in self.controller(ctrl).cqids() {
            self.sweep_queue(ctrl, cqid)?;
        }
        self.host.forget_queues(ctrl);
        Ok(())
    }

    // ---- sweeps

    /// Sweeps the queues that this action asked for: one flushing read, then one poll of each.
    pub fn sweep_queues(&mut self) -> Result<(), Stop> {
        if self.sweeps.is_empty() {
            return Ok(());
        }
        let mut flushed = None;
        while let Some((ctrl, cqid)) = self.sweeps.pop() {
            if flushed != Some(ctrl) {
                self.read_register(ctrl, register::CSTS, 4)?;
                flushed = Some(ctrl);
            }
            if self.controller(ctrl).cq(cqid).is_some() {
                self.sweep_queue(ctrl, cqid)?;
            }
        }
        Ok(())
    }

    pub fn sweep_queue(&mut self, ctrl: u8, cqid: Qid) -> Result<(), Stop> {
        for _ in 0..LOOKS_MAX {
            if self.look(ctrl, cqid)?.is_none() {
                break;
            }
        }
        self.record_empty_look(ctrl, cqid, LookReason::Sweep);
        Ok(())
    }

    /// Looks at every slot of every completion queue: entries that were posted where none may be.
    pub fn look_at_all_slots(&mut self, ctrl: u8) -> Result<(), Stop> {
        for cqid in self.controller(ctrl).cqids() {
            self.sweep_queue(ctrl, cqid)?;
            let mut changed = Vec::new();
            if let Some(cq) = self.host.controllers[usize::from(ctrl)].cq_mut(cqid) {
                cq.look_everywhere(&self.arena, |slot, cqe| changed.push((slot, cqe)));
            }
            for (slot, cqe) in changed {
                self.push_now(ctrl, Body::SlotChanged { cqid, slot, cqe });
            }
        }
        Ok(())
    }

    // ---- what the transport shows by itself

    /// Writes down what the DUT and its transport have shown by themselves.
    pub fn drain(&mut self) {
        let (log, host, step) = (&mut self.log, &mut self.host, self.step as u16);
        self.dut.drain(&mut |event| match event {
            Event::Dma { ctrl, at, len, write, fault, time } => {
                let when = Interval { not_before: time, seen: time };
                log.push(ctrl.0, step, when, Body::Dma { at, len, write, fault });
            }
            Event::Interrupt { ctrl, vector, count, not_before, seen } => {
                let when = Interval { not_before, seen };
                log.push(ctrl.0, step, when, Body::Interrupt { vector, count });
                if let Some(controller) = host.controllers.get_mut(usize::from(ctrl.0)) {
                    let vectors = &mut controller.interrupts;
                    let at = usize::from(vector);
                    if vectors.len() <= at {
                        vectors.resize(at + 1, 0);
                    }
                    vectors[at] = vectors[at].saturating_add(count);
                }
            }
            Event::Line(_) => {}
        });
    }
}

/// Whether a wait for RDY = 1 has seen a fatal status (CSTS.CFS): then the controller does not become
/// ready, and the rest of its time would be waited for nothing.
fn is_hopeless(offset: u32, wanted: u64, value: u64) -> bool {
    let (wanted, value) = (Csts::from(wanted as u32), Csts::from(value as u32));
    offset == register::CSTS && wanted.rdy() && value.cfs() && !value.rdy()
}
