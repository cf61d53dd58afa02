//! Registers: what they may read as, and what writing them does.

use log::{RegisterWrite, ResetKind};
use spec::register::{self as reg, Aqa, Cc, Csts};
use spec::requirement::{power, ready, register as req, reset, shutdown};
use spec::{Addr, Req, Version};

use super::Judge;
use super::report::{Place, Story};
use super::unit::Shst;
use crate::choices::ChoiceId;
use crate::state::Phase;

/// Reserved bits of CC: 3:1 and 31:25.
const CC_RESERVED: u32 = 0xe | 0x7f << 25;
/// The fields of CC: EN, CSS, MPS, AMS, SHN, IOSQES, IOCQES, CRIME.
const CC_FIELDS: [u32; 8] = [1, 7 << 4, 0xf << 7, 7 << 11, 3 << 14, 0xf << 16, 0xf << 20, CC_CRIME];
/// CC.CRIME.
const CC_CRIME: u32 = 1 << 24;
/// Reserved bits of CSTS: 31:7.
const CSTS_RESERVED: u32 = !0x7f;
/// Reserved bits of AQA: 15:12 and 31:28.
const AQA_RESERVED: u32 = 0xf << 12 | 0xf << 28;

/// "`name` must be `value`, because": a register that does not read as it must.
pub(super) fn differs(name: &str, seen: u64, allowed: &str, because: &str) -> (Place, Story) {
    let story = (format!("{name} = {seen:X}h"), allowed.to_string(), because.to_string());
    (Place::at(format!("register {name}")), story)
}

/// Whether every bit of the access is 1.
fn is_ones(read: RegisterWrite) -> bool {
    read.value == u64::MAX >> (64 - 8 * u32::from(read.width.clamp(1, 8)))
}

impl Judge {
    /// The host read a register.
    pub(super) fn on_register_read(&mut self, read: RegisterWrite) {
        if self.is_lost() && read.offset != reg::CSTS {
            return;
        }
        self.coverage.register_reads += 1;
        let value = read.value;
        if is_ones(read) && matches!(read.offset, reg::CAP | reg::VS | reg::CC | reg::CSTS) {
            // What a function that is not there reads as. Reserved bits keep a controller from it.
            self.on_death("all registers read as ones".into());
            return;
        }
        match (read.offset, read.width) {
            (reg::CAP, 8) => self.read_cap(value),
            (reg::CAP, 4) | (0x04, 4) => self.read_cap_half(read),
            (reg::VS, 4) => self.read_vs(value as u32),
            (reg::INTMS | reg::INTMC, 4) => self.read_mask(value as u32),
            (reg::CC, 4) => self.read_cc(value as u32),
            (reg::CSTS, 4) => self.read_csts(value as u32),
            (reg::NSSR, 4) => self.read_nssr(value),
            (reg::AQA, 4) => self.read_aqa(value as u32),
            (reg::ASQ | reg::ACQ, 8) => self.read_base(read.offset, value),
            (reg::CRTO, 4) => self.read_crto(value as u32),
            (offset, _) => self.read_absent(offset, value),
        }
    }

    pub(super) fn same(&mut self, by: Req, name: &str, seen: u64, expected: u64, because: &str) {
        self.hold(by, seen == expected, |_| {
            differs(name, seen, &format!("{name} = {expected:X}h"), because)
        });
    }

    fn read_mask(&mut self, value: u32) {
        // With MSI-X configured the result is undefined.
        let believed = self.believed();
        let (Some(mask), None) = (believed.intm, believed.msix) else { return };
        let wrong = value ^ mask;
        let (unmasked, cleared) = (self.unit().unmasked, self.unit().mask_reset);
        let name = "interrupt mask";
        let (seen, expected) = (u64::from(value), u64::from(mask));
        // What acted last on a bit answers for it.
        if unmasked != 0 && (wrong == 0 || wrong & unmasked != 0) {
            self.same(req::INTMC, name, seen, expected, "INTMC cleared these bits");
        }
        if cleared != 0 && (wrong == 0 || wrong & cleared != 0) {
            self.same(reset::INTERRUPT_MASK, name, seen, expected, "a reset cleared it");
        }
        if wrong & (unmasked | cleared) == 0 {
            self.same(req::INTMS, name, seen, expected, "as written");
        }
    }

    fn read_cc(&mut self, value: u32) {
        let believed = self.believed();
        let (known, written) = (believed.cc_known, u32::from(believed.cc));
        let both_modes = believed.cap.is_none_or(|cap| cap.crms() == 3);
        let reserved = u64::from(value & CC_RESERVED);
        self.same(req::CC_RESERVED, "CC reserved bits", reserved, 0, "reserved");
        if !known {
            let ctrl = self.now.ctrl;
            self.learn(ctrl, |controller| {
                controller.cc = Cc::from(value & !CC_RESERVED);
                controller.cc_known = true;
            });
            return;
        }
        let mut fixed = !CC_RESERVED;
        if !both_modes {
            fixed &= !CC_CRIME;
            let crime = u64::from(value & CC_CRIME);
            self.same(req::CRIME_READ_ONLY, "CC.CRIME", crime, 0, "CAP.CRMS is not 11b");
        }
        let before = self.unit().cc_unsure;
        let differs_from = |other: u32| CC_FIELDS.map(|field| (value ^ other) & fixed & field != 0);
        let mut wrong = differs_from(written);
        if let Some(before) = before {
            // The write that cleared EN carried the other fields too. Each is now as that write or the
            // one before it said, or has its reset value.
            let (old, reset) = (differs_from(before), differs_from(0));
            for (n, wrong) in wrong.iter_mut().enumerate().skip(1) {
                *wrong &= old[n] && reset[n];
            }
            let (got, carried) = (value & fixed & !1, written & fixed & !1);
            if carried != 0 && (got == carried || got == 0) {
                let reading = usize::from(got == 0);
                self.shown(ChoiceId::FieldsOfDisable, reading, |_| Place::at("CC"));
            }
        }
        let agrees = !wrong.contains(&true);
        let (by, because) = match self.unit().reset_kind {
            Some(ResetKind::PowerCycle) if written == 0 => (power::RDY_CLEAR, "power was lost"),
            Some(ResetKind::Conventional) if written == 0 => (reset::CONVENTIONAL, "it was reset"),
            _ => (req::CC_READS_BACK, "as it was written"),
        };
        let (seen, expected) = (u64::from(value & fixed), u64::from(written & fixed));
        self.hold(by, agrees, |_| differs("CC", seen, &format!("CC = {expected:X}h"), because));
        if by != req::CC_READS_BACK && agrees {
            self.agrees(req::CC_READS_BACK);
        }
    }

    fn read_aqa(&mut self, value: u32) {
        let reserved = u64::from(value & AQA_RESERVED);
        self.same(req::AQA_RESERVED, "AQA reserved bits", reserved, 0, "reserved");
        if let Some(aqa) = self.believed().aqa {
            let (seen, expected) = (value & !AQA_RESERVED, u32::from(aqa) & !AQA_RESERVED);
            // What was written since the last reset says nothing of that reset.
            let by = match self.unit().special.admin_queue_written {
                true => req::ADMIN_QUEUE_PROGRAMMED,
                false => reset::ADMIN_QUEUE_REGISTERS,
            };
            self.same(
                by,
                "AQA",
                u64::from(seen),
                u64::from(expected),
                "as it was written or reset",
            );
        }
        let ctrl = self.now.ctrl;
        self.learn(ctrl, |controller| controller.aqa = Some(Aqa::from(value)));
    }

    fn read_base(&mut self, offset: u32, value: u64) {
        let (by, name) = match offset {
            reg::ASQ => (req::ASQ, "ASQ"),
            _ => (req::ACQ, "ACQ"),
        };
        let believed = self.believed();
        let written = if offset == reg::ASQ { believed.asq } else { believed.acq };
        self.same(by, &format!("{name} bits 11:0"), value & 0xfff, 0, "read-only 0");
        if let Some(written) = written {
            let expected = written.0 & !0xfff;
            self.same(by, name, value & !0xfff, expected, "as it was written");
        }
        let ctrl = self.now.ctrl;
        self.learn(ctrl, |controller| {
            let place = if offset == reg::ASQ { &mut controller.asq } else { &mut controller.acq };
            *place = Some(Addr(value & !0xfff));
        });
    }

    fn read_csts(&mut self, value: u32) {
        if self.unit().lost.is_some() {
            return;
        }
        let csts = Csts::from(value);
        let reserved = u64::from(value & CSTS_RESERVED);
        self.same(req::RESERVED_ZERO, "CSTS reserved bits", reserved, 0, "reserved");
        self.judge_shst(csts);
        self.judge_rdy(csts);
        if csts.cfs() {
            let place = Place::at("register CSTS");
            self.anomaly(Some(req::CSTS_CFS), place, "CSTS.CFS = 1: fatal".into());
            let ctrl = self.now.ctrl;
            self.lose(ctrl, None);
        }
        // PP is valid while the controller is ready. Nothing that a test asks for pauses it.
        if csts.rdy() && csts.pp() {
            let place = Place::at("register CSTS");
            self.anomaly(Some(req::CSTS_PP), place, "CSTS.PP = 1: processing is paused".into());
        } else if csts.rdy() {
            self.agrees(req::CSTS_PP);
        }
        let ctrl = self.now.ctrl;
        self.learn(ctrl, |controller| controller.csts = Some(csts));
    }

    /// RDY follows EN, within its time.
    fn judge_rdy(&mut self, csts: Csts) {
        let begun = self.now.when.not_before;
        let (enabled, was_reset) = (self.unit().enabled, self.unit().special.resets > 0);
        let phase = match self.believed().phase {
            Phase::ShuttingDown | Phase::ShutDown if enabled => Phase::Ready,
            Phase::ShuttingDown | Phase::ShutDown => Phase::Disabled,
            phase => phase,
        };
        let rdy = u64::from(csts.rdy());
        match phase {
            Phase::Disabled if self.believed().csts.is_none() && !enabled && !was_reset => {
                // The first look: another host may have left it enabled.
                if csts.rdy() {
                    let ctrl = self.now.ctrl;
                    self.unit().enabled = true;
                    self.learn(ctrl, |controller| controller.phase = Phase::Ready);
                    self.lose(ctrl, None);
                }
            }
            Phase::Disabled => {
                if self.unit().reset_kind == Some(ResetKind::PowerCycle) && rdy == 0 {
                    self.agrees(power::RDY_CLEAR);
                }
                self.same(reset::RDY_CLEAR, "CSTS.RDY", rdy, 0, "CC.EN = 0");
                if rdy == 0 {
                    self.credit_stopped();
                }
            }
            Phase::Enabling if csts.rdy() => self.on_ready(),
            Phase::Enabling => self.judge_deadline(ready::RISES_IN_TIME, begun, 0),
            Phase::Disabling if !csts.rdy() => {
                if self.unit().rdy.deadline.is_some() {
                    self.agrees(ready::FALLS_IN_TIME);
                }
                self.agrees(reset::RDY_CLEAR);
                self.agrees(ready::DISABLE);
                self.on_disabled();
                self.credit_stopped();
            }
            Phase::Disabling => self.judge_deadline(ready::FALLS_IN_TIME, begun, 1),
            _ => {
                let finding = self.hold(ready::ENABLE, csts.rdy(), |_| {
                    differs("CSTS.RDY", rdy, "CSTS.RDY = 1", "CC.EN = 1, and nothing reset it")
                });
                if !csts.rdy() {
                    let ctrl = self.now.ctrl;
                    self.lose(ctrl, finding);
                }
            }
        }
    }

    /// RDY still has its old value, in a look that began at `begun`.
    fn judge_deadline(&mut self, by: Req, begun: u64, old: u64) {
        let rdy = self.unit().rdy;
        let Some(deadline) = rdy.deadline.filter(|at| begun > *at && !rdy.reported) else { return };
        self.unit().rdy.reported = true;
        let because =
            format!("CC.EN was written long enough before: the deadline was {deadline} ns");
        let wanted = format!("CSTS.RDY = {}", 1 - old);
        self.hold(by, false, |_| differs("CSTS.RDY", old, &wanted, &because));
    }

    /// SHST follows SHN.
    fn judge_shst(&mut self, csts: Csts) {
        let (value, allowed) = (csts.shst(), self.unit().shst);
        let ctrl = self.now.ctrl;
        let shutting = self.unit().shutting_down;
        let by = if shutting { shutdown::RDY_UNCHANGED } else { shutdown::SHST_NORMAL };
        let legal = allowed.allows(value);
        let reset_over = self.believed().phase == Phase::Disabling && !csts.rdy() && !shutting;
        if reset_over && allowed == Shst::COMPLETE.or(Shst::NORMAL) {
            let shst = u64::from(value);
            self.same(shutdown::RESET_CLEARS_SHST, "CSTS.SHST", shst, 0, "the reset is over");
            return;
        }
        if self.believed().phase == Phase::Disabling
            && !shutting
            && value == 0
            && allowed == Shst::COMPLETE.or(Shst::NORMAL)
        {
            self.agrees(shutdown::RESET_CLEARS_SHST);
        }
        // ST says whose shutdown SHST reports; before 2.0 the bit was reserved.
        let known = self.version(ctrl).is_some_and(|version| version >= Version::new(2, 0));
        if known && shutting && value != 0 {
            let st = u64::from(csts.st());
            self.same(by, "CSTS.ST", st, 0, "CC.SHN asked for a shutdown of the controller alone");
        }
        self.hold(by, legal, |_| {
            let because = if shutting { "CC.SHN asked for a shutdown" } else { "no shutdown runs" };
            differs("CSTS.SHST", u64::from(value), "another state", because)
        });
        if !legal {
            self.unit().shst = Shst::NORMAL.or(Shst::OCCURRING).or(Shst::COMPLETE);
            return;
        }
        let unit = self.unit();
        unit.shst = match (value, shutting) {
            (0, true) => unit.shst,
            (0, false) => Shst::NORMAL,
            (1, _) => Shst::OCCURRING.or(Shst::COMPLETE),
            _ if allowed == Shst::COMPLETE.or(Shst::NORMAL) => allowed,
            _ => Shst::COMPLETE,
        };
        if shutting && value != 2 && self.unit().idle {
            self.shutdown_missing(value);
        } else if value == 2 && shutting && allowed != Shst::COMPLETE {
            self.on_shut_down();
        } else if shutting && value == 1 && self.unit().enabled {
            self.learn(ctrl, |controller| controller.phase = Phase::ShuttingDown);
        }
    }

    /// A shutdown was asked for and is not complete, but nothing more will come by itself. No clause
    /// gives it a time; a controller that has stopped working on it never ends it.
    fn shutdown_missing(&mut self, shst: u8) {
        let ctrl = self.now.ctrl;
        let normal = self.believed().cc.shn() == 1;
        let by = if normal { shutdown::NORMAL } else { shutdown::ABRUPT };
        let because = "CC.SHN asked for a shutdown, and the controller is idle".to_string();
        let story = (format!("CSTS.SHST = {shst:X}h"), "CSTS.SHST = 2h".to_string(), because);
        let place = Place::at("register CSTS");
        let finding = self.broken_as(by, crate::DivergenceKind::Silence, place, story);
        self.lose(ctrl, finding);
    }

    /// The host wrote a register.
    pub(super) fn on_register_write(&mut self, write: RegisterWrite) {
        self.unit().idle = false;
        let ctrl = self.now.ctrl;
        let value = write.value;
        if matches!(write.offset, reg::AQA | reg::ASQ | reg::ACQ | 0x2c | 0x34) {
            self.unit().special.admin_queue_written = true;
        }
        match (write.offset, write.width) {
            (reg::CC, 4) => self.write_cc(Cc::from(value as u32)),
            (reg::INTMS, 4) => {
                let unit = self.unit();
                unit.unmasked &= !(value as u32);
                unit.mask_reset &= !(value as u32);
                self.learn(ctrl, |c| c.intm = c.intm.map(|m| m | value as u32));
            }
            (reg::INTMC, 4) => {
                let unit = self.unit();
                unit.unmasked |= value as u32;
                unit.mask_reset &= !(value as u32);
                self.learn(ctrl, |c| c.intm = c.intm.map(|m| m & !(value as u32)));
            }
            (reg::AQA | reg::ASQ | reg::ACQ | 0x2c | 0x34, _) if self.unit().enabled => {
                // Writing them while enabled is not allowed to the host: the values are unknown.
                self.learn(ctrl, |c| {
                    c.aqa = None;
                    c.asq = None;
                    c.acq = None;
                });
            }
            (reg::AQA, 4) => self.learn(ctrl, |c| c.aqa = Some(Aqa::from(value as u32))),
            (reg::ASQ | reg::ACQ, 8) => self.learn(ctrl, |c| {
                let place = if write.offset == reg::ASQ { &mut c.asq } else { &mut c.acq };
                *place = Some(Addr(value));
            }),
            (offset @ (reg::ASQ | 0x2c | reg::ACQ | 0x34), 4) => self.learn(ctrl, |c| {
                let place = if offset < reg::ACQ { &mut c.asq } else { &mut c.acq };
                let old = place.map_or(0, |a| a.0);
                *place = Some(Addr(match offset {
                    reg::ASQ | reg::ACQ => old >> 32 << 32 | value & 0xffff_ffff,
                    _ => old & 0xffff_ffff | value << 32,
                }));
            }),
            (reg::NSSR, 4) if value as u32 == 0x4e56_4d65 => {
                self.gap("NVM Subsystem Reset through NSSR".into(), None);
                self.lose(ctrl, None);
            }
            _ => {}
        }
    }

    fn write_cc(&mut self, new: Cc) {
        let ctrl = self.now.ctrl;
        let old = self.believed().cc;
        let enabled = self.unit().enabled;
        self.unit().reset_kind = None;
        self.learn(ctrl, |controller| {
            controller.cc = new;
            controller.cc_known = true;
        });
        if new.en() {
            self.unit().cc_unsure = None;
        } else if enabled {
            self.unit().cc_unsure = Some(u32::from(old));
        }
        match (enabled, new.en()) {
            (false, true) => self.on_enable(new),
            (true, false) => self.on_disable(new),
            _ => {}
        }
        let asked = matches!(new.shn(), 1 | 2);
        if asked && (new.shn() != old.shn() || enabled != new.en()) {
            let unit = self.unit();
            unit.shutting_down = true;
            unit.shst = Shst::NORMAL.or(Shst::OCCURRING).or(Shst::COMPLETE);
            if new.en() {
                self.learn(ctrl, |controller| controller.phase = Phase::ShuttingDown);
            }
        }
    }
}
