//! What proves that a requirement is judged: a planted defect, and a finding that names that very requirement.
//!
//! Every defect of the emulator is put before the tests until each requirement that it declares is shown.
//! `ci/proof.toml` lists what is left; its lists are exact, so that they shrink as soon as they can and grow
//! only under the eyes of a reviewer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use emulator::{Config, Defect};
use lab::TestCase;
use model::{FindingKind, Profile, Verdict};
use runner::lane::{EmulatorLane, default_emulator};
use runner::run::{Stand, on_same};
use serde::Deserialize;
use spec::Req;
use spec::requirement::Level;
// Without a name used from it the linker drops the suites, and with them every test.
use lockstep_suites as _;

const SEED: u64 = 0x5eed;

/// `ci/proof.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    /// No finding names it: see the file.
    circumstance: BTreeSet<String>,
    /// No defect shows it, and why.
    unproved: BTreeMap<String, String>,
}

/// What one test made of one controller.
#[derive(Default)]
struct Run {
    passed: bool,
    /// Requirements that something was held against.
    judged: BTreeSet<Req>,
    /// Requirements that a divergence or a warning names.
    named: BTreeSet<Req>,
    /// Whether anything diverged.
    diverged: bool,
}

fn perform(stand: &mut Stand<'_, '_>, case: &'static TestCase) -> Run {
    let Ok((run, _)) = stand.perform(|bench| bench.run(case, SEED)) else { return Run::default() };
    let judged = Req::all().zip(&run.coverage.judged).filter(|(_, n)| **n > 0);
    let accuses = |kind| matches!(kind, FindingKind::Divergence(_) | FindingKind::Warning);
    let named = run.findings.iter().filter(|f| accuses(f.kind)).filter_map(|f| f.req);
    Run {
        passed: run.verdict == Verdict::Passed && run.stop.is_none(),
        judged: judged.map(|(req, _)| req).collect(),
        named: named.collect(),
        diverged: run.verdict == Verdict::Diverged,
    }
}

fn on<R>(
    config: &Config,
    defect: Option<&'static dyn Defect>,
    body: impl FnOnce(&mut Stand<'_, '_>) -> R,
) -> R {
    let lane = EmulatorLane::new(config.clone(), defect);
    let primed = |stand: &mut Stand<'_, '_>| {
        stand.prime();
        body(stand)
    };
    on_same(&lane, &Arc::new(Profile::default()), primed).expect("the emulator opens")
}

/// The same work on every core: `work(n)` for each `n` below `count`, in order.
fn spread<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= count {
            return;
        }
        let made = work(n);
        done.lock().unwrap_or_else(PoisonError::into_inner).push((n, made));
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(worker))));
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, made)| made).collect()
}

/// The declared requirements of a defect that are shown, tests that aim at them first: those that a
/// finding names, and those of `circumstance` that a test is for which notices the defect.
fn shown(defect: &'static dyn Defect, circumstance: &BTreeSet<String>) -> BTreeSet<Req> {
    let mut config = default_emulator();
    defect.configure(&mut config);
    let declared: BTreeSet<Req> =
        defect.breaks().iter().filter_map(|name| Req::find(name)).collect();
    let aims =
        |case: &&'static TestCase| case.requirements.iter().any(|req| declared.contains(req));
    let (mut cases, others): (Vec<_>, Vec<_>) = lab::tests().into_iter().partition(aims);
    cases.extend(others);
    let mut shown = BTreeSet::new();
    // A test that does not pass without the defect shows nothing.
    on(&config, None, |unmodified| {
        on(&config, Some(defect), |broken| {
            for case in cases {
                let run = perform(broken, case);
                let by_name = run.named.intersection(&declared).copied();
                let by_circumstance = case.requirements.iter().copied().filter(|req| {
                    run.diverged && declared.contains(req) && circumstance.contains(req.name())
                });
                let news: BTreeSet<Req> = by_name.chain(by_circumstance).collect();
                if news.is_subset(&shown) {
                    continue;
                }
                let before = perform(unmodified, case);
                let judged =
                    |req: &Req| !circumstance.contains(req.name()) || before.judged.contains(req);
                if before.passed {
                    shown.extend(news.into_iter().filter(judged));
                }
                if shown == declared {
                    return;
                }
            }
        });
    });
    shown
}

#[test]
fn every_judged_requirement_has_a_defect_that_shows_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/proof.toml");
    let text = std::fs::read_to_string(path).expect("ci/proof.toml can be read");
    let Lists { circumstance, unproved } =
        toml::from_str(&text).expect("ci/proof.toml is well formed");

    let defects = emulator::defect::TABLE;
    let all = spread(defects.len(), |n| shown(defects[n], &circumstance));
    let mut wrong = Vec::new();
    for (defect, shown) in defects.iter().zip(&all) {
        let missing =
            defect.breaks().iter().filter(|name| !shown.iter().any(|r| r.name() == **name));
        wrong.extend(missing.map(|name| format!("{} does not show {name}", defect.name())));
    }
    let proved: BTreeSet<&str> = all.iter().flatten().map(|req| req.name()).collect();
    let idle = circumstance.iter().filter(|name| !proved.contains(name.as_str()));
    wrong.extend(idle.map(|name| format!("circumstance: no defect shows {name}")));

    let config = default_emulator();
    let accuses = |req: &Req| {
        let force = req.force(config.version);
        req.info().verified && force.is_some_and(|force| force.level > Level::May)
    };
    let runs = on(&config, None, |stand| {
        lab::tests().into_iter().map(|case| perform(stand, case)).collect::<Vec<_>>()
    });
    let judged: BTreeSet<Req> =
        runs.iter().flat_map(|run| run.judged.iter().copied()).filter(accuses).collect();
    let left = judged.iter().map(|req| req.name()).filter(|name| !proved.contains(name));
    let left: BTreeSet<&str> = left.collect();
    let unlisted = left.iter().filter(|name| !unproved.contains_key(**name));
    wrong.extend(unlisted.map(|name| format!("no defect shows {name}")));
    for (name, reason) in &unproved {
        if !left.contains(name.as_str()) {
            wrong.push(format!("unproved: {name} is shown, or not judged: it needs no line"));
        }
        if reason.trim().is_empty() {
            wrong.push(format!("unproved: {name} has no reason"));
        }
    }
    eprintln!(
        "{} requirements judged, {} shown by defects ({} of them by circumstance), {} unproved",
        judged.len(),
        proved.len(),
        circumstance.len(),
        left.len()
    );
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
