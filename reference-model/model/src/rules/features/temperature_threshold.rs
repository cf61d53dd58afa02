//! Temperature Threshold (FID 04h): an over and an under threshold for the composite temperature and for
//! each sensor. Base-2.3 §5.2.26.1.3.

use std::cmp::Ordering;

use spec::feature::TemperatureThreshold;
use spec::requirement::{reset, temperature_threshold};

use super::value::{self, Default, Value, stays};
use super::*;
use crate::state::{Temperatures, Threshold};
use crate::truth::No;

/// Temperature Threshold (TMPTH), in kelvins. A Get need not return the hysteresis beside it.
const TMPTH: u32 = 0xffff;
/// The most that the field of the hysteresis holds.
const MOST_HYSTERESIS: u16 = 7;
/// Thresholds that stand for the sensors: one value each.
const SENSORS: std::ops::RangeInclusive<u32> = 1..=8;
const ALL_SENSORS: u32 = TemperatureThreshold::ALL_SENSORS as u32;
/// Under temperature threshold (THSEL 01b), as it stands in what selects a value.
const UNDER: u32 = (TemperatureThreshold::UNDER as u32) << 4;

/// The feature. What selects a value is TMPSEL (bits 3:0) and THSEL (bits 5:4).
pub static VALUE: Value = by(|of| match of {
    0 => temperature_threshold::OVER,
    UNDER => temperature_threshold::UNDER,
    _ => temperature_threshold::SENSORS,
});

/// The feature, for a sensor whose threshold was set last with those of all sensors.
static SET_WITH_ALL: Value = by(|_| temperature_threshold::ALL_SENSORS);

const fn by(current: fn(u32) -> spec::Req) -> Value {
    Value {
        fid: Fid::TEMPERATURE_THRESHOLD,
        of: selection,
        bits: |controller, of, version| {
            if exists(controller, of, version).is_yes() { TMPTH } else { 0 }
        },
        reserved: 0,
        current,
        default,
        after_reset: reset::FEATURES_DEFAULT,
        moves: stays,
        of_namespace: false,
    }
}

value_rules! {
    TEMPERATURE_THRESHOLD, "04h", reads Cells::NONE;
    get get_features::MANDATORY, get_tables!(&ELSEWHERE, &GET_OWN), accept_get;
    set temperature_threshold::OVER, set_tables!(&SET_RESERVED, &SET_ELSEWHERE, &SET_OWN),
        accept_set;
}

/// Which threshold dword 11 selects: before 1.2 there is one.
fn selection(_: u32, dword_11: u32, version: Version) -> u32 {
    match version < Version::new(1, 2) {
        true => 0,
        false => dword_11 >> 16 & 0x3f,
    }
}

fn sensor(of: u32) -> u32 {
    of & 0xf
}

/// Whether the controller must have the threshold. An under threshold of the composite temperature goes
/// with WCTEMP, those of a sensor with the sensor.
fn exists(controller: &Controller, of: u32, version: Version) -> Truth {
    match (of, sensor(of)) {
        (0, _) => Yes,
        (UNDER, _) => controller.claims.map_or(Maybe, |claims| (claims.wctemp != 0).into()),
        _ if of >> 4 > 1 || version < Version::new(1, 2) => No,
        (_, ALL_SENSORS) => controller.temperatures.map_or(Maybe, |told| told.any_sensor().into()),
        (_, n) if SENSORS.contains(&n) => {
            controller.temperatures.map_or(Maybe, |told| told.has_sensor(n as usize).into())
        }
        _ => No,
    }
}

/// The composite over threshold begins as WCTEMP, those of sensors as FFFFh and 0.
fn default(controller: &Controller, of: u32) -> Option<Default> {
    use temperature_threshold::{OVER, SENSOR_DEFAULTS};
    match (of, sensor(of)) {
        (0, _) => {
            let value = u32::from(controller.claims?.wctemp);
            (value != 0).then_some(Default { bits: TMPTH, value, by: OVER })
        }
        (_, n) if SENSORS.contains(&n) && controller.temperatures?.has_sensor(n as usize) => {
            let value = if of & UNDER == 0 { TMPTH } else { 0 };
            Some(Default { bits: TMPTH, value, by: SENSOR_DEFAULTS })
        }
        _ => None,
    }
}

/// How a temperature stands to its thresholds: what says most stands first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Crossing {
    /// Beyond a threshold.
    Beyond,
    /// Equal to a threshold.
    Equal,
    /// A threshold is not known, or a hysteresis may last.
    Unknown,
    /// Short of both.
    Within,
}

/// Compares every temperature that the controller reports with its thresholds. Base-2.3 §5.2.26.1.3.
pub fn crossing(controller: &Controller, told: &Temperatures, version: Version) -> Crossing {
    let all = [(0, told.composite)].into_iter().chain(SENSORS.zip(told.sensors));
    let each = all.filter(|(_, kelvins)| *kelvins != 0).flat_map(|(of, kelvins)| {
        let [over, under] = [of, of | UNDER].map(|of| threshold(controller, of, version));
        [over.map(|over| over_crossed(over, kelvins)), under.map(|at| under_crossed(at, kelvins))]
    });
    // No controller is at 0 K: it does not tell its temperature.
    let silent = (told.composite == 0).then_some(None);
    each.chain(silent)
        .map(|one| one.unwrap_or(Crossing::Unknown))
        .min()
        .unwrap_or(Crossing::Unknown)
}

fn over_crossed(threshold: Threshold, kelvins: u16) -> Crossing {
    match kelvins.cmp(&threshold.kelvins) {
        Ordering::Greater => Crossing::Beyond,
        Ordering::Equal => Crossing::Equal,
        _ if threshold.kelvins - kelvins <= threshold.hysteresis => Crossing::Unknown,
        Ordering::Less => Crossing::Within,
    }
}

fn under_crossed(threshold: Threshold, kelvins: u16) -> Crossing {
    match kelvins.cmp(&threshold.kelvins) {
        Ordering::Less => Crossing::Beyond,
        Ordering::Equal => Crossing::Equal,
        _ if kelvins - threshold.kelvins <= threshold.hysteresis => Crossing::Unknown,
        Ordering::Greater => Crossing::Within,
    }
}

/// What is believed of a threshold that the controller must have: as it was set or seen, or as a reset
/// must have left it.
fn threshold(controller: &Controller, of: u32, version: Version) -> Option<Threshold> {
    if !exists(controller, of, version).is_yes() {
        return None;
    }
    let with_hysteresis = version >= Version::new(2, 1);
    let feature = controller.features.value(VALUE.fid, of);
    if let Some(current) = feature.current {
        let value = TemperatureThreshold::from_bits(current);
        let hysteresis = if with_hysteresis { u16::from(value.tmpthh()) } else { 0 };
        return Some(Threshold { kelvins: value.tmpth(), hysteresis });
    }
    let left = feature.since_reset && value::saveable(controller, feature).is_no();
    let told = default(controller, of).filter(|_| left)?;
    let hysteresis = if with_hysteresis { MOST_HYSTERESIS } else { 0 };
    Some(Threshold { kelvins: told.value as u16, hysteresis })
}

/// The hysteresis came with 2.1: a controller may have none, or less than is asked for.
static SET_RESERVED: Reserved<SetFeatures> = Reserved::and(|cmd, v| {
    let value = TemperatureThreshold::from_bits(cmd.cdw11);
    let selects = v.version < Version::new(1, 2) && (value.tmpsel() != 0 || value.thsel() != 0);
    set_leftovers(cmd) || cmd.cdw11 >> 25 != 0 || value.tmpthh() != 0 || selects
});

checks! {
    static GET_OWN: GetFeatures[cmd, v] in temperature_threshold {
        RESERVED_SELECTORS  INVALID_FIELD_IN_COMMAND
                          if reserved(cmd.cdw11) || chosen(cmd.cdw11).tmpsel() == 15
                          => "{}", told(cmd.cdw11);
        UNDER             INVALID_FIELD_IN_COMMAND
                          if absent(cmd.cdw11, v, true) => "WCTEMP is 0, or was not read";
        SENSORS           INVALID_FIELD_IN_COMMAND
                          if absent(cmd.cdw11, v, false) => "{}", told(cmd.cdw11);
    }
}

checks! {
    static SET_OWN: SetFeatures[cmd, v] in temperature_threshold {
        RESERVED_SELECTORS  INVALID_FIELD_IN_COMMAND
                          if reserved(cmd.cdw11) => "{}", told(cmd.cdw11);
        UNDER             INVALID_FIELD_IN_COMMAND
                          if absent(cmd.cdw11, v, true) => "WCTEMP is 0, or was not read";
        SENSORS           INVALID_FIELD_IN_COMMAND
                          if absent(cmd.cdw11, v, false) => "{}", told(cmd.cdw11);
    }
}

fn chosen(dword_11: u32) -> TemperatureThreshold {
    TemperatureThreshold::from_bits(dword_11 & 0x3f_0000)
}

fn told(dword_11: u32) -> String {
    let chosen = chosen(dword_11);
    format!("TMPSEL {}, THSEL {}", chosen.tmpsel(), chosen.thsel())
}

fn reserved(dword_11: u32) -> bool {
    let chosen = chosen(dword_11);
    chosen.thsel() > TemperatureThreshold::UNDER || matches!(chosen.tmpsel(), 9..=14)
}

/// Whether a defined threshold may be one that the controller need not have; what it makes of it then is
/// not said. `composite`: the under threshold of the composite temperature, else those of sensors.
fn absent(dword_11: u32, v: &View, composite: bool) -> Truth {
    let of = selection(0, dword_11, v.version);
    let asks = !reserved(dword_11) && (of == UNDER) == composite && of != 0;
    asks & !exists(v, of, v.version) & Maybe
}

fn accept_set(apply: &mut Apply) {
    no_second_dword(apply);
    answered(apply, true);
    let dword_11 = SetFeatures::project(apply.sqe).cdw11;
    let of = selection(0, dword_11, apply.version);
    value::set(apply, &VALUE, of);
    apply.controller().events.thresholds_moved = true;
    let (thsel, all) = (of & !0xf, of | ALL_SENSORS);
    if of == all {
        SENSORS.for_each(|n| value::set(apply, &VALUE, thsel | n));
    } else if SENSORS.contains(&sensor(of)) {
        // One of them differs now.
        apply.controller().features.value_mut(VALUE.fid, all).current = None;
    }
}

fn accept_get(apply: &mut Apply) {
    let of = selection(0, GetFeatures::project(apply.sqe).cdw11, apply.version);
    let features = &apply.controller().features;
    let all = features.value(VALUE.fid, of | ALL_SENSORS);
    let with_all = SENSORS.contains(&sensor(of)) && all.current.is_some() && !all.since_reset;
    value::accept_get(apply, if with_all { &SET_WITH_ALL } else { &VALUE });
}
