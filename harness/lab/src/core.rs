//! The one door: `Core::perform` does an action, writes what was seen into the log, and lets the
//! judge catch up.

use std::sync::Arc;

use dut::{Capabilities, Capability, Ctrl, Dut, Fault, Width};
use log::{
    Body, Claim, DoorbellWrite, Interval, Log, PayloadRef, RegisterWrite, ResetKind, SubmitRef,
};
use model::{Judge, Profile};
use spec::register::{self, Cap, Cc, Csts, DoorbellKind};
use spec::{Addr, Qid};

use crate::action::{
    Action, Block, ClaimOn, CommandId, Condition, Hazard, Patience, Place, Seen, Word,
};
use crate::host::{Command, Controller, Host};
use crate::memory::{Memory, SharedArena};
use crate::sequence::Sequence;
use crate::snapshot::Spare;
use crate::stop::Stop;

/// How a lab treats its DUT, beside the profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The worst hazard that the owner of the DUT consents to.
    pub consent: Hazard,
    /// Every change of the judge's state is followed at once. Off only inside a batch.
    pub judge_each_step: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { consent: Hazard::Irreversible, judge_each_step: true }
    }
}

/// Everything that one test run touches.
pub(crate) struct Core<'d> {
    pub dut: &'d mut dyn Dut,
    pub arena: SharedArena,
    pub caps: Arc<Capabilities>,
    pub log: Log,
    pub judge: Judge,
    pub host: Host,
    pub sequence: Sequence,
    pub settings: Settings,
    /// The step that records belong to: 0 is bring-up, the n-th action of the sequence is step n.
    pub step: u32,
    /// Inside the lab's own work (bring-up, audit): nothing is kept in the sequence.
    pub hidden: u32,
    /// Completion queues to be swept at the end of this action.
    pub sweeps: Vec<(u8, Qid)>,
    /// No answer is to be expected any more.
    pub gone: bool,
    /// The judge and the host of an earlier test, for their memory.
    pub spare: Option<(Judge, Host)>,
}

impl<'d> Core<'d> {
    pub fn new(
        dut: &'d mut dyn Dut,
        profile: Arc<Profile>,
        settings: Settings,
        spare: &mut Spare,
    ) -> Self {
        let arena = Arc::clone(dut.memory());
        let caps = Arc::new(dut.capabilities().clone());
        let host = Host::new(Memory::new(&arena, dut.read_only()), caps.controllers);
        Self {
            dut,
            arena,
            caps,
            log: std::mem::take(&mut spare.log),
            judge: Judge::new(profile),
            host,
            sequence: std::mem::take(&mut spare.sequence),
            settings,
            step: 0,
            hidden: 0,
            sweeps: Vec::new(),
            gone: false,
            spare: spare.state.take(),
        }
    }

    /// Does one action. What it showed is in the log afterwards, and the judge has seen it.
    pub fn perform(&mut self, action: &Action) -> Result<Seen, Stop> {
        if self.hidden == 0 {
            self.step += 1;
            self.sequence.actions.push(action.clone());
        }
        let hazard = action.hazard(self.caps.controllers);
        if hazard > self.settings.consent {
            return Err(self.not_applicable(&format!("consent to {hazard} actions")));
        }
        if let Some(ctrl) = action.ctrl()
            && ctrl >= self.caps.controllers
        {
            let words = format!("{} controllers", u32::from(ctrl) + 1);
            return Err(self.lacks(Capability::Controllers, &words));
        }
        if self.gone {
            return Err(Stop::Gone("it was gone before this step".into()));
        }
        let seen = self.execute(action);
        let swept = self.sweep_queues();
        if self.settings.judge_each_step {
            self.judge.catch_up(&self.log);
        }
        let seen = seen?;
        swept?;
        match action {
            Action::Claim(_) => self.settle_claim(),
            _ => Ok(seen),
        }
    }

    fn execute(&mut self, action: &Action) -> Result<Seen, Stop> {
        match *action {
            Action::ReadReg { ctrl, offset, width } => {
                self.read_register(ctrl, offset, width).map(Seen::Value)
            }
            Action::WriteReg { ctrl, offset, width, value } => {
                let value = self.word(value)?;
                self.write_register(ctrl, offset, width, value)
            }
            Action::Submit { ctrl, sqid, id, sqe, links } => {
                self.submit(ctrl, sqid, id, sqe, links)
            }
            Action::Send { ctrl, sqid, id, sqe, links } => {
                self.submit(ctrl, sqid, id, sqe, links)?;
                let doorbell = self.tail_doorbell(ctrl, sqid)?;
                self.send_doorbells(ctrl, DoorbellKind::SqTail, &[doorbell])?;
                let met = self.wait(ctrl, Condition::Completed(id), Patience::Default)?;
                let cqid = self.controller(ctrl).sq(sqid).map(|sq| sq.cqid);
                if let Some(cqid) = cqid.filter(|cqid| self.controller(ctrl).cq(*cqid).is_some()) {
                    self.release(ctrl, cqid)?;
                }
                Ok(Seen::Met(met))
            }
            Action::Edit { id, dword, value } => self.edit(id, dword, value),
            Action::Ring { ctrl, sqid } => {
                let doorbell = self.tail_doorbell(ctrl, sqid)?;
                self.send_doorbells(ctrl, DoorbellKind::SqTail, &[doorbell])
            }
            Action::RingAll { ctrl } => {
                let controller = &self.host.controllers[usize::from(ctrl)];
                let moved = |qid: &Qid| controller.sq(*qid).is_some_and(|sq| sq.tail != sq.told);
                let sqids: Vec<Qid> = controller.sqids().into_iter().filter(moved).collect();
                let tails = sqids.into_iter().map(|sqid| self.tail_doorbell(ctrl, sqid));
                let doorbells = tails.collect::<Result<Vec<_>, Stop>>()?;
                self.send_doorbells(ctrl, DoorbellKind::SqTail, &doorbells)
            }
            Action::Doorbell { ctrl, kind, qid, value } => self.doorbell(ctrl, kind, qid, value),
            Action::Look { ctrl, cqid } => {
                let found = self.look(ctrl, cqid)?;
                Ok(found.map_or(Seen::Nothing, |(cqe, _)| Seen::Completion(cqe)))
            }
            Action::Wait { ctrl, condition, patience } => {
                self.wait(ctrl, condition, patience).map(Seen::Met)
            }
            Action::Release { ctrl, cqid } => self.release(ctrl, cqid),
            Action::Reset { ctrl, kind: ResetKind::Controller } => self.disable(ctrl),
            Action::Reset { ctrl, kind } => self.reset(ctrl, kind),
            Action::MsixEnable { ctrl, vectors } => self.msix_enable(ctrl, vectors),
            Action::MsixMask { ctrl, vector, masked } => self.msix_mask(ctrl, vector, masked),
            Action::MsixPending { ctrl, vector } => self.msix_pending(ctrl, vector),
            Action::Irq { ctrl } => {
                self.drain();
                let seen = &self.host.controllers[usize::from(ctrl)].interrupts;
                Ok(Seen::Value(seen.iter().map(|n| u64::from(*n)).sum()))
            }
            Action::Hold => self.hold(),
            Action::LetGo => self.let_go(),
            Action::Audit => self.audit(),
            Action::Enable { ctrl } => self.enable(ctrl),
            Action::Pair { ctrl, qid, entries } => self.pair(ctrl, qid, entries),
            _ => self.execute_on_memory(action),
        }
    }

    pub fn controller(&self, ctrl: u8) -> &Controller {
        &self.host.controllers[usize::from(ctrl)]
    }

    // ---- registers

    pub fn read_register(&mut self, ctrl: u8, offset: u32, width: u8) -> Result<u64, Stop> {
        let (value, when) = self.peek_register(ctrl, offset, width)?;
        self.record_register_read(ctrl, offset, width, value, when);
        Ok(value)
    }

    pub fn record_register_read(
        &mut self,
        ctrl: u8,
        offset: u32,
        width: u8,
        value: u64,
        when: Interval,
    ) {
        self.drain();
        self.push(ctrl, when, Body::RegisterRead(RegisterWrite { offset, width, value }));
        let controller = &mut self.host.controllers[usize::from(ctrl)];
        if offset == register::CAP && width == 8 && value != u64::MAX {
            controller.cap = Some(Cap::from(value));
        }
        if offset == register::CSTS && value as u32 != u32::MAX {
            controller.rdy = Some(Csts::from(value as u32).rdy());
        }
    }

    /// Reads a register without a record: a poll that may turn out to be empty.
    pub fn peek_register(
        &mut self,
        ctrl: u8,
        offset: u32,
        width: u8,
    ) -> Result<(u64, Interval), Stop> {
        let width = access(width).ok_or_else(|| self.harness("register access of odd width"))?;
        let not_before = self.dut.now();
        let value = self.dut.read(Ctrl(ctrl), offset, width);
        let seen = self.dut.now();
        let value = value.map_err(|fault| self.fault(ctrl, fault))?;
        Ok((value, Interval { not_before, seen }))
    }

    fn write_register(
        &mut self,
        ctrl: u8,
        offset: u32,
        width: u8,
        value: u64,
    ) -> Result<Seen, Stop> {
        let access = access(width).ok_or_else(|| self.harness("register access of odd width"))?;
        self.arena.publish();
        let not_before = self.dut.now();
        let written = self.dut.write(Ctrl(ctrl), offset, access, value);
        let seen = self.dut.now();
        written.map_err(|fault| self.fault(ctrl, fault))?;
        let when = Interval { not_before, seen };
        self.push(ctrl, when, Body::RegisterWrite(RegisterWrite { offset, width, value }));
        self.note_register(ctrl, offset, width, value);
        Ok(Seen::Nothing)
    }

    /// What a register write means to the host's own books.
    fn note_register(&mut self, ctrl: u8, offset: u32, width: u8, value: u64) {
        let now = self.dut.now();
        let controller = &mut self.host.controllers[usize::from(ctrl)];
        let half = |old: u64, high: bool| {
            if high { old & 0xffff_ffff | value << 32 } else { old & !0xffff_ffff | value }
        };
        const ASQ_HIGH: u32 = register::ASQ + 4;
        const ACQ_HIGH: u32 = register::ACQ + 4;
        match (offset, width) {
            (register::AQA, 4) => controller.aqa = value as u32,
            (register::ASQ, 8) => controller.asq = value,
            (register::ACQ, 8) => controller.acq = value,
            (register::ASQ, 4) => controller.asq = half(controller.asq, false),
            (ASQ_HIGH, 4) => controller.asq = half(controller.asq, true),
            (register::ACQ, 4) => controller.acq = half(controller.acq, false),
            (ACQ_HIGH, 4) => controller.acq = half(controller.acq, true),
            (register::CC, 4) => {
                let old = controller.cc;
                controller.cc = Cc::from(value as u32);
                if controller.cc.shn() != 0 {
                    controller.shut_down = true;
                }
                if controller.cc.en() && !old.en() {
                    controller.shut_down = controller.cc.shn() != 0;
                    self.host.open_admin_queues(ctrl, now);
                }
            }
            _ => {}
        }
    }

    // ---- doorbells

    /// The doorbell that tells the controller of all that was submitted to a queue.
    fn tail_doorbell(&mut self, ctrl: u8, qid: Qid) -> Result<(Qid, dut::Doorbell), Stop> {
        let dstrd = self.controller(ctrl).cap.map_or(0, |cap| cap.dstrd());
        let Some(sq) = self.host.controllers[usize::from(ctrl)].sq_mut(qid) else {
            return Err(self.harness(&format!("ring SQ {qid}, which does not exist")));
        };
        sq.told = sq.tail;
        let offset = register::doorbell_offset(DoorbellKind::SqTail, qid.0, dstrd);
        Ok((qid, dut::Doorbell { offset, value: sq.tail }))
    }

    fn doorbell(
        &mut self,
        ctrl: u8,
        kind: DoorbellKind,
        qid: Qid,
        value: u32,
    ) -> Result<Seen, Stop> {
        let controller = &mut self.host.controllers[usize::from(ctrl)];
        let dstrd = controller.cap.map_or(0, |cap| cap.dstrd());
        match kind {
            DoorbellKind::SqTail => {
                if let Some(sq) = controller.sq_mut(qid) {
                    sq.spoilt |= value >= sq.entries || value == sq.told;
                }
            }
            DoorbellKind::CqHead => {
                if let Some(cq) = controller.cq_mut(qid) {
                    let inside = value < cq.entries;
                    let given = (value % cq.entries + cq.entries - cq.released) % cq.entries;
                    cq.spoilt |= !inside || given == 0 || given > cq.owed();
                }
            }
        }
        let offset = register::doorbell_offset(kind, qid.0, dstrd);
        self.send_doorbells(ctrl, kind, &[(qid, dut::Doorbell { offset, value })])
    }

    pub fn send_doorbells(
        &mut self,
        ctrl: u8,
        kind: DoorbellKind,
        doorbells: &[(Qid, dut::Doorbell)],
    ) -> Result<Seen, Stop> {
        self.arena.publish();
        let not_before = self.dut.now();
        let rung = match doorbells {
            [(_, one)] => self.dut.ring(Ctrl(ctrl), &[*one]),
            all => {
                let all: Vec<_> = all.iter().map(|(_, doorbell)| *doorbell).collect();
                self.dut.ring(Ctrl(ctrl), &all)
            }
        };
        let seen = self.dut.now();
        rung.map_err(|fault| self.fault(ctrl, fault))?;
        for (qid, doorbell) in doorbells {
            let write = DoorbellWrite { kind, qid: *qid, value: doorbell.value };
            self.push(ctrl, Interval { not_before, seen }, Body::Doorbell(write));
        }
        Ok(Seen::Nothing)
    }

    // ---- claims

    fn settle_claim(&mut self) -> Result<Seen, Stop> {
        let record = self.log.len() as u32 - 1;
        match self.judge.claim_holds(record) {
            Some(false) => {
                let what = self.judge.findings().last().map_or_else(
                    || "the judge did not hold the test's claim true".to_string(),
                    |finding| format!("{}: {}", finding.place, finding.observed),
                );
                Err(Stop::Diverged(what))
            }
            _ => Ok(Seen::Nothing),
        }
    }

    pub fn claim(&mut self, claim: ClaimOn) -> Result<Seen, Stop> {
        let submit = |core: &mut Self, id| Ok(SubmitRef(core.command(id)?.record));
        let claim = match claim {
            ClaimOn::RefusedBy(id, req) => Claim::RefusedBy(submit(self, id)?, req),
            ClaimOn::Accepted(id) => Claim::Accepted(submit(self, id)?),
            ClaimOn::Ruled(id) => Claim::Ruled(submit(self, id)?),
            ClaimOn::InFlight(id) => Claim::InFlight(submit(self, id)?),
            ClaimOn::Judged(req) => Claim::Judged(req),
        };
        self.push_now(0, Body::Claim(claim));
        Ok(Seen::Nothing)
    }

    // ---- references

    pub fn command(&mut self, id: CommandId) -> Result<Command, Stop> {
        match self.host.commands.get(id.0) {
            Some(command) => Ok(*command),
            None => Err(self.harness(&format!("no command {id} was submitted"))),
        }
    }

    pub fn place(&mut self, place: Place) -> Result<Addr, Stop> {
        match place {
            Place::Raw(at) => Ok(at),
            Place::In(id, offset) => match self.host.memory.get(id) {
                Some(buffer) => Ok(Addr(buffer.at.0.wrapping_add(offset))),
                None => Err(self.harness(&format!("there is no buffer {id}"))),
            },
        }
    }

    pub fn word(&mut self, word: Word) -> Result<u64, Stop> {
        match word {
            Word::Raw(value) => Ok(value),
            Word::At(id, offset) => Ok(self.place(Place::In(id, offset))?.0),
        }
    }

    pub fn block(&mut self, nsid: u32, block: Block) -> Result<u64, Stop> {
        match block {
            Block::At(lba) => Ok(lba),
            Block::FromLast(n) => match self.host.namespace(nsid) {
                Some(namespace) => Ok(namespace.last().wrapping_add_signed(n)),
                None => Err(self.not_applicable(&format!("namespace {nsid}"))),
            },
        }
    }

    // ---- the log

    #[inline(always)]
    pub fn push(&mut self, ctrl: u8, when: Interval, body: Body) -> u32 {
        self.log.push(ctrl, self.step as u16, when, body)
    }

    /// A record of something that the host did by itself, at this moment.
    #[inline]
    pub fn push_now(&mut self, ctrl: u8, body: Body) -> u32 {
        let now = self.dut.now();
        self.push(ctrl, Interval { not_before: now, seen: now }, body)
    }

    pub fn push_text(&mut self, ctrl: u8, text: &str, body: impl FnOnce(PayloadRef) -> Body) {
        let payload = self.log.store(text.as_bytes());
        self.push_now(ctrl, body(payload));
    }

    /// Writes a Not Applicable record.
    pub fn not_applicable(&mut self, needs: &str) -> Stop {
        self.push_text(0, needs, |payload| Body::NotApplicable { payload });
        Stop::NotApplicable(needs.to_string())
    }

    /// As [`Self::not_applicable`], for what the transport cannot do.
    pub fn lacks(&mut self, what: Capability, needs: &str) -> Stop {
        self.not_applicable(&what.reason(needs))
    }

    /// Writes a record of our own failure.
    pub fn harness(&mut self, what: &str) -> Stop {
        self.push_text(0, what, |payload| Body::HarnessError { payload });
        Stop::Harness(what.to_string())
    }

    /// Writes down why an access gave no answer.
    pub fn fault(&mut self, ctrl: u8, fault: Fault) -> Stop {
        self.drain();
        match fault {
            Fault::Gone(why) => {
                self.gone = true;
                self.push_text(ctrl, &why, |payload| Body::Death { payload });
                Stop::Gone(why)
            }
            Fault::Refused(why) | Fault::NoAnswer(why) => {
                self.push_text(ctrl, &why, |payload| Body::Refusal { payload });
                Stop::Refused(why)
            }
            Fault::Harness(why) => self.harness(&why),
        }
    }
}

const fn access(bytes: u8) -> Option<Width> {
    Some(match bytes {
        1 => Width::U8,
        2 => Width::U16,
        4 => Width::U32,
        8 => Width::U64,
        _ => return None,
    })
}
