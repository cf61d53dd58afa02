//! The generator against the emulator: deterministic, and no innocent controller is accused.

extern crate lockstep_lab as lab;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use emulator::{Config, EmulatorDut};
use lab::{Action, Bench, GenOptions, Hazard, Sequence, Settings, TestRun, generate};
use log::ResetKind;
use model::{FindingKind, Profile, Verdict};
use spec::QueueKind;

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
            let command = finding
                .command
                .map_or(String::new(), |sqe| spec::command::to_text(&sqe, QueueKind::Admin));
            self.note(
                format!("{:?} {:?}", finding.kind, finding.req),
                format!(
                    "{name} step {} ({step}): {place}: {observed}, allowed {allowed:?} {command}",
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
    innocent(1, sequences(300));
}

#[test]
fn two_innocent_controllers_are_not_accused() {
    innocent(2, sequences(300));
}

/// Runs sequences on an emulator of the default configuration with so many controllers.
fn innocent(controllers: u8, seeds: u64) {
    let config = Config { controllers, ..Config::default() };
    let mut dut = EmulatorDut::new(config).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let options = GenOptions { controllers, ..GenOptions::default() };
    let mut alarms = Alarms::default();
    for seed in 0..seeds {
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

/// The words that a sequence's lines begin with, or have in them.
fn says(sequence: &Sequence, word: &str) -> bool {
    sequence.to_text().lines().any(|line| line.contains(word))
}

#[test]
fn everything_that_is_legal_is_sent() {
    let options = GenOptions { controllers: 2, ..GenOptions::default() };
    let all: Vec<Sequence> = (0..100).map(|seed| generate(seed, &options)).collect();
    for word in [
        "write-reg intms",
        "write-reg intmc",
        "admin-raw",
        "nvm-raw",
        " sv=1",
        "create-io-sq qid=1 entries=",
        "reset power-cycle",
        "abort target=",
        "doorbell sq=",
        "msix-mask",
        "async-event-request",
    ] {
        assert!(all.iter().any(|sequence| says(sequence, word)), "no sequence says `{word}`");
    }
    let scattered = |line: &str| line.contains("create-io-sq") && !line.contains("pc=1");
    assert!(all.iter().any(|sequence| sequence.to_text().lines().any(scattered)), "PC = 0");
    let contiguous = GenOptions { contiguous_queues: true, ..options.clone() };
    let refused = |line: &str| line.contains("create-io-cq") && !line.contains("pc=1");
    let some = (0..100).any(|seed| generate(seed, &contiguous).to_text().lines().any(refused));
    assert!(some, "PC = 0 where CAP.CQR = 1");
}

/// Each rule of the model is met, and nothing is sent that the model does not know.
#[test]
fn everything_that_is_modelled_is_sent() {
    let options = GenOptions { controllers: 2, ..GenOptions::default() };
    let mut met = BTreeSet::new();
    for seed in 0..600 {
        for action in generate(seed, &options).actions {
            let Action::Submit { sqid, sqe, .. } = action else { continue };
            let queue = if sqid.is_admin() { QueueKind::Admin } else { QueueKind::Nvm };
            let rule = model::rules::find(queue, &sqe);
            met.insert(rule.unwrap_or_else(|| panic!("seed {seed}: not modelled: {action}")).name);
        }
    }
    let missing: Vec<&str> =
        model::rules::all().map(|rule| rule.name).filter(|name| !met.contains(name)).collect();
    assert!(missing.is_empty(), "rules that no generated command meets: {missing:?}");
}

#[test]
fn interrupt_masks_are_left_alone_while_msix_is_on() {
    let options = GenOptions { controllers: 2, ..GenOptions::default() };
    for seed in 0..200 {
        let mut on = [false; 2];
        for action in generate(seed, &options).actions {
            match action {
                Action::MsixEnable { ctrl, vectors } => on[usize::from(ctrl)] = vectors != 0,
                Action::WriteReg { ctrl, offset: 0x0c | 0x10, .. }
                | Action::ReadReg { ctrl, offset: 0x0c | 0x10, .. } => {
                    assert!(!on[usize::from(ctrl)], "seed {seed}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn two_controllers_are_driven_in_one_sequence_and_meet_on_the_same_blocks() {
    let options = GenOptions { controllers: 2, ..GenOptions::default() };
    let mut met = 0;
    for seed in 0..100 {
        let mut blocks = [BTreeSet::new(), BTreeSet::new()];
        for action in generate(seed, &options).actions {
            if let Action::Submit { ctrl, sqid, sqe, .. } = action
                && !sqid.is_admin()
                && matches!(sqe.opcode(), 0x01 | 0x02)
            {
                blocks[usize::from(ctrl)].insert((sqe.nsid(), sqe.dw[10]));
            }
        }
        met += u32::from(!blocks[0].is_disjoint(&blocks[1]));
    }
    assert!(met > 25, "only {met} of 100 sequences use the same block through both controllers");
}

/// A host that did not give its consent gets nothing that erases or that nobody knows.
#[test]
fn nothing_beyond_the_consent_is_planned() {
    for consent in [Hazard::Harmless, Hazard::Erasing] {
        let resets = vec![ResetKind::FunctionLevel];
        let options = GenOptions { consent, resets, ..GenOptions::default() };
        for seed in 0..100 {
            for action in generate(seed, &options).actions {
                assert!(action.hazard(1) <= consent, "seed {seed}: {action}");
            }
        }
    }
}
