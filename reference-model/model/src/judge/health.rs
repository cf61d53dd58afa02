//! Events of type SMART / Health, and optional notices: whether the host has enabled them, and when the
//! temperature event is owed. Base-2.3 §5.2.2, §5.2.26.1.5.
//!
//! A controller measures by itself, so whether a temperature is beyond its threshold is known only of the
//! moments at which a page of health was made. The event is owed where the warning was surely not
//! raised, or its event not enabled, at one moment, and surely both at a later one, with a request
//! outstanding and nothing masked or cleared between.

use spec::command::{Command as _, GetFeatures, GetLogPage, SetFeatures};
use spec::event::AsyncEvent;
use spec::feature::AsynchronousEventConfiguration;
use spec::requirement::{
    async_event, async_event_request, event_configuration, get_log_page, reset,
};
use spec::{Fid, Lid, Req, Sqe, Version, opcode};

use super::Judge;
use super::report::Place;
use crate::DivergenceKind;
use crate::choices::ChoiceId;
use crate::rules::features::asynchronous_event_configuration::enabling;
use crate::rules::log_pages::{clears_event, smart_health};
use crate::truth::{No, Truth, Yes};

/// The bit of Feature 0Bh that enables the event of temperatures.
const TEMPERATURE: u32 = 1 << 1;
/// The bit that enables the notice of a temperature that is back within its threshold.
const RECOVERY: u32 = AsynchronousEventConfiguration::new().with_tthry(true).into_bits();

/// What the judge knows of events that the host enables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Health {
    /// Bits of Feature 0Bh that may have been 1 since the events that they enable were last cleared for
    /// sure, beside what is believed now: an event from then may still come.
    asked: u32,
    /// Bits that the host had set before a reset that drops what was pending.
    asked_before: u32,
    /// Bits that the host has set itself.
    set: u32,
    /// Record of the last Set Features 0Bh that was rung or completed.
    enabled_at: u32,
    /// The same of Feature 04h.
    thresholds_at: u32,
    /// The warning as the last page showed it, if no threshold may have changed since.
    warned: Option<bool>,
    /// The temperature event is owed once the warning is surely raised and enabled.
    armed: Option<Armed>,
    /// What was seen by commands rung before this record says nothing of events to come.
    void_before: u32,
    /// The temperature event is owed, by this requirement.
    owed: Option<Req>,
    /// It was caused while no request was outstanding.
    pub waits: bool,
    /// The host has read the page with RAE = 1, since the last event.
    retained: bool,
    /// A page showed no warning, since the last event.
    went: bool,
    /// The last page showed a warning, while a request was outstanding.
    stood: bool,
}

/// Since when the event is due.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Armed {
    by: Req,
    /// A request has been outstanding ever since.
    request: bool,
}

impl Default for Health {
    /// Nothing is known of what went before.
    fn default() -> Self {
        Self {
            asked: u32::MAX,
            asked_before: 0,
            set: 0,
            enabled_at: 0,
            thresholds_at: 0,
            warned: None,
            armed: None,
            void_before: 0,
            owed: None,
            waits: false,
            retained: false,
            went: false,
            stood: false,
        }
    }
}

impl Health {
    /// No request is outstanding any more.
    pub fn unrequested(&mut self) {
        self.owed = None;
        if let Some(armed) = &mut self.armed {
            armed.request = false;
        }
    }

    /// What was seen before `record` says nothing of events to come.
    fn void(&mut self, record: u32) {
        self.armed = None;
        self.owed = None;
        self.waits = false;
        self.void_before = self.void_before.max(record);
    }
}

/// The feature that a Get or Set Features is for.
fn feature_of(sqe: &Sqe) -> Option<Fid> {
    match sqe.opcode() {
        opcode::admin::SET_FEATURES => Some(SetFeatures::project(sqe).fid),
        opcode::admin::GET_FEATURES => Some(GetFeatures::project(sqe).fid),
        _ => None,
    }
}

fn sets(sqe: &Sqe, fid: Fid) -> bool {
    sqe.opcode() == opcode::admin::SET_FEATURES && feature_of(sqe) == Some(fid)
}

impl Judge {
    /// Set Features of one feature that are in flight, or completed and not ruled yet.
    fn setting(&self, fid: Fid) -> impl Iterator<Item = &Sqe> {
        let ctrl = self.now.ctrl;
        let rung = self.units[usize::from(ctrl)].structural.iter();
        let all = rung.chain(&self.deferred).map(|n| &self.commands[*n]);
        let own = all.filter(move |c| c.ctrl == ctrl && c.sqid == 0 && sets(&c.sqe, fid));
        own.map(|command| &command.sqe)
    }

    /// The bits of Feature 0Bh that may be 1 now.
    fn may_be_enabled(&self) -> u32 {
        let fid = Fid::ASYNCHRONOUS_EVENT_CONFIGURATION;
        let at = usize::from(self.now.ctrl);
        let worlds = self.worlds.iter().map(|world| world.controllers[at].features.value(fid, 0));
        let believed = worlds.fold(0, |bits, value| bits | value.current.unwrap_or(u32::MAX));
        self.setting(fid).fold(believed, |bits, sqe| bits | SetFeatures::project(sqe).cdw11)
    }

    /// Whether a bit of Feature 0Bh is surely 1 now.
    fn is_enabled(&self, bit: u32) -> bool {
        let fid = Fid::ASYNCHRONOUS_EVENT_CONFIGURATION;
        let at = usize::from(self.now.ctrl);
        let mut worlds =
            self.worlds.iter().map(|world| world.controllers[at].features.value(fid, 0));
        worlds.all(|value| value.current.is_some_and(|value| value & bit != 0))
            && self.setting(fid).next().is_none()
    }

    /// A Set Features was rung.
    pub(super) fn feature_rung(&mut self, n: u32) {
        let command = &self.commands[n];
        let (sqe, pointer, record) = (command.sqe, command.pointer, self.now.record);
        if sets(&sqe, Fid::TEMPERATURE_THRESHOLD) {
            let health = &mut self.unit().health;
            health.thresholds_at = record;
            health.warned = None;
        }
        if !sets(&sqe, Fid::ASYNCHRONOUS_EVENT_CONFIGURATION) {
            return;
        }
        // Command `n` is among those that may be setting it: its own bits count as well.
        let own = SetFeatures::project(&sqe).cdw11;
        let fid = Fid::ASYNCHRONOUS_EVENT_CONFIGURATION;
        let alone = self.setting(fid).count() == 1;
        let off = self.worlds.iter().all(|world| {
            let value = world.controllers[usize::from(self.now.ctrl)].features.value(fid, 0);
            value.current.is_some_and(|value| value & TEMPERATURE == 0)
        });
        let may = self.may_be_enabled();
        let request = self.requested(pointer);
        // Before 1.3 the text does not say that enabling a standing warning reports it.
        let told = self.version(self.now.ctrl).is_some_and(|version| version >= Version::new(1, 3));
        let health = &mut self.unit().health;
        health.asked |= may;
        health.set |= own;
        health.enabled_at = record;
        if off && alone && told {
            let by = match health.warned {
                Some(true) => event_configuration::ALREADY_TRUE,
                _ => async_event::TEMPERATURE,
            };
            health.armed = Some(Armed { by, request });
            health.owed = None;
        }
    }

    /// A Set Features completed: from here on its value is in force, or not.
    pub(super) fn feature_completed(&mut self, n: u32) {
        let (sqe, record) = (self.commands[n].sqe, self.now.record);
        let health = &mut self.unit().health;
        if sets(&sqe, Fid::ASYNCHRONOUS_EVENT_CONFIGURATION) {
            health.enabled_at = record;
        } else if sets(&sqe, Fid::TEMPERATURE_THRESHOLD) {
            health.thresholds_at = record;
            health.warned = None;
        }
    }

    /// Whether Feature 04h may have changed since record `rung`, or what is believed of it is not decided.
    pub(super) fn thresholds_changed(&self, rung: u32) -> bool {
        let at = usize::from(self.now.ctrl);
        let fid = Fid::TEMPERATURE_THRESHOLD;
        let first = &self.worlds[0].controllers[at].features;
        self.units[at].health.thresholds_at >= rung
            || self.setting(fid).next().is_some()
            || !self.worlds.iter().all(|w| w.controllers[at].features.agree_on(first, fid))
    }

    /// Whether a request is outstanding that the controller had fetched before the command at `pointer` of
    /// the admin queue: entries of one queue are fetched in their order.
    fn requested(&self, pointer: u64) -> bool {
        let unit = &self.units[usize::from(self.now.ctrl)];
        unit.aers.iter().any(|n| self.commands[*n].pointer < pointer)
    }

    /// What is believed of the mask of SMART / Health events.
    pub(super) fn health_masked(&self) -> Truth {
        self.believed().events.health_masked
    }

    /// An event of type SMART / Health was reported.
    pub(super) fn on_health_event(&mut self, event: AsyncEvent, place: Place) {
        let bits = enabling(event);
        let enabled = self.was_asked(event, bits, async_event::SMART_DISABLED, &place);
        let masked = self.health_masked() == Yes && !self.clearing(Lid::SMART_HEALTH_INFORMATION);
        self.hold(async_event::MASKED_UNTIL_CLEARED, !masked, |_| {
            let because = "a SMART / Health event was reported, and log page 02h was not read \
                           since with RAE = 0"
                .to_string();
            (place.clone(), ("another one".into(), "no completion".into(), because))
        });
        let (record, on) = (self.now.record, self.is_enabled(bits));
        let moved = self.host_moves_a_threshold();
        let health = &mut self.unit().health;
        let due = health.owed.or(health.armed.map(|armed| armed.by));
        let by_host = on || moved || health.set & bits != 0;
        health.void(record);
        (health.retained, health.went) = (false, false);
        if !enabled {
            return;
        }
        // Of a warning that no threshold of the host's raises, no healthy controller tells.
        if !by_host || bits != TEMPERATURE {
            self.unsolicited(event, place);
            return;
        }
        self.agrees(async_event_request::ONLY_FOR_EVENTS);
        if let Some(due) = due {
            self.agrees(due);
        }
        if self.believed().events.error_masked == Yes {
            self.agrees(async_event::MASKED_BY_TYPE);
        }
        self.queued_event_came();
    }

    /// A notice was reported that the host enables by a bit of Feature 0Bh, or another event.
    pub(super) fn on_other_event(&mut self, event: AsyncEvent, place: Place) {
        let enabled = match enabling(event) {
            0 => true,
            bits => self.was_asked(event, bits, async_event::OPTIONAL_DISABLED, &place),
        };
        if enabled {
            self.unsolicited(event, place);
        }
    }

    /// Whether one of these bits of Feature 0Bh may have been 1 when the event was caused. If not, it
    /// breaks `req`, or was to be dropped by a reset.
    fn was_asked(&mut self, event: AsyncEvent, bits: u32, req: Req, place: &Place) -> bool {
        let may = self.may_be_enabled();
        let Health { asked, asked_before, .. } = self.unit().health;
        if (asked | may) & bits != 0 {
            return true;
        }
        let name = event.def().map_or("unnamed event", |def| def.name);
        let observed = format!("{name} (DW0 {:08X}h)", event.into_bits());
        let (req, because) = match asked_before & bits {
            0 => (req, "Feature 0Bh did not enable it at any time since such events were cleared"),
            _ => {
                (reset::PENDING_EVENTS_DROPPED, "Feature 0Bh enabled it before the last reset only")
            }
        };
        self.broken(req, place.clone(), (observed, "no completion".into(), because.into()));
        false
    }

    /// A Get Log Page of page 02h completed with success. Called before its rule.
    pub(super) fn health_read(&mut self, n: u32) {
        let version = self.version(self.now.ctrl).unwrap_or(Version::new(2, 3));
        let cmd = GetLogPage::project(&self.commands[n].sqe);
        let rung = self.commands[n].rung;
        let setting = self.setting(Fid::ASYNCHRONOUS_EVENT_CONFIGURATION).next().is_some();
        let masked = self.health_masked() == Yes;
        let health = &mut self.unit().health;
        if !clears_event(&cmd, version) {
            health.retained |= masked;
            return;
        }
        health.void(rung);
        (health.retained, health.went) = (false, false);
        self.unit().events.forget_queue();
        let health = &mut self.unit().health;
        // What was enabled before it was carried out has been cleared.
        if health.enabled_at < rung && !setting {
            health.asked &= !0xff;
        }
    }

    /// The host has looked at page 02h, which command `n` returned.
    pub(super) fn health_seen(&mut self, n: u32, sqe: &Sqe, bytes: &[u8]) {
        let cmd = GetLogPage::project(sqe);
        let version = self.version(self.now.ctrl).unwrap_or(Version::new(2, 3));
        let (rung, pointer) = (self.commands[n].rung, self.commands[n].pointer);
        let counts = smart_health::counts_equality(&cmd, self.believed(), version, bytes);
        if let Some(counts) = counts {
            let reading = usize::from(!counts);
            self.shown(ChoiceId::EqualThreshold, reading, |judge| judge.place_of(n));
        }
        let Some(warns) = smart_health::told_warning(&cmd, self.believed(), bytes) else { return };
        if self.thresholds_changed(rung) {
            return;
        }
        let request = self.requested(pointer);
        let health = &mut self.unit().health;
        health.warned = Some(warns);
        health.went |= !warns;
        if std::mem::replace(&mut health.stood, warns && request) && !warns && request {
            self.recovered();
        }
        let health = &mut self.unit().health;
        // What happens between the making of a page that clears and its completion may be masked still,
        // or cleared.
        if rung < health.void_before || clears_event(&cmd, version) {
            return;
        }
        if warns {
            self.warning_stands(rung, request);
        } else {
            health.armed = Some(Armed { by: async_event::TEMPERATURE, request });
        }
    }

    /// The warning is over, and a request has been outstanding since it stood. The notice of that comes only
    /// where the host has enabled it.
    fn recovered(&mut self) {
        let may = self.may_be_enabled();
        if (self.unit().health.asked | may) & RECOVERY == 0 {
            self.agrees(async_event::OPTIONAL_DISABLED);
        }
    }

    /// The warning stood when a page was made whose command was rung in record `rung`, and the page
    /// cleared nothing. `request`: a request was outstanding before.
    fn warning_stands(&mut self, rung: u32, request: bool) {
        let (may, enabled) = (self.may_be_enabled(), self.is_enabled(TEMPERATURE));
        let masked = self.health_masked();
        let unit = self.unit();
        let (none, health) = (unit.aers.is_empty(), &mut unit.health);
        let steady = health.enabled_at < rung;
        let silent = (health.asked | may) & TEMPERATURE == 0;
        let (retained, again) = (health.retained, health.went);
        if steady && enabled && masked == No {
            match health.armed.take() {
                Some(armed) if armed.request && request => health.owed = Some(armed.by),
                Some(_) => health.waits = none,
                None => {}
            }
        }
        if request && silent {
            self.agrees(async_event::SMART_DISABLED);
        }
        // It was raised anew, and only the mask keeps the event back.
        if request && masked == Yes && again && steady && enabled {
            self.agrees(async_event::MASKED_UNTIL_CLEARED);
            if retained {
                self.agrees(get_log_page::RETAIN_EVENT);
            }
        }
    }

    /// The controller is idle, or the quiet window is over, and a request is outstanding: an owed event is
    /// missing.
    pub(super) fn health_event_missing(&mut self) {
        let masked = self.health_masked();
        let other = self.believed().events.error_masked == Yes;
        let unit = self.unit();
        if unit.aers.is_empty() || masked != No {
            return;
        }
        let Some(owed) = unit.health.owed.take() else { return };
        let req = if other { async_event::MASKED_BY_TYPE } else { owed };
        let because = "log page 02h showed the warning, and its event is enabled".to_string();
        let story = ("no event".to_string(), "SMART / Health event 01h".to_string(), because);
        self.broken_as(req, DivergenceKind::Silence, Place::at("admin CQ"), story);
    }

    /// A controller level reset; `drops`: it drops pending events for sure.
    pub(super) fn reset_health(&mut self, ctrl: u8, drops: bool) {
        let (own, record) = (self.now.ctrl, self.now.record);
        self.now.ctrl = ctrl;
        let asked = self.unit().health.asked | self.may_be_enabled();
        self.now.ctrl = own;
        let health = &mut self.units[usize::from(ctrl)].health;
        *health = Health {
            asked: if drops { 0 } else { asked },
            asked_before: health.asked_before | health.set,
            enabled_at: record,
            thresholds_at: record,
            void_before: record,
            ..Health::default()
        };
    }
}
