//! Do the tests notice a bug? Each planted defect of the emulator is put before all of them.
//!
//! A defect is *killed* by a finding that accuses it of one of the requirements that its file declares, in
//! a test that the unmodified emulator (of the same configuration) passes with the same seed. The tests
//! that are for a broken requirement come first, and the first kill ends a defect's row.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use emulator::{Config, Defect};
use lab::TestCase;
use model::{Finding, FindingKind};
use reports::{DefectRow, Kill, KillMatrix, Verdict};
use spec::requirement::Level;
use spec::{Req, Version};

use crate::facts;
use crate::lane::{EmulatorLane, default_emulator};
use crate::run::{Plan, Stand, Teller, on_same};
use crate::schedule::{Step, in_order};

/// The requirement of which a finding accuses a controller of revision `version`: that of a divergence, or
/// of a warning where the requirement is a "should" and cannot be broken otherwise.
pub fn accused(finding: &Finding, version: Version) -> Option<Req> {
    let should = |req: &Req| req.force(version).is_some_and(|force| force.level == Level::Should);
    match finding.kind {
        FindingKind::Divergence(_) => finding.req,
        FindingKind::Warning => finding.req.filter(should),
        _ => None,
    }
}

/// Puts every one of `defects` before the tests of `plan`, `plan.jobs` defects at a time. Rows are
/// handed to `sink` in order as they come. Interrupted by `stop`, the matrix is short.
pub fn sabotage<E>(
    defects: &[&'static dyn Defect],
    plan: &Plan,
    stop: &AtomicBool,
    sink: &mut dyn FnMut(&DefectRow) -> Result<(), E>,
) -> Result<KillMatrix, E> {
    let mut matrix = KillMatrix::new(facts::COMMIT, plan.seed);
    let known = Mutex::default();
    let work = |n: usize| row(defects[n], plan, &known);
    in_order(defects.len(), plan.jobs, &|| stop.load(Ordering::Relaxed), &work, &mut |step| {
        if let Step::Finished(_, row) = step {
            sink(&row)?;
            matrix.defects.push(row);
        }
        Ok(())
    })?;
    Ok(matrix)
}

/// How the unmodified emulator does in each test of the plan, by configuration: most defects need no
/// configuration of their own.
type Known = Mutex<Vec<(Config, Arc<OnceLock<Vec<Verdict>>>)>>;

/// The verdict of each test on an unmodified emulator of this configuration.
fn unmodified(config: &Config, plan: &Plan, known: &Known) -> Arc<OnceLock<Vec<Verdict>>> {
    let cell = {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.iter().find(|(other, _)| other == config) {
            Some((_, cell)) => Arc::clone(cell),
            None => {
                known.push((config.clone(), Arc::default()));
                Arc::clone(&known[known.len() - 1].1)
            }
        }
    };
    cell.get_or_init(|| {
        let lane = EmulatorLane::new(config.clone(), None);
        let teller = Teller { profile: &plan.profile, revision: None, waivers: &plan.waivers };
        let all = on_same(&lane, &plan.profile, |stand| {
            stand.prime();
            let verdict = |case: &&'static TestCase| {
                let run = stand.perform(|bench| bench.run(case, plan.seed.0));
                run.map_or(Verdict::Error, |(run, lines)| {
                    teller.tell(&case.id(), case.requirements, &run, &lines).0.verdict
                })
            };
            plan.tests.iter().map(verdict).collect()
        });
        all.unwrap_or_default()
    });
    cell
}

fn row(defect: &'static dyn Defect, plan: &Plan, known: &Known) -> DefectRow {
    let mut config = default_emulator();
    defect.configure(&mut config);
    let verdicts = unmodified(&config, plan, known);
    let version = config.version;
    let broken = EmulatorLane::new(config, Some(defect));
    let mut row = DefectRow {
        name: defect.name().into(),
        story: defect.story().into(),
        breaks: defect.breaks().iter().map(|&name| name.into()).collect(),
        tests: 0,
        unfit: Vec::new(),
        kills: Vec::new(),
        also: Vec::new(),
    };
    let aims =
        |case: &TestCase| case.requirements.iter().any(|req| defect.breaks().contains(&req.name()));
    let mut cases = Vec::new();
    for (case, verdict) in plan.tests.iter().zip(verdicts.get().into_iter().flatten()) {
        match verdict {
            Verdict::Passed => cases.push(*case),
            Verdict::NotApplicable => {}
            _ => row.unfit.push(case.id()),
        }
    }
    // A stable sort: among those that aim at it, and among the others, the order of their ids.
    cases.sort_by_key(|case| !aims(case));
    let attacked = on_same(&broken, &plan.profile, |stand| {
        stand.prime();
        cases.iter().any(|case| attack(stand, case, defect, version, plan, &mut row))
    });
    if let Err(why) = attacked {
        row.also.push(format!("the lane did not open: {why}"));
    }
    row
}

/// Runs one test on the broken emulator; whether it killed the defect. A harness error under a defect
/// kills nothing: `lockstep run --defect` shows it.
fn attack(
    stand: &mut Stand<'_, '_>,
    case: &'static TestCase,
    defect: &dyn Defect,
    version: Version,
    plan: &Plan,
    row: &mut DefectRow,
) -> bool {
    row.tests += 1;
    let Ok((run, _)) = stand.perform(|bench| bench.run(case, plan.seed.0)) else { return false };
    for finding in &run.findings {
        let Some(req) = accused(finding, version) else { continue };
        let name = req.name();
        if defect.breaks().contains(&name) {
            if !row.kills.iter().any(|kill| kill.requirement == name) {
                row.kills.push(Kill { test: case.id(), requirement: name.into() });
            }
        } else if !row.also.iter().any(|other| other == name) {
            row.also.push(name.into());
        }
    }
    row.killed()
}
