//! Temperatures and their thresholds: the warning in log page 02h, and the event that it raises.
//! Base-2.3 §5.2.2, §5.2.12.1.3, §5.2.26.1.3, §5.2.26.1.5.
//!
//! A controller measures by itself, so every test sets its thresholds by what the page says, far enough
//! away for the temperature not to reach them meanwhile.

use lab::{Ctl, Lab, Outcome, Patience, Pending, Stop, conformance};
use log::ResetKind;
use spec::command::{GetFeatures, GetLogPage, SetFeatures};
use spec::feature::{AsynchronousEventConfiguration, TemperatureThreshold};
use spec::log_page::{CriticalWarning, SmartHealth};
use spec::register::DoorbellKind;
use spec::{Bytes, Entries, Fid, Lid, Nsid, Qid, Version};

use super::feature_values::needs_changeable;
use crate::base::given;
use crate::base::given::{A_WHILE, bring_back, needs_power_cycle, waiting_request};

/// How far from a temperature a threshold is set, in kelvins.
const FAR: u16 = 20;
/// SMART / Health Critical Warnings of Feature 0Bh: temperatures alone.
const TEMPERATURES: u32 = 1 << 1;

/// Which threshold: of the composite temperature (0), of a sensor, or of all sensors.
#[derive(Clone, Copy)]
enum At {
    Over(u8),
    Under(u8),
}

/// A controller whose thresholds can be set, and whether it has an under threshold.
struct Given<'d> {
    ctrl: Ctl<'d>,
    has_under: bool,
}

fn given<'d>(lab: &mut Lab<'d>) -> Result<Given<'d>, Stop> {
    let mut ctrl = lab.enabled_controller()?;
    let get = GetFeatures { fid: Fid::TEMPERATURE_THRESHOLD, ..GetFeatures::default() };
    needs_changeable(lab, &mut ctrl, get)?;
    let has_under = given::identified(&mut ctrl)?.wctemp() != 0;
    Ok(Given { ctrl, has_under })
}

impl Given<'_> {
    /// Log page 02h; `rae`: it retains the event.
    fn page(&mut self, rae: bool) -> Result<SmartHealth, Stop> {
        let lid = Lid::SMART_HEALTH_INFORMATION;
        let command = GetLogPage { lid, nsid: Nsid::BROADCAST, rae, ..GetLogPage::default() };
        let answer = self.ctrl.admin_in(command.with_bytes(Bytes(512)), 512)?;
        answer.accepted()?;
        let bytes = answer.bytes()?;
        Ok(SmartHealth(*bytes.first_chunk().unwrap_or(&[0; 512])))
    }

    fn set(&mut self, at: At, kelvins: u16) -> Outcome {
        let (thsel, tmpsel) = match at {
            At::Over(of) => (TemperatureThreshold::OVER, of),
            At::Under(of) => (TemperatureThreshold::UNDER, of),
        };
        let value = TemperatureThreshold::new().with_tmpth(kelvins);
        let cdw11 = value.with_thsel(thsel).with_tmpsel(tmpsel).into_bits();
        let fid = Fid::TEMPERATURE_THRESHOLD;
        self.ctrl.admin(SetFeatures { fid, cdw11, ..SetFeatures::default() })?.accepted()
    }

    /// Sets every threshold far from the temperature that it is of. The composite temperature.
    fn widen(&mut self) -> Result<u16, Stop> {
        let page = self.page(true)?;
        let kelvins = page.ctemp();
        self.set(At::Over(0), kelvins.saturating_add(FAR))?;
        if self.has_under {
            self.set(At::Under(0), kelvins.saturating_sub(FAR))?;
        }
        if page.sensors().iter().any(|kelvins| *kelvins != 0) {
            self.set(At::Over(TemperatureThreshold::ALL_SENSORS), u16::MAX)?;
            self.set(At::Under(TemperatureThreshold::ALL_SENSORS), 0)?;
        }
        Ok(kelvins)
    }

    /// The composite temperature is beyond its over threshold from now on.
    fn cross(&mut self, kelvins: u16) -> Outcome {
        self.set(At::Over(0), kelvins.saturating_sub(FAR))
    }

    /// Which critical warnings raise an event.
    fn enable(&mut self, cdw11: u32) -> Outcome {
        let fid = Fid::ASYNCHRONOUS_EVENT_CONFIGURATION;
        self.ctrl.admin(SetFeatures { fid, cdw11, ..SetFeatures::default() })?.accepted()
    }

    /// No warning, nothing masked, and the event of temperatures enabled or not: the composite
    /// temperature.
    fn calm(&mut self, enabled: bool) -> Result<u16, Stop> {
        let kelvins = self.widen()?;
        self.enable(if enabled { TEMPERATURES } else { 0 })?;
        self.page(false)?;
        self.page(true)?;
        Ok(kelvins)
    }

    /// Crosses the threshold while a request waits. The event is reported.
    fn cross_and_hear(&mut self, kelvins: u16) -> Outcome {
        let event = waiting_request(&mut self.ctrl)?;
        self.page(true)?;
        self.cross(kelvins)?;
        self.hear(event)
    }

    /// The page shows the warning, and the event comes.
    fn hear(&mut self, event: Pending) -> Outcome {
        self.ctrl.wait(event, A_WHILE)?;
        // What is owed is owed from here on: the controller itself says that the warning stands.
        self.page(true)?;
        self.ctrl.answer(event)?.accepted()
    }
}

fn warns(page: &SmartHealth) -> bool {
    CriticalWarning::from_bits(page.cw()).ttc()
}

/// The composite temperature beyond one of its thresholds is warned of, and within both it is not.
#[conformance(reqs = [smart::TEMPERATURE_WARNING, temperature_threshold::CROSSED])]
fn warns_of_a_temperature_beyond_its_threshold(lab: &mut Lab<'_>) -> Outcome {
    let mut it = given(lab)?;
    let kelvins = it.widen()?;
    it.page(true)?;
    it.cross(kelvins)?;
    it.page(true)?;
    // Equal to the threshold: up to 1.4 the texts disagree, so that a choice is shown.
    it.set(At::Over(0), kelvins)?;
    it.page(true)?;
    it.widen()?;
    if it.has_under {
        it.set(At::Under(0), kelvins.saturating_add(FAR))?;
        it.page(true)?;
        it.widen()?;
    }
    it.page(true)?;
    Ok(())
}

/// So is the temperature of every sensor.
#[conformance(reqs = [smart::TEMPERATURE_WARNING, temperature_threshold::CROSSED])]
fn warns_of_a_sensor_beyond_its_threshold(lab: &mut Lab<'_>) -> Outcome {
    let mut it = given(lab)?;
    it.widen()?;
    let sensors = it.page(true)?.sensors();
    let implemented = (1..=8u8).zip(sensors).filter(|(_, kelvins)| *kelvins != 0);
    lab.needs(implemented.clone().next().is_some(), "a temperature sensor")?;
    for (n, kelvins) in implemented {
        it.set(At::Over(n), kelvins.saturating_sub(FAR))?;
        it.page(true)?;
        it.set(At::Over(n), u16::MAX)?;
        it.set(At::Under(n), kelvins.saturating_add(FAR))?;
        it.page(true)?;
        it.set(At::Under(n), 0)?;
        it.page(true)?;
    }
    Ok(())
}

/// A temperature that is equal to its threshold counts as one that has crossed it.
#[conformance(req = temperature_threshold::INCLUSIVE)]
fn warns_of_a_temperature_equal_to_its_threshold(lab: &mut Lab<'_>) -> Outcome {
    let mut it = given(lab)?;
    lab.needs(it.ctrl.vs()? >= Version::new(2, 0), "VS of at least 2.0")?;
    it.widen()?;
    // The temperature may move between the two looks.
    for _ in 0..8 {
        let kelvins = it.page(true)?.ctemp();
        it.set(At::Over(0), kelvins)?;
        if it.page(true)?.ctemp() == kelvins {
            break;
        }
    }
    it.widen()?;
    Ok(())
}

/// A temperature that crosses its threshold is reported, where the host has enabled that event.
#[conformance(req = async_event::TEMPERATURE)]
fn reports_a_temperature_beyond_its_threshold(lab: &mut Lab<'_>) -> Outcome {
    let mut it = given(lab)?;
    let kelvins = it.calm(true)?;
    it.cross_and_hear(kelvins)?;
    it.calm(false)?;
    Ok(())
}

/// A warning whose event is not enabled is in the page alone.
#[conformance(req = async_event::SMART_DISABLED)]
fn keeps_silent_about_a_warning_that_is_not_enabled(lab: &mut Lab<'_>) -> Outcome {
    let mut it = given(lab)?;
    let kelvins = it.calm(false)?;
    let event = waiting_request(&mut it.ctrl)?;
    it.cross(kelvins)?;
    it.page(true)?;
    it.ctrl.wait(event, A_WHILE)?;
    it.page(true)?;
    it.ctrl.claim_in_flight(event)?;
    it.calm(false)?;
    Ok(())
}

/// A temperature that is back within its threshold is told only to a host that has asked for it.
#[conformance(req = async_event::OPTIONAL_DISABLED)]
fn keeps_silent_about_a_recovery_that_is_not_enabled(lab: &mut Lab<'_>) -> Outcome {
    let mut it = given(lab)?;
    // A reset drops a notice that pends since who knows when; up to 2.2 only a loss of power does. Which of the
    // two holds was not known yet when the test began.
    let kind = if it.ctrl.vs()? < Version::new(2, 3) {
        needs_power_cycle(lab)?;
        ResetKind::PowerCycle
    } else {
        ResetKind::Controller
    };
    it.ctrl.reset(kind)?;
    bring_back(&mut it.ctrl)?;
    let before = it.ctrl.get_feature(Fid::ASYNCHRONOUS_EVENT_CONFIGURATION)?;
    before.accepted()?;
    let enabled = AsynchronousEventConfiguration::from_bits(before.dw0()).tthry();
    lab.needs(!enabled, "a notice of recoveries that is off by default")?;
    let kelvins = it.calm(false)?;
    let event = waiting_request(&mut it.ctrl)?;
    it.cross(kelvins)?;
    it.page(true)?;
    it.widen()?;
    it.page(true)?;
    it.ctrl.wait(event, A_WHILE)?;
    it.ctrl.claim_in_flight(event)?;
    it.calm(false)?;
    Ok(())
}

/// A warning that stands already is reported when its event is enabled.
#[conformance(req = event_configuration::ALREADY_TRUE)]
fn reports_a_warning_that_stands_when_it_is_enabled(lab: &mut Lab<'_>) -> Outcome {
    let mut it = given(lab)?;
    let kelvins = it.calm(false)?;
    it.cross(kelvins)?;
    let event = waiting_request(&mut it.ctrl)?;
    it.page(true)?;
    it.enable(TEMPERATURES)?;
    it.hear(event)?;
    it.calm(false)?;
    Ok(())
}

/// After the event the next one waits until the host has read the page without Retain Asynchronous
/// Event, whatever it reads with it.
#[conformance(reqs = [async_event::MASKED_UNTIL_CLEARED, get_log_page::RETAIN_EVENT])]
fn masks_health_events_until_the_page_is_read(lab: &mut Lab<'_>) -> Outcome {
    let mut it = given(lab)?;
    let kelvins = it.calm(true)?;
    it.cross_and_hear(kelvins)?;
    let next = waiting_request(&mut it.ctrl)?;
    it.widen()?;
    it.page(true)?;
    it.cross(kelvins)?;
    it.page(true)?;
    it.ctrl.wait(next, A_WHILE)?;
    it.ctrl.claim_in_flight(next)?;
    // Clearing sets free what was held back, or not: no text says which.
    it.page(false)?;
    it.ctrl.wait(next, A_WHILE)?;
    it.calm(false)?;
    Ok(())
}

/// Events of one type mask no other type.
#[conformance(req = async_event::MASKED_BY_TYPE)]
fn reports_an_error_while_health_events_are_masked(lab: &mut Lab<'_>) -> Outcome {
    let mut it = given(lab)?;
    it.ctrl.io_pair(Qid(1), Entries(16))?;
    let kelvins = it.calm(true)?;
    it.cross_and_hear(kelvins)?;
    let event = waiting_request(&mut it.ctrl)?;
    it.ctrl.doorbell(DoorbellKind::SqTail, Qid(1), 16)?;
    it.ctrl.answer(event)?.accepted()?;
    it.calm(false)?;
    Ok(())
}

/// Events of two types that nobody waited for are reported one by one.
#[conformance(req = async_event::QUEUED)]
fn reports_two_events_that_nobody_waited_for(lab: &mut Lab<'_>) -> Outcome {
    let mut it = given(lab)?;
    lab.needs(it.ctrl.vs()? >= Version::new(2, 0), "VS of at least 2.0")?;
    it.ctrl.io_pair(Qid(1), Entries(16))?;
    // Given: a crossed threshold, and a tail that is out of range, without a request.
    let kelvins = it.calm(true)?;
    it.cross(kelvins)?;
    let page = it.page(true)?;
    lab.needs(warns(&page), "a warning")?;
    it.ctrl.doorbell(DoorbellKind::SqTail, Qid(1), 16)?;
    it.ctrl.get_feature(Fid::NUMBER_OF_QUEUES)?.ruled()?;
    // Then: each of two requests gets one of them.
    for _ in 0..2 {
        let event = it.ctrl.request_event()?;
        if it.ctrl.wait(event, Patience::Default)? {
            it.ctrl.answer(event)?.accepted()?;
        }
    }
    it.calm(false)?;
    Ok(())
}
