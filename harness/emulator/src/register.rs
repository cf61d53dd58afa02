//! Registers, doorbells and resets of one controller. Base-2.3 §3.1.4, §3.6, §3.7.

use log::ResetKind;
use spec::event;
use spec::register::{self, Aqa, Cap, Cc, Crto, Csts, DoorbellKind};
use spec::{Sqe, Status};

use crate::config::Config;
use crate::controller::{Phase, Shutdown};
use crate::run::Run;
use crate::seam::{Check, MediaChange, ResetWork};

/// CC without its reserved bits and CRIME, which is read-only zero here.
const CC_WRITABLE: u32 = 0x00ff_fff1;
/// AQA without its reserved bits.
const AQA_WRITABLE: u32 = 0x0fff_0fff;

/// What an access did to others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    /// The other controllers lose their I/O queues: only ever by a defect.
    pub harms_others: bool,
}

/// CAP. Base-2.3 figure 36.
pub fn cap(config: &Config) -> Cap {
    Cap::new()
        .with_mqes_z((config.max_queue_entries - 1) as u16)
        .with_cqr(config.cqr)
        .with_to(config.to)
        .with_dstrd(config.dstrd)
        .with_css(1)
        .with_mpsmin(config.mpsmin)
        .with_mpsmax(config.mpsmax)
        .with_crms(u8::from(config.from(2, 0)))
}

impl Run<'_> {
    /// Reads the 4 bytes at `offset`, a multiple of 4. What is reserved, and doorbells, read 0.
    pub fn read_register(&mut self, offset: u32) -> u32 {
        let controller = &*self.controller;
        let half = |value: u64| (value >> (8 * (offset & 4))) as u32;
        let value = match offset {
            register::CAP..register::VS => half(cap(self.config).into_bits()),
            register::VS => self.config.version.to_raw(),
            register::INTMS | register::INTMC => controller.intm,
            register::CC => controller.cc.into_bits(),
            register::CSTS => self.csts().into_bits(),
            register::AQA => controller.aqa.into_bits(),
            register::ASQ..register::ACQ => half(controller.asq),
            register::ACQ..0x38 => half(controller.acq),
            register::CRTO if self.config.from(2, 0) => {
                Crto::new().with_crwmt(self.config.to.into()).into_bits()
            }
            _ => 0,
        };
        let defect = self.defect;
        defect.on_reg_read(&mut self.scene(), offset, value)
    }

    /// CSTS. Base-2.3 figure 42.
    fn csts(&self) -> Csts {
        let shst = match self.controller.shutdown {
            Shutdown::None => 0,
            Shutdown::Running(_) => 1,
            Shutdown::Done => 2,
        };
        let rdy = matches!(self.controller.phase, Phase::Ready | Phase::Disabling(_));
        Csts::new().with_rdy(rdy).with_cfs(self.controller.cfs).with_shst(shst)
    }

    /// Writes the 4 bytes at `offset`, a multiple of 4.
    pub fn write_register(&mut self, offset: u32, value: u32) -> Effects {
        let defect = self.defect;
        let Some(value) = defect.on_reg_write(&mut self.scene(), offset, value) else {
            return Effects::default();
        };
        let controller = &mut *self.controller;
        let low = |old: u64, mask: u32| old >> 32 << 32 | u64::from(value & mask);
        let high = |old: u64| old & u64::from(u32::MAX) | u64::from(value) << 32;
        match offset {
            register::INTMS => controller.intm |= value,
            register::INTMC => self.unmask(value),
            register::CC => return self.write_cc(Cc::from_bits(value & CC_WRITABLE)),
            register::AQA => controller.aqa = Aqa::from_bits(value & AQA_WRITABLE),
            register::ASQ => controller.asq = low(controller.asq, !0xfff),
            0x2c => controller.asq = high(controller.asq),
            register::ACQ => controller.acq = low(controller.acq, !0xfff),
            0x34 => controller.acq = high(controller.acq),
            register::DOORBELLS.. => {
                if let Some((kind, qid)) = register::doorbell_at(offset, self.config.dstrd) {
                    self.ring(kind, qid, value);
                }
            }
            _ => {}
        }
        Effects::default()
    }

    /// CC: enable, disable, shutdown. Base-2.3 §3.1.4.5, §3.5, §3.6.
    fn write_cc(&mut self, cc: Cc) -> Effects {
        let old = self.controller.cc;
        self.controller.cc = cc;
        let now = self.bus.now();
        let mut effects = Effects::default();
        if old.en() && !cc.en() {
            effects = self.reset(ResetKind::Controller);
            self.controller.cc = cc;
        }
        if !old.en() && cc.en() && cc.shn() == 0 && self.controller.shutdown == Shutdown::Done {
            self.controller.shutdown = Shutdown::None;
        }
        if matches!(cc.shn(), 1 | 2)
            && cc.shn() != old.shn()
            && self.controller.shutdown == Shutdown::None
        {
            self.controller.shutdown = Shutdown::Running(now + self.config.shutdown_us * 1000);
        }
        if !old.en() && cc.en() {
            self.begin_enable(now);
        }
        effects
    }

    /// RDY rises unless a shutdown is reported, or the fall of RDY has to be seen first.
    fn begin_enable(&mut self, now: u64) {
        let controller = &mut *self.controller;
        if controller.phase == Phase::Disabled && controller.shutdown == Shutdown::None {
            controller.phase = Phase::Enabling(now + self.config.ready_us * 1000);
        }
    }

    /// A Controller Level Reset of this controller. Base-2.3 §3.7.2; what survives: §3.7.2, §4.4.
    pub fn reset(&mut self, kind: ResetKind) -> Effects {
        let mut work = ResetWork {
            kind,
            deletes_queues: true,
            drops_commands: true,
            restores_features: true,
            drops_events: true,
            clears_intm: true,
            clears_admin_registers: kind != ResetKind::Controller,
            forgets_saved_features: false,
            lets_commands_run: false,
            harms_others: false,
            loses_cache: kind == ResetKind::PowerCycle,
            counts_power_cycle: true,
        };
        let defect = self.defect;
        defect.on_reset(&mut self.scene(), &mut work);
        if work.lets_commands_run {
            self.put_off_commands();
        }
        let (config, now) = (self.config, self.bus.now());
        let controller = &mut *self.controller;
        if work.drops_commands {
            controller.drop_commands();
        }
        controller.sqs[0] = None;
        controller.cqs[0] = None;
        if work.deletes_queues {
            controller.delete_io_queues();
        }
        if work.drops_events {
            controller.events.drop_all();
            controller.health.forget_events();
            controller.error_log.clear();
        }
        if kind == ResetKind::PowerCycle && work.counts_power_cycle {
            controller.health.lose_power(controller.shutdown, config.from(2, 0));
        }
        controller.health.busy.recount(0, now);
        if work.clears_intm {
            controller.intm = 0;
        }
        controller.cfs = false;
        controller.shutdown = Shutdown::None;
        controller.cc = Cc::new();
        let visible = controller.phase == Phase::Ready && kind == ResetKind::Controller;
        controller.phase = match visible {
            true => Phase::Disabling(now + config.disable_us * 1000),
            false => Phase::Disabled,
        };
        if work.clears_admin_registers {
            controller.aqa = Aqa::new();
            (controller.asq, controller.acq) = (0, 0);
        }
        if kind != ResetKind::Controller {
            controller.msix = crate::msix::Msix::new(config.vectors);
            controller.msi = 0;
        }
        if work.loses_cache {
            self.media.iter_mut().for_each(|namespace| namespace.lose_power());
        }
        self.reset_features(&work);
        Effects { harms_others: work.harms_others }
    }

    /// Features go back to saved or default values. Those of namespaces do so with the whole
    /// subsystem; in one that can have several controllers a reset of a single controller leaves
    /// them alone, by the texts after 2.0. Base-2.3 §4.4, figures 125 and 126.
    fn reset_features(&mut self, work: &ResetWork) {
        let config = self.config;
        if work.forgets_saved_features {
            self.controller.features.forget_saved();
        }
        if !work.restores_features {
            return;
        }
        self.controller.features.reset(config);
        self.controller.turn = self.controller.burst(config);
        let single = matches!(work.kind, ResetKind::Controller | ResetKind::FunctionLevel);
        if !single || config.controllers == 1 || !config.from(2, 1) {
            self.media.iter_mut().for_each(|namespace| namespace.error_recovery.reset());
        }
    }

    /// CSTS.RDY or CSTS.SHST reaches its new value.
    pub fn transition(&mut self) {
        let now = self.bus.now();
        match self.controller.phase {
            Phase::Enabling(due) if due <= now => return self.become_ready(),
            Phase::Disabling(due) if due <= now => {
                self.controller.phase = Phase::Disabled;
                if self.controller.cc.en() {
                    // Enabled again before RDY was seen to fall.
                    self.begin_enable(now);
                }
                return;
            }
            _ => {}
        }
        if matches!(self.controller.shutdown, Shutdown::Running(due) if due <= now) {
            self.controller.drop_commands();
            match self.flush_for_shutdown() {
                Ok(()) => self.controller.shutdown = Shutdown::Done,
                // There is no command to fail: the shutdown does not complete.
                Err(_) => {
                    self.controller.shutdown = Shutdown::None;
                    self.controller.cfs = true;
                }
            }
        }
    }

    /// What is in the volatile write cache is kept.
    fn flush_for_shutdown(&mut self) -> std::io::Result<()> {
        self.sqe = Sqe::default();
        let mut change = MediaChange { durable: true, done: true };
        let defect = self.defect;
        defect.on_media(&mut self.scene(), &mut change);
        if change.done { self.media.flush() } else { Ok(()) }
    }

    /// CC and AQA are latched. Values that the controller does not support are fatal.
    fn become_ready(&mut self) {
        let controller = &mut *self.controller;
        let cc = controller.cc;
        let pages = self.config.mpsmin..=self.config.mpsmax;
        let possible = cc.css() == 0
            && cc.ams() == 0
            && pages.contains(&cc.mps())
            && controller.aqa.asqs_z() != 0
            && controller.aqa.acqs_z() != 0;
        if !possible {
            controller.cfs = true;
            controller.phase = Phase::Disabled;
            return;
        }
        controller.create_admin_queues();
        controller.phase = Phase::Ready;
        // A saved configuration may want to hear of what is there already.
        self.review_health();
    }

    // ---- doorbells -------------------------------------------------------------------------

    /// A doorbell was written. Base-2.3 §3.3.1.3; PCIe Transport §3.1.2.
    fn ring(&mut self, kind: DoorbellKind, qid: u16, value: u32) {
        if !self.controller.finishes() {
            return;
        }
        match kind {
            DoorbellKind::SqTail => self.ring_tail(qid, value & 0xffff),
            DoorbellKind::CqHead => self.ring_head(qid, value & 0xffff),
        }
    }

    fn ring_tail(&mut self, sqid: u16, tail: u32) {
        let repeated = self.config.repeated_doorbell_is_invalid;
        let Some(sq) = self.controller.sq(sqid) else {
            return self.error_event(event::WRITE_TO_INVALID_DOORBELL_REGISTER);
        };
        let outside = tail >= sq.ring.entries;
        let added = sq.ring.distance(sq.tail, if outside { sq.tail } else { tail });
        let too_many = added > sq.ring.entries - 1 - sq.waiting();
        let invalid = outside || too_many || (repeated && tail == sq.tail);
        let found = self.refuse_if(Check::TailValue, invalid, Status::INTERNAL_ERROR).is_err();
        let Some(sq) = self.controller.sq_mut(sqid) else { return };
        if found {
            sq.errored = true;
            return self.error_event(event::INVALID_DOORBELL_WRITE_VALUE);
        }
        sq.tail = tail % sq.ring.entries;
        if sq.waiting() != 0 && !sq.errored {
            self.controller.list(sqid);
        }
        if sqid != 0 {
            let now = self.bus.now();
            self.controller.health.busy.begin(added.into(), now);
        }
    }

    fn ring_head(&mut self, cqid: u16, head: u32) {
        let repeated = self.config.repeated_doorbell_is_invalid;
        let Some(cq) = self.controller.cq(cqid) else {
            return self.error_event(event::WRITE_TO_INVALID_DOORBELL_REGISTER);
        };
        let outside = head >= cq.ring.entries;
        let posted = cq.ring.distance(cq.head, cq.tail);
        let released = cq.ring.distance(cq.head, if outside { cq.head } else { head });
        let invalid = outside || released > posted || (repeated && head == cq.head);
        if self.refuse_if(Check::HeadValue, invalid, Status::INTERNAL_ERROR).is_err() {
            return self.error_event(event::INVALID_DOORBELL_WRITE_VALUE);
        }
        let Some(cq) = self.controller.cq_mut(cqid) else { return };
        cq.head = head % cq.ring.entries;
        let vector = cq.iv;
        if released != 0 {
            self.acknowledge(vector);
        }
    }
}
