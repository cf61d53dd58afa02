//! Planted defects are found by the generator alone, and what found them is cut to a few steps.

extern crate lockstep_lab as lab;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use emulator::{Config, Defect, EmulatorDut, defect};
use lab::{Action, Bench, GenOptions, Sequence, Settings, Target, Word, generate, shrink};
use model::{Finding, FindingKind, Profile, Verdict};

/// The first seed whose sequence diverges by a requirement that the defect breaks.
fn find(bench: &mut Bench<'_>, defect: &dyn Defect, seeds: u64) -> Option<(Sequence, Target)> {
    let options = GenOptions::of(bench).unwrap_or_default();
    (0..seeds).find_map(|seed| {
        let sequence = generate(seed, &options);
        let run = bench.replay(&sequence);
        let broken =
            |target: &Target| target.req.is_some_and(|req| defect.breaks().contains(&req.name()));
        let target = run.findings.iter().filter_map(Target::of).find(broken)?;
        Some((sequence, target))
    })
}

/// What every find is cut to.
const MOST_STEPS: usize = 10;

/// How many planted defects 300 sequences for each of them find.
const FOUND_AT_LEAST: usize = 228;

#[test]
fn the_generator_finds_planted_defects_and_shrinking_cuts_them_short() {
    let next = AtomicUsize::new(0);
    let tried: Vec<(&str, Option<usize>)> = std::thread::scope(|scope| {
        let worker = || {
            let at = || defect::TABLE.get(next.fetch_add(1, Ordering::Relaxed));
            std::iter::from_fn(at)
                .map(|defect| (defect.name(), find_and_cut(*defect)))
                .collect::<Vec<_>>()
        };
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let all: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        all.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(tried.len(), defect::TABLE.len());
    let missed: Vec<_> = tried.iter().filter(|(_, cut)| cut.is_none()).collect();
    println!("missed: {missed:?}");
    // The goal is 12; what is reached may not fall.
    let found = tried.len() - missed.len();
    assert!(found >= FOUND_AT_LEAST, "{found} found");
    let long: Vec<_> =
        tried.iter().filter(|(_, cut)| cut.is_some_and(|n| n > MOST_STEPS)).collect();
    assert!(long.is_empty(), "too long: {long:?}");
}

/// How many steps are left of a sequence that finds the defect, if one is found.
fn find_and_cut(defect: &'static dyn Defect) -> Option<usize> {
    let mut config = Config { controllers: 2, ..Config::default() };
    defect.configure(&mut config);
    let mut sound = EmulatorDut::new(config.clone()).unwrap();
    let mut dut = EmulatorDut::with_defect(config, defect).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let (sequence, target) = find(&mut bench, defect, 300)?;
    let mut runs = 0;
    let (short, kept) = shrink::<()>(&sequence, Some(target), 3000, &mut |candidate| {
        runs += 1;
        Ok(bench.replay_possible(candidate))
    })
    .unwrap()
    .expect("it diverged just now");
    assert_eq!(kept, target);
    // As a user replays it: every step of its text, none passed over.
    let read = Sequence::from_text(&short.to_text()).unwrap();
    let run = bench.replay(&read);
    assert!(target.is_hit_by(&run), "{}: the short one still diverges", defect.name());
    assert!(!matches!(run.verdict, Verdict::Error(_)), "{}", defect.name());
    places_lie_in_their_buffers(&short);
    // The same emulator without the defect: the sequence raises nothing, and what is left of it
    // does not diverge by that requirement.
    let mut innocent = Bench::new(&mut sound, Arc::new(Profile::default()), Settings::default());
    let run = innocent.replay(&sequence);
    let accused = |f: &&Finding| matches!(f.kind, FindingKind::Divergence(_));
    let alarm = run.findings.iter().find(accused);
    assert!(alarm.is_none(), "{}: {alarm:#?}", defect.name());
    assert!(!matches!(run.verdict, Verdict::Error(_)), "{}", defect.name());
    let run = innocent.replay_possible(&short);
    let excuse = format!("{}\n{:#?}", short.to_text(), run.findings);
    let alarm = run.findings.iter().any(|finding| accused(&finding));
    assert!(!alarm, "{}: not the defect's doing: {excuse}", defect.name());
    println!("{:3} {} {:?} {runs}", short.actions.len(), defect.name(), target.req);
    if short.actions.len() > MOST_STEPS {
        println!("{}", short.to_text());
    }
    Some(short.actions.len())
}

/// Whatever a command or a list points to lies in the buffer that it names.
fn places_lie_in_their_buffers(sequence: &Sequence) {
    let mut bytes = BTreeMap::new();
    for action in &sequence.actions {
        let mut held = Vec::new();
        match action {
            Action::Buffer { id, bytes: len, .. } => drop(bytes.insert(*id, *len)),
            Action::Submit { links, .. } | Action::Send { links, .. } => {
                held.extend([links.prp1, links.prp2].into_iter().flatten());
            }
            Action::List { entries, .. } => held.extend(entries.iter().filter_map(|word| {
                let Word::At(id, offset) = word else { return None };
                Some((*id, *offset))
            })),
            _ => {}
        }
        for (id, offset) in held {
            assert!(offset < bytes[&id], "{action}");
        }
    }
}
