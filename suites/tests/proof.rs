//! What proves that a requirement is judged: a planted defect, and a finding that names that very requirement.
//!
//! Every defect of the emulator is put before the tests until each requirement that it declares is shown.
//! `ci/proof.toml` lists what is left; its lists are exact, so that they shrink as soon as they can and grow
//! only under the eyes of a reviewer.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use emulator::{Config, Defect};
use lab::TestCase;
use model::{Profile, Verdict};
use runner::lane::{EmulatorLane, default_emulator};
use runner::run::{Stand, on_same};
use runner::sabotage::accused;
use runner::schedule::{Step, in_order};
use serde::Deserialize;
use spec::requirement::Level;
use spec::{Req, Version};
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
    /// How often something was held against each requirement and agreed, or was found wanting.
    judged: BTreeMap<Req, u64>,
    /// Requirements of which a finding accuses it.
    named: BTreeSet<Req>,
    /// Whether anything diverged.
    diverged: bool,
}

impl Run {
    /// How often the requirement was judged.
    fn credit(&self, req: &Req) -> u64 {
        self.judged.get(req).copied().unwrap_or(0)
    }
}

fn perform(stand: &mut Stand<'_, '_>, case: &'static TestCase, version: Version) -> Run {
    let Ok((run, _)) = stand.perform(|bench| bench.run(case, SEED)) else { return Run::default() };
    let judged = Req::all().zip(run.coverage.judged.iter().map(|n| u64::from(*n)));
    let named = run.findings.iter().filter_map(|finding| accused(finding, version));
    Run {
        passed: run.verdict == Verdict::Passed && run.stop.is_none(),
        judged: judged.filter(|(_, n)| *n > 0).collect(),
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
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all = Vec::new();
    let Ok(()) = in_order(count, jobs, &|| false, &work, &mut |step| {
        if let Step::Finished(_, made) = step {
            all.push(made);
        }
        Ok::<(), Infallible>(())
    });
    all
}

/// What the tests make of a defect.
#[derive(Default)]
struct Proof {
    /// The declared requirements that are shown: those that a finding names, and those of `circumstance`
    /// that a test which notices the defect is for, or credits less often than without it.
    shown: BTreeSet<Req>,
    /// All that findings name.
    named: BTreeSet<Req>,
}

/// Puts a defect before the tests until each declared requirement is shown, tests that aim at one first.
fn prove(defect: &'static dyn Defect, circumstance: &BTreeSet<Req>) -> Proof {
    let mut config = default_emulator();
    defect.configure(&mut config);
    let declared: BTreeSet<Req> =
        defect.breaks().iter().filter_map(|name| Req::find(name)).collect();
    let aims =
        |case: &&'static TestCase| case.requirements.iter().any(|req| declared.contains(req));
    let (mut cases, others): (Vec<_>, Vec<_>) = lab::tests().into_iter().partition(aims);
    cases.extend(others);
    let mut proof = Proof::default();
    // A test that does not pass without the defect shows nothing.
    on(&config, None, |unmodified| {
        on(&config, Some(defect), |broken| {
            for case in cases {
                let run = perform(broken, case, config.version);
                proof.named.extend(&run.named);
                let by_name = run.named.intersection(&declared).copied();
                let may_show = run.diverged && !circumstance.is_disjoint(&declared);
                if !may_show && by_name.clone().all(|req| proof.shown.contains(&req)) {
                    continue;
                }
                let before = perform(unmodified, case, config.version);
                if !before.passed {
                    continue;
                }
                let noticed = |req: &&Req| {
                    let lost = run.credit(req) < before.credit(req);
                    let aims = case.requirements.contains(req) && before.credit(req) > 0;
                    run.diverged && declared.contains(req) && (aims || lost)
                };
                proof.shown.extend(by_name.chain(circumstance.iter().filter(noticed).copied()));
                if proof.shown == declared {
                    return;
                }
            }
        });
    });
    proof
}

#[test]
fn every_judged_requirement_has_a_defect_that_shows_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/proof.toml");
    let text = std::fs::read_to_string(path).expect("ci/proof.toml can be read");
    let Lists { circumstance, unproved } =
        toml::from_str(&text).expect("ci/proof.toml is well formed");
    let known = |name: &String| Req::find(name).unwrap_or_else(|| panic!("no requirement {name}"));
    let circumstance: BTreeSet<Req> = circumstance.iter().map(known).collect();

    let defects = emulator::defect::TABLE;
    let all = spread(defects.len(), |n| prove(defects[n], &circumstance));
    let mut wrong = Vec::new();
    for (defect, proof) in defects.iter().zip(&all) {
        let shows = |name: &&&str| proof.shown.iter().any(|req| req.name() == **name);
        let named: Vec<&str> = proof.named.iter().map(|req| req.name()).collect();
        wrong.extend(defect.breaks().iter().filter(|name| !shows(name)).map(|name| {
            format!("{} does not show {name}; named: {}", defect.name(), named.join(", "))
        }));
    }
    let proved: BTreeSet<&str> =
        all.iter().flat_map(|proof| &proof.shown).map(|req| req.name()).collect();
    let idle = circumstance.iter().map(|req| req.name()).filter(|name| !proved.contains(name));
    wrong.extend(idle.map(|name| format!("circumstance: no defect shows {name}")));
    for (defect, proof) in defects.iter().zip(&all) {
        let named = proof.shown.intersection(&proof.named).filter(|req| circumstance.contains(req));
        wrong.extend(named.map(|req| {
            format!("circumstance: a finding names {} with {}: no line", req.name(), defect.name())
        }));
    }

    let config = default_emulator();
    let accuses = |req: &Req| {
        let force = req.force(config.version);
        req.info().verified && force.is_some_and(|force| force.level > Level::May)
    };
    let runs = on(&config, None, |stand| {
        lab::tests()
            .into_iter()
            .map(|case| perform(stand, case, config.version))
            .collect::<Vec<_>>()
    });
    let judged: BTreeSet<Req> =
        runs.iter().flat_map(|run| run.judged.keys().copied()).filter(accuses).collect();
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
