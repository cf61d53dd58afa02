//! The generator against the emulator: deterministic, and no innocent controller is accused.

extern crate lockstep_lab as lab;

use std::collections::BTreeMap;
use std::sync::Arc;

use emulator::{Config, EmulatorDut};
use lab::{Bench, GenOptions, Sequence, Settings, TestRun, generate};
use model::{FindingKind, Profile, Verdict};

#[test]
fn the_same_seed_gives_the_same_sequence_and_the_same_log() {
    let options = GenOptions::default();
    for seed in 0..20 {
        let one = generate(seed, &options);
        assert!(one == generate(seed, &options), "seed {seed}");
        assert!(one != generate(seed + 1, &options), "seed {seed}");
        let run = |sequence: &Sequence| {
            let mut dut = EmulatorDut::new(Config::default()).unwrap();
            let profile = Arc::new(Profile::default());
            Bench::new(&mut dut, profile, Settings::default()).replay(sequence)
        };
        let (a, b) = (run(&one), run(&one));
        assert!(a.log == b.log, "seed {seed}: the same bytes");
        let read = Sequence::from_text(&one.to_text()).unwrap();
        assert!(read == one, "seed {seed}: the text says all of it");
    }
}

/// What was found on innocent controllers, by kind and requirement: how often, and one example.
#[derive(Default)]
struct Alarms(BTreeMap<String, (u64, String)>);

impl Alarms {
    fn note(&mut self, what: String, example: String) {
        let entry = self.0.entry(what).or_default();
        *entry = (entry.0 + 1, example);
    }

    fn take(&mut self, name: &str, sequence: &Sequence, run: &TestRun) {
        if let Some(stop) = &run.stop {
            self.note(format!("stop: {stop}"), name.to_string());
        }
        if let Verdict::Error(why) = &run.verdict {
            self.note(format!("error: {why}"), name.to_string());
        }
        // A warning is no accusation: a random configuration may go against a recommendation.
        let quiet = [FindingKind::Inconclusive, FindingKind::Warning];
        for finding in run.findings.iter().filter(|f| !quiet.contains(&f.kind)) {
            let step = sequence.actions.get(usize::from(finding.step).wrapping_sub(1));
            let step = step.map_or("audit".to_string(), |action| action.to_string());
            let (place, observed, allowed) = (&finding.place, &finding.observed, &finding.allowed);
            self.note(
                format!("{:?} {:?}", finding.kind, finding.req),
                format!(
                    "{name} step {} ({step}): {place}: {observed}, allowed {allowed:?}",
                    finding.step
                ),
            );
        }
    }
}

/// How many sequences: `few`, or with LOCKSTEP_LONG=1 the 10,000 of the law.
fn sequences(few: u64) -> u64 {
    let long = std::env::var("LOCKSTEP_LONG").is_ok_and(|value| value == "1");
    if long { 10_000 } else { few }
}

#[test]
fn an_innocent_controller_is_not_accused() {
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let options = GenOptions::default();
    let mut alarms = Alarms::default();
    for seed in 0..sequences(300) {
        let sequence = generate(seed, &options);
        let run = bench.replay(&sequence);
        alarms.take(&format!("seed {seed}"), &sequence, &run);
    }
    assert!(alarms.0.is_empty(), "{:#?}", alarms.0);
}

#[test]
fn no_legal_configuration_or_order_of_events_is_accused() {
    /// Sequences on one configuration. No seed is used twice.
    const EACH: u64 = 10;
    let mut alarms = Alarms::default();
    for number in 0..sequences(300) / EACH {
        let mut dut = EmulatorDut::new(Config::random(number)).unwrap();
        let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
        let options = match GenOptions::of(&mut bench) {
            Ok(options) => options,
            Err(stop) => {
                alarms.note(format!("bring-up: {stop}"), format!("configuration {number}"));
                continue;
            }
        };
        for seed in number * EACH..(number + 1) * EACH {
            let sequence = generate(seed, &options);
            let run = bench.replay(&sequence);
            alarms.take(&format!("configuration {number}, seed {seed}"), &sequence, &run);
        }
    }
    assert!(alarms.0.is_empty(), "{:#?}", alarms.0);
}
