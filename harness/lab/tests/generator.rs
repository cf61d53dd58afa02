//! The generator against the emulator: deterministic, and no innocent controller is accused.

extern crate lockstep_lab as lab;

use std::collections::BTreeMap;
use std::sync::Arc;

use emulator::{Config, EmulatorDut};
use lab::{Bench, GenOptions, Sequence, Settings, generate};
use model::{FindingKind, Profile};

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

#[test]
fn an_innocent_controller_is_not_accused() {
    let count = std::env::var("LOCKSTEP_SEQUENCES").ok().and_then(|n| n.parse().ok());
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let options = GenOptions::default();
    let mut kinds: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for seed in 0..count.unwrap_or(300) {
        let sequence = generate(seed, &options);
        let run = bench.replay(&sequence);
        if let Some(stop) = &run.stop {
            let entry = kinds.entry(format!("stop: {stop}")).or_default();
            entry.0 += 1;
            entry.1 = format!("seed {seed}");
        }
        for finding in run.findings.iter().filter(|f| f.kind != FindingKind::Inconclusive) {
            let entry = kinds.entry(format!("{:?} {:?}", finding.kind, finding.req)).or_default();
            entry.0 += 1;
            let step = sequence.actions.get(usize::from(finding.step).wrapping_sub(1));
            let step = step.map_or("audit".to_string(), |action| action.to_string());
            let (place, observed, allowed) = (&finding.place, &finding.observed, &finding.allowed);
            entry.1 = format!(
                "seed {seed} step {} ({step}): {place}: {observed}, allowed {allowed:?}",
                finding.step
            );
        }
    }
    assert!(kinds.is_empty(), "{kinds:#?}");
}
