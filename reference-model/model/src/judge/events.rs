//! Asynchronous events: when one of type Error is owed, when one is allowed, and what is common to
//! all types. Those that the host enables stand in `health.rs`.

use spec::event::AsyncEvent;
use spec::requirement::{async_event, async_event_request, get_log_page};
use spec::{Lid, Req};

use super::Judge;
use super::report::Place;
use crate::choices::ChoiceId;
use crate::rules::features::temperature_threshold;
use crate::truth::{Maybe, Yes};

/// Information of the error event Invalid Doorbell Write Value; 00h is Write to Invalid Doorbell Register.
/// Base-2.3 figure 152.
const INVALID_VALUE: u8 = 0x01;

/// Types of events. Base-2.3 figure 150.
const ERROR: u8 = 0;
const SMART_HEALTH: u8 = 1;

/// Error events that were caused and not reported yet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EventState {
    /// An event that shall be reported: by this requirement, caused at this time.
    pub owed: Option<(Req, u64)>,
    /// An event was caused while a request was rung that may not have been fetched.
    pub unfetched: bool,
    /// How many causes there were for which an event may come.
    causes: u32,
    /// One of them was the doorbell of a queue that was not there, or may not have been: only then the
    /// event may be Write to Invalid Doorbell Register.
    no_queue: bool,
    /// A tail was written again, and that may be a cause.
    pub same_tail: bool,
    /// There was another cause than that.
    pub other_causes: bool,
    /// The error log was read with RAE = 1, since the last event.
    retained: bool,
    /// The error log was read with RAE = 0, since the last event.
    cleared: bool,
    /// An event was caused while no request was outstanding.
    waits: bool,
    /// How many of two events of different types, both caused while no request was outstanding, are left
    /// to be reported, once there is a request.
    queued: u8,
}

impl EventState {
    /// Something happened for which an event may come.
    pub fn may_come(&mut self) {
        self.causes += 1;
    }

    /// A doorbell was written of a queue that is not there, or may not be.
    pub fn no_queue(&mut self) {
        self.no_queue = true;
    }

    /// An event that waited may have been cleared.
    pub fn forget_queue(&mut self) {
        self.waits = false;
        self.queued = 0;
    }

    /// A request was rung; `health`: a SMART / Health event waits for one.
    pub fn requested(&mut self, health: bool) {
        if std::mem::take(&mut self.waits) && health {
            self.queued = 2;
        }
    }
}

impl Judge {
    /// A doorbell value was out of range: an error event is owed if a request is outstanding and
    /// errors are not masked.
    pub(super) fn invalid_doorbell(&mut self, req: Req) {
        let masked = self.believed().events.error_masked;
        let at = self.now.when.seen;
        let fetched = self.request_was_fetched();
        let unit = self.unit();
        unit.events.may_come();
        if !masked.is_no() || unit.events.owed.is_some() {
            return;
        }
        // Base-2.3 §3.4.5 calls a command outstanding that the host has submitted; what was not fetched a
        // controller cannot know of.
        match fetched {
            true => unit.events.owed = Some((req, at)),
            false if unit.aers.is_empty() => unit.events.waits = true,
            false => unit.events.unfetched = true,
        }
    }

    /// An Asynchronous Event Request completed with success. Called before its rule, which masks
    /// further events.
    pub(super) fn on_event(&mut self, n: u32, dw0: u32) {
        let event = AsyncEvent::from(dw0);
        let place = self.place_of(n);
        match (event.aet(), event.aei()) {
            (ERROR, 0..=1) => self.on_doorbell_event(n, event, place),
            (ERROR, _) => self.unsolicited(event, place),
            (SMART_HEALTH, _) => self.on_health_event(event, place),
            _ => self.on_other_event(event, place),
        }
    }

    /// An event that nothing the host did explains: legal, and no healthy controller has cause for it.
    pub(super) fn unsolicited(&mut self, event: AsyncEvent, place: Place) {
        let (dw0, name) = (event.into_bits(), event.def().map_or("unnamed event", |def| def.name));
        self.anomaly(None, place, format!("unsolicited event: {name} (DW0 {dw0:08X}h)"));
    }

    /// An error event about a doorbell was reported.
    fn on_doorbell_event(&mut self, n: u32, event: AsyncEvent, place: Place) {
        let EventState { causes, no_queue, .. } = self.unit().events;
        self.hold(async_event::NOT_WITHOUT_CAUSE, causes > 0, |_| {
            let observed = format!("error event {:02X}h", event.aei());
            let because = "every doorbell write was in range and made progress".to_string();
            (place.clone(), (observed, "no completion".into(), because))
        });
        let named = event.aei() == INVALID_VALUE || no_queue;
        if causes > 0 {
            self.hold(async_event::WHICH_DOORBELL_ERROR, named, |_| {
                let because = "every doorbell that was written is that of a queue".to_string();
                (place.clone(), ("error event 00h".into(), "error event 01h".into(), because))
            });
        }
        let clearing = self.clearing(Lid::ERROR_INFORMATION);
        let masked = self.believed().events.error_masked == Yes && !clearing;
        self.hold(async_event::MASKED_UNTIL_CLEARED, !masked, |_| {
            let because = "an error event was reported, and log page 01h was not read since with \
                           RAE = 0"
                .to_string();
            (place, ("another error event".into(), "no completion".into(), because))
        });
        self.agrees(async_event_request::ONLY_FOR_EVENTS);
        if self.health_masked() == Yes {
            self.agrees(async_event::MASKED_BY_TYPE);
        }
        self.unit().events.waits = false;
        self.queued_event_came();
        if std::mem::take(&mut self.unit().events.unfetched) {
            self.shown(ChoiceId::OutstandingRequest, 0, |judge| judge.place_of(n));
        }
        let only = self.unit().events;
        if only.same_tail && !only.other_causes && !only.no_queue {
            self.shown(ChoiceId::SameTail, 0, |judge| judge.place_of(n));
        }
        // The read that clears may be answered after the event that it sets free.
        let events = self.unit().events;
        let freed = events.retained && clearing;
        if events.cleared || freed {
            self.agrees(get_log_page::RETAIN_EVENT);
        }
        let unit = self.unit();
        unit.events.retained = false;
        unit.events.cleared = false;
        unit.events.causes = unit.events.causes.saturating_sub(1);
        if let Some((req, _)) = unit.events.owed.take() {
            self.agrees(req);
            self.agrees(async_event::INVALID_DOORBELL);
        }
    }

    /// Whether a request was fetched for sure: only then is it outstanding to the controller.
    fn request_was_fetched(&self) -> bool {
        let unit = &self.units[usize::from(self.now.ctrl)];
        let head = unit.sqs.first().and_then(|sq| sq.as_ref()).map_or(0, |sq| sq.head);
        unit.aers.iter().any(|n| {
            let request = &self.commands[*n];
            request.pointer < head || request.rung < unit.idle_record
        })
    }

    /// Whether the host has moved a temperature threshold (a saved one is kept over resets and losses of power),
    /// or is about to: the event may come before the completion of the command that provokes it.
    pub(super) fn host_moves_a_threshold(&self) -> bool {
        let unit = &self.units[usize::from(self.now.ctrl)];
        let admin = unit.sqs.first().and_then(|sq| sq.as_ref());
        let in_flight = admin.map_or(&[][..], |sq| &sq.in_flight);
        let moves = |n: &u32| {
            let rule = self.commands[*n].rule;
            rule.is_some_and(|rule| std::ptr::eq(rule, &temperature_threshold::SET))
        };
        self.believed().events.thresholds_moved || in_flight.iter().any(moves)
    }

    /// A Get Log Page of the error log completed with success. Called before its rule.
    pub(super) fn log_read(&mut self, retain: bool) {
        // A read that clears ends a time of masking. That a request waits still shows that no event
        // came in it: one that was posted before this completion is before it in the queue.
        if !retain && !self.unit().aers.is_empty() {
            self.credit_silent_mask();
        }
        let events = &mut self.unit().events;
        events.retained |= retain;
        events.cleared |= !retain;
        if !retain {
            events.forget_queue();
        }
    }

    /// An event came of a type that others may have waited beside.
    pub(super) fn queued_event_came(&mut self) {
        let events = &mut self.unit().events;
        if events.queued == 1 {
            self.agrees(async_event::QUEUED);
        }
        let events = &mut self.unit().events;
        events.queued = events.queued.saturating_sub(1);
    }

    /// The controller is idle and a request is outstanding: what that shows.
    pub(super) fn credit_silent_request(&mut self) {
        self.agrees(async_event_request::ONLY_FOR_EVENTS);
        self.credit_silent_mask();
    }

    /// A request is outstanding: no event came although there was cause, if events are masked.
    fn credit_silent_mask(&mut self) {
        let masked = self.believed().events.error_masked == Yes;
        let events = self.unit().events;
        if masked && events.causes > 0 {
            self.agrees(async_event::MASKED_UNTIL_CLEARED);
            if events.retained {
                self.agrees(get_log_page::RETAIN_EVENT);
            }
        }
    }

    /// Whether a Get Log Page that clears the events of page `lid` is in flight.
    pub(super) fn clearing(&self, lid: Lid) -> bool {
        let ctrl = self.now.ctrl;
        self.commands.in_flight().any(|n| {
            let command = &self.commands[n];
            let dw10 = command.sqe.dw[10];
            command.ctrl == ctrl
                && command.admin_opcode() == Some(0x02)
                && dw10 & 0xff == u32::from(lid.0)
                && dw10 >> 15 & 1 == 0
        })
    }

    /// The controller is idle and a request is outstanding: an owed event is missing.
    pub(super) fn event_missing(&mut self) {
        self.health_event_missing();
        let masked = self.believed().events.error_masked;
        let other = self.health_masked() == Yes;
        let unit = self.unit();
        if unit.events.unfetched && !unit.aers.is_empty() && masked.is_no() {
            unit.events.unfetched = false;
            self.shown(ChoiceId::OutstandingRequest, 1, |_| Place::at("admin CQ"));
        }
        let unit = self.unit();
        if unit.events.queued > 0 && !unit.aers.is_empty() {
            unit.events.queued = 0;
            let because = "events of two types were caused while no request was outstanding".into();
            let story = ("no event".to_string(), "an event of each type".to_string(), because);
            let silence = crate::DivergenceKind::Silence;
            self.broken_as(async_event::QUEUED, silence, Place::at("admin CQ"), story);
        }
        let unit = self.unit();
        let Some((req, _)) = unit.events.owed else { return };
        if unit.aers.is_empty() || masked == Maybe || masked == Yes {
            return;
        }
        unit.events.owed = None;
        // Only the mask of another type stands in its way, and must not.
        let req = if other { async_event::MASKED_BY_TYPE } else { req };
        let because = "a doorbell value was out of range while a request was outstanding".into();
        let story = ("no event".to_string(), "error event 01h".to_string(), because);
        self.broken_as(req, crate::DivergenceKind::Silence, Place::at("admin CQ"), story);
    }

    /// Aborts and place of command `n`, for reports.
    pub(super) fn place_of(&self, n: u32) -> Place {
        let command = &self.commands[n];
        Place { text: command.place(), command: Some(command.sqe), consequence_of: None }
    }
}
