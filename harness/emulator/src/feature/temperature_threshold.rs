//! Temperature Threshold (04h). Base-2.3 §5.2.26.1.3.
//!
//! Hysteresis is not supported (TMPTHHA = 0).

use spec::command::{Command, GetFeatures};
use spec::feature::{SupportedCapabilities, TemperatureThreshold};
use spec::{Fid, Status};

use super::{FeatureDef, Select, Setting, of_controller};
use crate::config::Config;
use crate::health::WCTEMP;
use crate::run::{Outcome, Refusal, Run};
use crate::seam::Check;

/// The thresholds of the composite temperature and of sensors 1 to 8.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    over: [Setting; 9],
    under: [Setting; 9],
}

impl Value {
    /// Composite: WCTEMP, and 0 where the text leaves it open. Sensors: FFFFh and 0.
    pub(super) const fn new() -> Self {
        let mut over = [Setting::new(0xffff); 9];
        over[0] = Setting::new(WCTEMP as u32);
        Self { over, under: [Setting::new(0); 9] }
    }

    /// All of them.
    pub(super) fn settings(&mut self) -> impl Iterator<Item = &mut Setting> {
        self.over.iter_mut().chain(&mut self.under)
    }

    /// The thresholds of a type (THSEL).
    fn of_type(&mut self, thsel: u8) -> &mut [Setting; 9] {
        match thsel {
            TemperatureThreshold::UNDER => &mut self.under,
            _ => &mut self.over,
        }
    }

    /// Whether a temperature is at or over its over threshold, or at or under its under threshold.
    pub fn is_crossed(&self, config: &Config) -> bool {
        let temperatures = [config.temperature].into_iter().chain(sensors(config));
        let mut all = temperatures.zip(self.over.iter().zip(&self.under));
        all.any(|(kelvin, (over, under))| {
            let kelvin = u32::from(kelvin);
            kelvin >= over.current || kelvin <= under.current
        })
    }
}

fn sensors(config: &Config) -> impl Iterator<Item = u16> {
    config.temperature_sensors.iter().copied()
}

pub(super) const DEFINITION: FeatureDef =
    FeatureDef { fid: Fid::TEMPERATURE_THRESHOLD, capabilities, set, get };

fn capabilities(config: &Config) -> SupportedCapabilities {
    of_controller(config, Fid::TEMPERATURE_THRESHOLD)
}

/// THSEL is a defined one, TMPSEL that of a temperature that is there.
fn check(run: &mut Run, asked: TemperatureThreshold, all_sensors: bool) -> Result<(), Refusal> {
    let count = run.config.temperature_sensors.len();
    let there = usize::from(asked.tmpsel()) <= count
        || (all_sensors && asked.tmpsel() == TemperatureThreshold::ALL_SENSORS);
    let impossible = asked.thsel() > TemperatureThreshold::UNDER || !there;
    run.refuse_if(Check::FeatureValue, impossible, Status::INVALID_FIELD_IN_COMMAND)
}

fn set(run: &mut Run, cdw11: u32, save: bool) -> Outcome {
    let asked = TemperatureThreshold::from_bits(cdw11);
    check(run, asked, true)?;
    let hysteresis = asked.tmpthh() != 0 && run.config.from(2, 1);
    run.refuse_if(Check::FeatureValue, hysteresis, Status::INVALID_FIELD_IN_COMMAND)?;
    let count = run.config.temperature_sensors.len();
    let thresholds = run.controller.features.temperature_threshold.of_type(asked.thsel());
    let chosen = match asked.tmpsel() {
        TemperatureThreshold::ALL_SENSORS => 1..=count,
        one => usize::from(one)..=usize::from(one),
    };
    for threshold in thresholds.get_mut(chosen).into_iter().flatten() {
        threshold.set(asked.tmpth().into(), save);
    }
    run.review_health();
    run.success()
}

/// Dword 0 is the threshold alone: nothing says that the selectors come back.
fn get(run: &mut Run, select: Select) -> Outcome {
    let asked = TemperatureThreshold::from_bits(GetFeatures::project(&run.sqe).cdw11);
    check(run, asked, false)?;
    let thresholds = run.controller.features.temperature_threshold.of_type(asked.thsel());
    let threshold = thresholds.get(usize::from(asked.tmpsel()));
    let value = threshold.map_or(0, |threshold| threshold.value(select));
    run.success_with(value)
}
