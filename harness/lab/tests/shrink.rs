//! Planted defects are found by the generator alone, and what found them is cut to a few steps.

extern crate lockstep_lab as lab;

use std::sync::Arc;

use emulator::{Config, Defect, EmulatorDut, defect};
use lab::{Bench, GenOptions, Sequence, Settings, Target, generate, shrink};
use model::{Finding, FindingKind, Profile, Verdict};

/// The first seed whose sequence diverges by a requirement that the defect breaks.
fn find(bench: &mut Bench<'_>, defect: &dyn Defect, seeds: u64) -> Option<(Sequence, Target)> {
    let options = GenOptions::of(bench).unwrap_or_default();
    (0..seeds).find_map(|seed| {
        let sequence = generate(seed, &options);
        let run = bench.replay(&sequence);
        let killer = run.findings.iter().find(|finding| {
            matches!(finding.kind, FindingKind::Divergence(_))
                && finding.req.is_some_and(|req| defect.breaks().contains(&req.name()))
        })?;
        Some((sequence, Target { req: killer.req }))
    })
}

#[test]
fn the_generator_finds_planted_defects_and_shrinking_cuts_them_short() {
    let mut found = Vec::new();
    let mut missed = Vec::new();
    for defect in defect::TABLE {
        let mut config = Config::default();
        defect.configure(&mut config);
        let mut sound = EmulatorDut::new(config.clone()).unwrap();
        let mut dut = EmulatorDut::with_defect(config, *defect).unwrap();
        let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
        let Some((sequence, target)) = find(&mut bench, *defect, 300) else {
            missed.push(defect.name());
            continue;
        };
        let short = shrink(&mut bench, &sequence, target, 3000).expect("it diverged just now");
        let run = bench.replay_possible(&short);
        assert!(target.is_hit_by(&run), "{}: the short one still diverges", defect.name());
        // The same emulator without the defect: the sequence raises nothing, and what is left of it
        // does not diverge by that requirement.
        let mut innocent =
            Bench::new(&mut sound, Arc::new(Profile::default()), Settings::default());
        let run = innocent.replay(&sequence);
        let accused = |f: &&Finding| matches!(f.kind, FindingKind::Divergence(_));
        let alarm = run.findings.iter().find(accused);
        assert!(alarm.is_none(), "{}: {alarm:#?}", defect.name());
        assert!(!matches!(run.verdict, Verdict::Error(_)), "{}", defect.name());
        let run = innocent.replay_possible(&short);
        assert!(!target.is_hit_by(&run), "{}: not the defect's doing", defect.name());
        found.push((short.actions.len(), defect.name(), target.req, short.to_text()));
    }
    for (length, name, req, text) in &found {
        println!("{length:3} {name} {req:?}");
        if *length > 10 {
            println!("{text}");
        }
    }
    println!("missed: {missed:?}");
    assert!(found.len() >= 12, "{} found", found.len());
    let long: Vec<_> = found.iter().filter(|(length, ..)| *length > 10).collect();
    assert!(long.is_empty(), "{} are too long", long.len());
}
