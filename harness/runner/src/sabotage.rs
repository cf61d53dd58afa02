//! Do the tests notice a bug? Each planted defect of the emulator is put before all of them.
//!
//! A defect is *killed* by a divergence that names one of the requirements that the defect's file
//! declares, in a test that the unmodified emulator (of the same configuration) passes with the same
//! seed.

use std::sync::atomic::AtomicBool;

use emulator::Defect;
use model::FindingKind;
use reports::{DefectRow, Kill, KillMatrix, Verdict};

use crate::facts;
use crate::lane::{EmulatorLane, default_emulator};
use crate::run::{Plan, on_fresh, tell};
use crate::schedule::{Step, in_order};

/// Puts every one of `defects` before the tests of `plan`, `plan.jobs` defects at a time. Rows are
/// handed to `sink` in order as they come. Interrupted by `stop`, the matrix is short.
pub fn sabotage<E>(
    defects: &[&'static dyn Defect],
    plan: &Plan,
    stop: &AtomicBool,
    sink: &mut dyn FnMut(&DefectRow) -> Result<(), E>,
) -> Result<KillMatrix, E> {
    let mut matrix = KillMatrix::new(facts::COMMIT, plan.seed);
    let work = |n: usize| row(defects[n], plan);
    in_order(defects.len(), plan.jobs, stop, &work, &mut |step| {
        if let Step::Finished(_, row) = step {
            sink(&row)?;
            matrix.defects.push(row);
        }
        Ok(())
    })?;
    Ok(matrix)
}

fn row(defect: &'static dyn Defect, plan: &Plan) -> DefectRow {
    let mut config = default_emulator();
    defect.configure(&mut config);
    let correct = EmulatorLane::new(config.clone(), None);
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
    for case in &plan.tests {
        let id = case.id();
        let run = |lane| on_fresh(lane, &plan.profile, |bench| bench.run(case, plan.seed.0));
        let passed = run(&correct).map(|(run, lines)| {
            tell(&id, case.requirements, &run, &lines, None, &plan.waivers).0.verdict
        });
        match passed {
            Ok(Verdict::Passed) => row.tests += 1,
            Ok(Verdict::NotApplicable) => continue,
            _ => {
                row.unfit.push(id);
                continue;
            }
        }
        // A harness error under a defect kills nothing: the test that shows it says so by itself.
        let Ok((run, _)) = run(&broken) else { continue };
        for finding in &run.findings {
            let (FindingKind::Divergence(_), Some(req)) = (finding.kind, finding.req) else {
                continue;
            };
            let name = req.name();
            if defect.breaks().contains(&name) {
                row.kills.push(Kill { test: id.clone(), requirement: name.into() });
            } else if !row.also.iter().any(|other| other == name) {
                row.also.push(name.into());
            }
        }
    }
    row.kills.dedup();
    row
}
