//! Enabling, disabling, resets and shutdown: what stops, what survives.
//!
//! Survival is that of the catalogue's survival table: queues, grants and pending events go with
//! every controller level reset, AQA, ASQ and ACQ stay at a Controller Reset only, features return
//! to their saved value or default, data stays but for what a volatile cache held when power went.

use log::ResetKind;
use spec::register::{Aqa, Cc};
use spec::requirement::{delete_io_sq, ready, reset, shutdown};
use spec::{Addr, Nsid, Req, Version};

use super::Judge;
use super::cell::Effect;
use super::claims::Standing;
use super::commands::Flight;
use super::queues::{Cq, Sq};
use super::report::Place;
use super::unit::{Shst, Transition};
use crate::state::{Controller, Feature, Phase};
use crate::truth::{Maybe, No, Truth, Yes};

/// CAP.TO, CRTO.CRWMT and CRTO.CRIMT count in units of 500 ms.
const UNIT: u64 = 500_000_000;

impl Judge {
    /// CC.EN was written from 0 to 1.
    pub(super) fn on_enable(&mut self, cc: Cc) {
        let ctrl = self.now.ctrl;
        if self.believed().phase == Phase::Disabling {
            // The text leaves it open what an enable before RDY = 0 does.
            let place = Place::at("CC.EN");
            self.inconclusive("CC.EN was set before CSTS.RDY was read as 0".into(), place);
            self.stop_everything(ctrl, reset::NOTHING_POSTED_AFTER);
            self.forget_structure(ctrl, ResetKind::Controller);
            self.lose(ctrl, None);
        } else {
            self.find_again(ctrl);
        }
        let deadline = self.enable_deadline(cc);
        let believed = self.believed();
        let (aqa, asq, acq) = (believed.aqa, believed.asq, believed.acq);
        let end = self.now.when.seen;
        self.credit_enable(aqa);
        let unit = self.unit();
        unit.enabled = true;
        unit.stopped_at = None;
        unit.rdy = Transition { deadline, reported: false };
        unit.last_change = end;
        if unit.shst.allows(2) && !unit.shst.allows(1) && cc.shn() == 0 {
            // One write of EN = 1 and SHN = 00b restarts a controller shut down while disabled.
            unit.shst = Shst::NORMAL.or(Shst::COMPLETE);
        }
        if cc.shn() == 0 {
            unit.shutting_down = false;
        }
        let sizes = aqa.map(|aqa| (u32::from(aqa.asqs_z()) + 1, u32::from(aqa.acqs_z()) + 1));
        if let (Some((sq_entries, cq_entries)), Some(asq), Some(acq)) = (sizes, asq, acq) {
            let sq_range = vec![(asq.0 & !0xfff, 64 * u64::from(sq_entries))];
            let cq_range = vec![(acq.0 & !0xfff, 16 * u64::from(cq_entries))];
            unit.clear_queues();
            unit.put_sq(0, Sq::new(0, sq_entries, sq_range));
            unit.put_cq(0, Cq::new(cq_entries, cq_range, true, 0));
        } else {
            let place = Place::at("CC.EN");
            self.inconclusive("the admin queues are not known: AQA, ASQ or ACQ".into(), place);
            self.lose(ctrl, None);
        }
        self.learn(ctrl, |controller| {
            controller.phase = Phase::Enabling;
            // Whatever reset came before, or power on, has dropped and unmasked all events.
            controller.events.error_masked = No;
        });
    }

    /// When RDY must be 1 after an enable: CRTO where CAP.CRMS says so, else CAP.TO.
    fn enable_deadline(&self, cc: Cc) -> Option<u64> {
        let believed = self.believed();
        let cap = believed.cap?;
        let units = match believed.crto.map(spec::register::Crto::from) {
            Some(crto) if cap.crms() != 0 && cc.crime() => u64::from(crto.crimt()),
            Some(crto) if cap.crms() != 0 => u64::from(crto.crwmt()),
            _ if cap.to() == 0xff => return None,
            _ => u64::from(cap.to()),
        };
        Some(self.now.when.seen + units * UNIT + self.profile.deadline_margin)
    }

    /// CC.EN was written from 1 to 0: a Controller Reset begins.
    pub(super) fn on_disable(&mut self, cc: Cc) {
        let ctrl = self.now.ctrl;
        let cap = self.believed().cap;
        let end = self.now.when.seen;
        let margin = self.profile.deadline_margin;
        let deadline =
            cap.filter(|c| c.to() != 0xff).map(|c| end + u64::from(c.to()) * UNIT + margin);
        self.find_again(ctrl);
        let unit = self.unit();
        unit.enabled = false;
        unit.rdy = Transition { deadline, reported: false };
        unit.shst = match (cc.shn(), unit.shst) {
            (0, Shst::NORMAL) => Shst::NORMAL,
            (0, Shst::COMPLETE) => Shst::COMPLETE.or(Shst::NORMAL),
            _ => Shst::NORMAL.or(Shst::OCCURRING).or(Shst::COMPLETE),
        };
        unit.shutting_down = cc.shn() != 0;
        self.learn(ctrl, |controller| controller.phase = Phase::Disabling);
    }

    /// RDY was read as 0 after a disable: the reset is over, and nothing is in flight.
    pub(super) fn on_disabled(&mut self) {
        let ctrl = self.now.ctrl;
        let unit = self.unit();
        let completed = unit.shst == Shst::COMPLETE.or(Shst::NORMAL);
        if completed && !unit.shutting_down {
            unit.shst = Shst::NORMAL;
        }
        self.stop_everything(ctrl, reset::NOTHING_POSTED_AFTER);
        self.unit().special.by_controller_reset = true;
        self.forget_structure(ctrl, ResetKind::Controller);
    }

    /// A reset by means outside the register file.
    pub(super) fn on_reset(&mut self, kind: ResetKind, all: bool) {
        let count = self.units.len() as u8;
        let all = all || kind >= ResetKind::Subsystem;
        let own = self.now.ctrl;
        for ctrl in (0..count).filter(|ctrl| all || *ctrl == own) {
            self.stop_everything(ctrl, reset::NOTHING_POSTED_AFTER);
            self.forget_structure(ctrl, kind);
            self.find_again(ctrl);
            let unit = &mut self.units[usize::from(ctrl)];
            unit.enabled = false;
            unit.cc_unsure = None;
            unit.reset_kind = Some(kind);
            unit.shutting_down = false;
            unit.shst = match (kind, unit.shst) {
                (ResetKind::PowerCycle | ResetKind::Subsystem, _) => Shst::NORMAL,
                (_, Shst::NORMAL | Shst::COMPLETE) => Shst::NORMAL,
                (_, old) => old.or(Shst::NORMAL).or(Shst::COMPLETE),
            };
            unit.masked.clear();
            unit.past_vectors.clear();
        }
        if kind == ResetKind::PowerCycle {
            self.media.power_loss();
        }
    }

    /// Everything in flight on `ctrl` is dropped; a CQE posted from now on breaks `late`.
    pub(super) fn stop_everything(&mut self, ctrl: u8, late: Req) {
        self.drain_all(ctrl);
        let at = self.now.when.seen;
        let unit = &mut self.units[usize::from(ctrl)];
        unit.stopped_at = Some(at);
        let mut dropped = Vec::new();
        unit.special.tail_moved = unit
            .sqs
            .first()
            .and_then(Option::as_ref)
            .is_some_and(|sq| !sq.tail.is_multiple_of(u64::from(sq.entries)));
        let had_queues = unit.sqs.len() > 1 || unit.cqs.len() > 1;
        for (qid, sq) in unit.sqs.iter_mut().enumerate() {
            let Some(sq) = sq else { continue };
            dropped.append(&mut sq.in_flight);
            if qid != 0 && sq.dead_since.is_none() && !unit.reset_sqs.contains(&(qid as u16)) {
                unit.reset_sqs.push(qid as u16);
            }
            sq.dead_since.get_or_insert(at);
        }
        unit.special.even_passes = 0;
        for (qid, cq) in unit.cqs.iter_mut().enumerate() {
            let Some(cq) = cq else { continue };
            if cq.dead_since.is_none() && !cq.phase() {
                unit.special.even_passes |= 1u64.checked_shl(qid as u32).unwrap_or(0);
            }
            if qid != 0 && cq.dead_since.is_none() && !unit.reset_cqs.contains(&(qid as u16)) {
                unit.reset_cqs.push(qid as u16);
            }
            cq.dead_since.get_or_insert(at);
        }
        unit.special.dropped = !dropped.is_empty();
        unit.special.queues_before = had_queues;
        unit.special.by_controller_reset = false;
        unit.special.admin_queue_written = false;
        unit.events = super::events::EventState::default();
        unit.special.dropped_events += std::mem::take(&mut unit.special.event_causes);
        unit.more.clear();
        unit.special.resets += 1;
        unit.special.dropped_aers = !unit.aers.is_empty();
        unit.special.deleted_busy = None;
        // What reset or shut down another controller is over for this one when it is reset itself.
        unit.special.other_was_reset = false;
        unit.special.other_was_shut_down = false;
        for (other, unit) in self.units.iter_mut().enumerate() {
            if other != usize::from(ctrl) && unit.enabled {
                unit.special.other_was_reset = true;
            }
        }
        self.media.mark_reset();
        for n in dropped {
            self.drop_command(n, late);
        }
    }

    /// Command `n` is dropped: no CQE is owed, and it may have done any part of its work.
    pub(super) fn drop_command(&mut self, n: u32, late: Req) {
        let (ctrl, sqid) = (self.commands[n].ctrl, self.commands[n].sqid);
        let unit = &mut self.units[usize::from(ctrl)];
        let cqid = unit.sq(sqid).map(|sq| sq.cqid);
        if let Some(cq) = cqid.and_then(|cqid| unit.cq(cqid)).filter(|cq| cq.dead_since.is_none()) {
            cq.orphans.push(n);
        }
        self.end_command(n, Flight::Dropped);
        self.commands[n].dropped = Some(late);
        self.stand(n, Standing::Other);
        self.settle_data(n, Effect::Possible);
        self.retire_command(n);
    }

    /// An error event was reported. Without a cause since the last reset it is one from before, if
    /// there was one: from 2.3 on it was dropped, and up to 2.2 it may come.
    pub(super) fn event_from_before(&mut self, n: u32) {
        let special = &mut self.unit().special;
        if special.event_causes > 0 {
            special.event_causes -= 1;
            return;
        }
        if special.dropped_events == 0 {
            return;
        }
        special.dropped_events -= 1;
        self.unit().events.may_come();
        self.unit().events.no_queue();
        let place = self.place_of(n);
        let because = "it was caused before the last reset, and by nothing since".to_string();
        let story = ("an error event".to_string(), "no completion".to_string(), because);
        self.broken(reset::PENDING_EVENTS_DROPPED, place, story);
    }

    /// The commands of a deleted submission queue are dropped.
    pub(super) fn delete_sq(&mut self, qid: u16) {
        let at = self.now.when.seen;
        let Some(sq) = self.unit().sq(qid) else { return };
        sq.dead_since = Some(at);
        let dropped = std::mem::take(&mut sq.in_flight);
        let (busy, cqid) = (sq.busy, sq.cqid);
        self.unit().special.deleted_busy = busy.then_some(cqid);
        for n in dropped {
            self.drop_command(n, delete_io_sq::NO_LATER_CQE);
        }
    }

    /// Shutdown was seen complete: what this controller completed is on the media, and what was
    /// outstanding is not any more.
    pub(super) fn on_shut_down(&mut self) {
        let ctrl = self.now.ctrl;
        let (normal, record) = (self.believed().cc.shn() == 1, self.now.record);
        if normal {
            self.media.flush(Nsid::BROADCAST, ctrl, record);
        }
        self.drain_all(ctrl);
        let unit = &mut self.units[usize::from(ctrl)];
        let sqs = unit.sqs.iter_mut().flatten();
        let dropped: Vec<u32> = sqs.flat_map(|sq| std::mem::take(&mut sq.in_flight)).collect();
        for n in dropped {
            self.drop_command(n, shutdown::NO_CQE_AFTER);
        }
        self.media.mark_shutdown();
        for (other, unit) in self.units.iter_mut().enumerate() {
            if other != usize::from(ctrl) && unit.enabled {
                unit.special.other_was_shut_down = true;
            }
        }
        self.agrees(if normal { shutdown::NORMAL } else { shutdown::ABRUPT });
        self.units[usize::from(ctrl)].was_shut_down = true;
        // One write of CC can begin a reset and a shutdown: RDY may still have to fall after it.
        if self.believed().phase != Phase::Disabling {
            self.learn(ctrl, |controller| controller.phase = Phase::ShutDown);
        }
    }

    /// What a reset of this kind does to the structure believed.
    fn forget_structure(&mut self, ctrl: u8, kind: ResetKind) {
        let wide = kind != ResetKind::Controller;
        // Up to 2.2 only a loss of power drops events that are pending.
        let drops = kind == ResetKind::PowerCycle
            || self.version(ctrl).is_some_and(|version| version >= Version::new(2, 3));
        self.reset_health(ctrl, drops);
        let enabling = self.worlds[0].controllers[usize::from(ctrl)].phase == Phase::Enabling;
        let mask = self.worlds[0].controllers[usize::from(ctrl)].intm.unwrap_or(0);
        let unit = &mut self.units[usize::from(ctrl)];
        unit.mask_reset |= mask;
        unit.unmasked = 0;
        self.learn(ctrl, |controller| {
            let shut_down = is_shut_down(controller);
            reset_controller(controller);
            let masked = &mut controller.events.health_masked;
            // No text says that a reset clears what is masked, short of a loss of power.
            *masked = if kind == ResetKind::PowerCycle { No } else { *masked & Maybe };
            let lives = &mut controller.lives;
            lives.resets += 1;
            if kind == ResetKind::PowerCycle {
                lives.power_losses += 1;
                lives.sudden_losses += u32::from(shut_down.is_no());
                lives.unsure_losses += u32::from(shut_down == Maybe);
            }
            lives.unsure += u32::from(enabling);
            if wide {
                controller.cc = Cc::new();
                controller.cc_known = true;
                controller.aqa = Some(Aqa::new());
                controller.asq = None::<Addr>;
                controller.acq = None;
                controller.msix = None;
            }
        });
    }

    /// RDY was read as 1 after an enable.
    pub(super) fn on_ready(&mut self) {
        let ctrl = self.now.ctrl;
        if self.unit().rdy.deadline.is_some() {
            self.agrees(ready::RISES_IN_TIME);
        }
        self.agrees(ready::ENABLE);
        if self.believed().csts.is_some_and(|csts| csts.shst() == 0) && self.unit().was_shut_down {
            self.unit().was_shut_down = false;
            self.agrees(shutdown::RESTART);
        }
        self.learn(ctrl, |controller| {
            controller.phase = Phase::Ready;
            controller.lives.readies += 1;
        });
    }
}

/// Whether CSTS.SHST is 10b: the controller told that power may go.
fn is_shut_down(controller: &Controller) -> Truth {
    match controller.phase {
        Phase::ShutDown => Yes,
        Phase::ShuttingDown => Maybe,
        Phase::Ready | Phase::Enabling => No,
        // A shutdown may have ended while the controller was disabled, or go on over a reset.
        Phase::Disabled | Phase::Disabling => Maybe,
    }
}

/// What every controller level reset does.
fn reset_controller(controller: &mut Controller) {
    controller.phase = Phase::Disabled;
    controller.intm = Some(0);
    controller.io_sqs.0.clear();
    controller.io_cqs.0.clear();
    controller.io_queue_was_created = false;
    controller.granted = crate::state::Granted::default();
    controller.granted_answered = false;
    controller.number_of_queues.current = None;
    reset_feature(&mut controller.volatile_write_cache);
    let unsaved = controller.claims.is_some_and(|claims| claims.oncs & 1 << 4 == 0);
    controller.features.reset(unsaved);
    controller.events = crate::state::Events { error_masked: No, ..controller.events };
    controller.error_log.read = false;
}

/// Current becomes the saved value if there is one, else the default; unknown if that is not known.
fn reset_feature(feature: &mut Feature) {
    feature.current = match feature.capabilities.map(|c| c & 1 != 0) {
        Some(true) => feature.saved,
        Some(false) => feature.default,
        None => None,
    };
    feature.since_reset = true;
}
