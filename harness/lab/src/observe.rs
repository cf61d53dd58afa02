//! Looks, waits and sweeps: how a host observes.
//!
//! A host never sees an event, only looks, each with a beginning and an end. An empty look moves the
//! *not before* of the next record of its queue; it is recorded itself only when a wait gave up, in a
//! sweep, or when the DUT is idle. What the transport shows by itself (DMA, interrupts) is drained
//! before the completion that follows it is recorded.

use dut::{Capability, Ctrl, Event, Progress};
use log::{Body, EmptyLook, Interval, LookReason, ResetKind};
use spec::register::{self, Csts, DoorbellKind};
use spec::{Cqe, Qid};

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
        let (slot, not_before) = (cq.head as u16, cq.quiet_until);
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
            0x00 => {
                if let Some(sq) = self.controller(ctrl).sq(qid) {
                    self.sweeps.push((ctrl, sq.cqid));
                }
                self.host.drop_sq(ctrl, qid);
            }
            0x01 => {
                let (slots, entries) = self.queue_memory(&command, 64);
                let sq = Sq::new(slots, entries, Qid((dw[11] >> 16) as u16));
                self.host.controllers[usize::from(ctrl)].put_sq(qid, sq);
            }
            0x04 => {
                let cqs = &mut self.host.controllers[usize::from(ctrl)].cqs;
                cqs.get_mut(usize::from(qid.0)).map(Option::take);
            }
            0x05 => {
                let (slots, entries) = self.queue_memory(&command, 16);
                let cq = Cq::new(slots, entries, self.dut.now());
                self.host.controllers[usize::from(ctrl)].put_cq(qid, cq);
            }
            0x06 => {
                let (cns, nsid) = (dw[10] as u8, dw[1]);
                self.host.identified.push((command.sqe.prp1(), cns, nsid, ctrl));
            }
            // DW0 bit 0 = 0: the command was aborted, so its queue is swept.
            0x08 if cqe.dw0() & 1 == 0 => {
                if let Some(sq) = self.controller(ctrl).sq(qid) {
                    self.sweeps.push((ctrl, sq.cqid));
                }
            }
            0x09 if dw[10] as u8 == 0x07 => {
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
        // While the host itself holds what the media are for, no I/O command is overdue: that they
        // give no completion says nothing of the DUT. Admin commands are not held.
        let held = self.caps.holds && self.dut.held() != 0;
        for cqid in cqids {
            if idle || !held || cqid.is_admin() {
                self.record_empty_look(ctrl, cqid, reason);
            }
        }
        // A wall clock shows no idleness, but quiet for the whole window is taken for it; a shorter
        // patience of the test's own says nothing.
        let window = self.judge.profile().quiet_window;
        if idle || (!held && self.quiet_for(ctrl) >= window) {
            self.push_now(ctrl, Body::Idle);
        }
        Ok(Some(condition == Condition::Idle || self.holds(ctrl, condition)?))
    }

    /// How long nothing was rung, in nanoseconds: the age of the newest doorbell record.
    fn quiet_for(&self, ctrl: u8) -> u64 {
        let rung = self.log.records().iter().rev().find(|record| {
            record.ctrl == ctrl
                && matches!(record.body(), Body::Doorbell(_) | Body::Completion { .. })
        });
        rung.map_or(0, |record| self.dut.now().saturating_sub(record.seen))
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
            // A DUT may take fewer commands at a time than are waited for. Half of the window, so that
            // the hold is over before the completion of an Admin command is overdue.
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

    fn sweep_queue(&mut self, ctrl: u8, cqid: Qid) -> Result<(), Stop> {
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

    // ---- interrupts and resets

    pub fn msix_enable(&mut self, ctrl: u8, vectors: u16) -> Result<Seen, Stop> {
        if vectors > self.caps.msix_vectors {
            return Err(self.lacks(Capability::MsixVectors, &format!("{vectors} MSI-X vectors")));
        }
        self.drain();
        self.dut.irq_setup(Ctrl(ctrl), vectors).map_err(|fault| self.fault(ctrl, fault))?;
        let controller = &mut self.host.controllers[usize::from(ctrl)];
        controller.msix = (vectors != 0).then_some(vectors);
        controller.interrupts.clear();
        self.push_now(ctrl, Body::MsixEnable { on: vectors != 0, vectors });
        Ok(Seen::Nothing)
    }

    pub fn msix_mask(&mut self, ctrl: u8, vector: u16, masked: bool) -> Result<Seen, Stop> {
        if !self.caps.msix_table {
            return Err(self.lacks(Capability::MsixTable, "access to the MSI-X table"));
        }
        self.drain();
        let not_before = self.dut.now();
        self.dut.irq_mask(Ctrl(ctrl), vector, masked).map_err(|fault| self.fault(ctrl, fault))?;
        let when = Interval { not_before, seen: self.dut.now() };
        self.push(ctrl, when, Body::MsixMask { vector, masked });
        self.drain();
        Ok(Seen::Nothing)
    }

    pub fn msix_pending(&mut self, ctrl: u8, vector: u16) -> Result<Seen, Stop> {
        if !self.caps.msix_table {
            return Err(self.lacks(Capability::MsixTable, "access to the MSI-X table"));
        }
        let not_before = self.dut.now();
        let pending =
            self.dut.irq_pending(Ctrl(ctrl), vector).map_err(|fault| self.fault(ctrl, fault))?;
        self.drain();
        let when = Interval { not_before, seen: self.dut.now() };
        self.push(ctrl, when, Body::MsixPending { vector, pending });
        Ok(Seen::Value(u64::from(pending)))
    }

    // ---- commands held in flight. The judge needs no record of it: commands may take any time.

    pub fn hold(&mut self) -> Result<Seen, Stop> {
        if !self.caps.holds {
            return Err(self.lacks(Capability::Holds, "commands that can be held in flight"));
        }
        self.push_text(0, "the media are held", |payload| Body::Note { payload });
        self.dut.hold().map_err(|fault| self.fault(0, fault))?;
        Ok(Seen::Nothing)
    }

    pub fn let_go(&mut self) -> Result<Seen, Stop> {
        self.push_text(0, "the media are let go", |payload| Body::Note { payload });
        self.dut.let_go().map_err(|fault| self.fault(0, fault))?;
        Ok(Seen::Nothing)
    }

    pub fn reset(&mut self, ctrl: u8, kind: ResetKind) -> Result<Seen, Stop> {
        if !self.caps.resets.contains(&kind) {
            return Err(self.lacks(Capability::Resets, &format!("a reset of kind {kind:?}")));
        }
        self.drain();
        let not_before = self.dut.now();
        let outcome = self.dut.reset(Ctrl(ctrl), kind).map_err(|fault| self.fault(ctrl, fault))?;
        self.drain();
        let when = Interval { not_before, seen: self.dut.now() };
        self.push(ctrl, when, Body::Reset { kind, all: outcome.all });
        let reached = if outcome.all { 0..self.caps.controllers } else { ctrl..ctrl + 1 };
        for ctrl in reached {
            let cqids = self.controller(ctrl).cqids();
            for cqid in cqids {
                self.sweep_queue(ctrl, cqid)?;
            }
            let controller = &mut self.host.controllers[usize::from(ctrl)];
            controller.cc = register::Cc::default();
            controller.rdy = Some(false);
            if outcome.msix_off {
                controller.msix = None;
            }
            self.host.forget_queues(ctrl);
        }
        Ok(Seen::Nothing)
    }
}

/// Whether a wait for RDY = 1 has seen a fatal status (CSTS.CFS): then the controller does not become
/// ready, and the rest of its time would be waited for nothing.
fn is_hopeless(offset: u32, wanted: u64, value: u64) -> bool {
    let (wanted, value) = (Csts::from(wanted as u32), Csts::from(value as u32));
    offset == register::CSTS && wanted.rdy() && value.cfs() && !value.rdy()
}
