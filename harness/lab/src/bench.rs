//! The bench: where a DUT stands while tests, sequences and fuzzing run on it, one after the other.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use dut::Dut;
use log::Log;
use log::random::Random;
use model::{Coverage, Finding, Profile, Verdict};

use crate::action::Hazard;
use crate::core::{Core, Settings};
use crate::lab::Lab;
use crate::prelude::Prelude;
use crate::registry::TestCase;
use crate::sequence::{Sequence, Start};
use crate::snapshot::Spare;
use crate::stop::{Outcome, Stop};

/// What one run of a test or a sequence gave.
#[derive(Clone, Debug)]
pub struct TestRun {
    /// The whole segment, bring-up included.
    pub log: Log,
    /// What the host did after bring-up.
    pub sequence: Sequence,
    /// The judge's verdict, before waivers.
    pub verdict: Verdict,
    /// What the judge found, in order.
    pub findings: Vec<Finding>,
    /// What was exercised and judged.
    pub coverage: Coverage,
    /// Why the test stopped before its end, if it did.
    pub stop: Option<Stop>,
    /// How much of the DUT's time it took, in nanoseconds.
    pub nanos: u64,
}

/// A DUT with the profile that it is judged by, and the bring-up that its tests share.
pub struct Bench<'d> {
    dut: &'d mut dyn Dut,
    profile: Arc<Profile>,
    settings: Settings,
    snapshot: Option<Rc<Prelude>>,
    dirty_end: u64,
    overlaid: bool,
    spare: Spare,
}

impl<'d> Bench<'d> {
    /// A bench for this DUT.
    pub fn new(dut: &'d mut dyn Dut, profile: Arc<Profile>, settings: Settings) -> Self {
        Self {
            dut,
            profile,
            settings,
            snapshot: None,
            dirty_end: 0,
            overlaid: false,
            spare: Spare::default(),
        }
    }

    /// The DUT.
    pub fn dut(&mut self) -> &mut dyn Dut {
        self.dut
    }

    /// The worst hazard that the owner of the DUT consents to.
    pub fn consent(&self) -> Hazard {
        self.settings.consent
    }

    /// Brings controller 0 up and marks that state, where the DUT can be rewound: every test then starts
    /// from it, and what ran before no longer matters. Without it the first test that wants an enabled
    /// controller does so.
    pub fn prime(&mut self) {
        if self.dut.capabilities().rewind && self.snapshot.is_none() {
            let _ = self.run_as("prime", 0, |lab| lab.enabled_controller().map(drop));
        }
    }

    /// Runs a registered test, with the random numbers of (`seed`, its id), and claims its requirements.
    pub fn run(&mut self, test: &TestCase, seed: u64) -> TestRun {
        let id = test.id();
        self.run_as(&id, seed, |lab| {
            (test.run)(lab)?;
            test.requirements.iter().try_for_each(|req| lab.judged(*req))
        })
    }

    /// Runs any body as a test called `name`.
    pub fn run_as(
        &mut self,
        name: &str,
        seed: u64,
        body: impl FnOnce(&mut Lab<'_>) -> Outcome,
    ) -> TestRun {
        let began = self.dut.now();
        let profile = Arc::clone(&self.profile);
        let core = Core::new(self.dut, profile, self.settings, &mut self.spare);
        let core = Rc::new(RefCell::new(core));
        let random = Random::named(seed, name);
        let snapshot = self.snapshot.clone();
        let (dirty_end, overlaid) = (self.dirty_end, self.overlaid);
        let core_of_lab = Rc::clone(&core);
        let mut lab =
            Lab { core: core_of_lab, random, started: None, snapshot, dirty_end, overlaid };
        lab.core.borrow_mut().sequence.seed = seed;
        let outcome = body(&mut lab);
        lab.finish();
        self.snapshot = lab.snapshot.take();
        self.overlaid = lab.started != Some(Start::Enabled);
        drop(lab);
        self.dirty_end = self.dirty_end.max(core.borrow().host.memory.untouched());
        let run = conclude(&mut core.borrow_mut(), outcome, began);
        // A test that keeps a handle beyond its end (in a static, say) still holds the core.
        if let Ok(core) = Rc::try_unwrap(core) {
            let core = core.into_inner();
            self.spare.state = Some((core.judge, core.host));
        }
        run
    }

    /// Takes a run back that nobody needs any more: the next one uses its memory, which is warm. Thousands of
    /// short runs, or long ones, are faster for it; nothing else changes.
    pub fn recycle(&mut self, run: TestRun) {
        let TestRun { mut log, mut sequence, .. } = run;
        log.copy_from(&Log::default());
        sequence.actions.clear();
        self.spare.log = log;
        self.spare.sequence = Sequence { actions: sequence.actions, ..Sequence::default() };
    }

    /// Runs a sequence step by step.
    pub fn replay(&mut self, sequence: &Sequence) -> TestRun {
        self.play(sequence, Missing::Stops)
    }

    /// Runs what can be run of a sequence: a step whose buffer, command or queue is missing (because an
    /// earlier step was deleted) is passed over. The run's sequence holds the steps that were done.
    pub fn replay_possible(&mut self, sequence: &Sequence) -> TestRun {
        self.play(sequence, Missing::IsPassedOver)
    }

    fn play(&mut self, sequence: &Sequence, missing: Missing) -> TestRun {
        self.run_as("replay", sequence.seed, |lab| {
            lab.start(sequence.start)?;
            for action in &sequence.actions {
                if missing == Missing::IsPassedOver && !lab.core.borrow().is_possible(action) {
                    continue;
                }
                match lab.perform(action) {
                    Ok(_) | Err(Stop::Diverged(_) | Stop::Refused(_) | Stop::PatienceOver(_)) => {}
                    Err(stop) => return Err(stop),
                }
            }
            Ok(())
        })
    }
}

/// What a run gave, after its end.
fn conclude(core: &mut Core<'_>, outcome: Outcome, began: u64) -> TestRun {
    TestRun {
        verdict: core.judge.verdict(),
        findings: core.judge.findings().to_vec(),
        coverage: core.judge.coverage().clone(),
        log: std::mem::take(&mut core.log),
        sequence: std::mem::take(&mut core.sequence),
        stop: outcome.err(),
        nanos: core.dut.now().saturating_sub(began),
    }
}

/// What becomes of a step whose buffer, command or queue is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Missing {
    Stops,
    IsPassedOver,
}

/// Runs one test on a DUT that nothing else uses. Many tests: make one [`Bench`] for all.
pub fn run_test(
    dut: &mut dyn Dut,
    test: &TestCase,
    profile: Arc<Profile>,
    seed: u64,
    settings: Settings,
) -> TestRun {
    Bench::new(dut, profile, settings).run(test, seed)
}
