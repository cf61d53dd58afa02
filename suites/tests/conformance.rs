//! Every test of the suites, on every lane that is here, as trials of `cargo test`.
//!
//! - The emulator lane runs always.
//! - The QEMU lane runs if QEMU is there, and once more with QEMU's IOMMU between controllers and
//!   memory (`qemu-iommu`). If it is not, one ignored trial says why; with
//!   `LOCKSTEP_REQUIRE=qemu` that trial fails. Known deviations are waived by
//!   `ci/waivers/qemu-<version>.toml`; a waiver that matches nothing fails the whole.
//!
//! A trial's failure is the story of its findings. `LOCKSTEP_SEED` sets the seed of the run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use lab::TestCase;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use reports::{Seed, Story, TestFinished, Verdict, write_story};
use runner::facts;
use runner::lane::{EmulatorLane, Lane, QemuLane, default_emulator, default_qemu};
use runner::run::{Teller, on_fresh};
use runner::waiver::Waivers;
use spec::requirement::create_io_sq;
use spec::{Entries, Qid, Version};
// Without a name used from it the linker drops the suites, and with them every test.
use lockstep_suites as _;

/// A lane and what its trials share.
struct Court {
    lane: Box<dyn Lane>,
    seed: Seed,
    revision: Option<Version>,
    facts: reports::DutFacts,
    waivers: Waivers,
    waivers_path: Option<PathBuf>,
    /// Waivers (indices) that covered something, and tests that proved nothing about waivers.
    used: Mutex<BTreeSet<usize>>,
    skipped: Mutex<BTreeSet<String>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let seed = std::env::var("LOCKSTEP_SEED").map_or(Ok(Seed(0x5eed)), |text| text.parse());
    let seed = match seed {
        Ok(seed) => seed,
        Err(error) => {
            eprintln!("LOCKSTEP_SEED: {error}");
            return ExitCode::from(2);
        }
    };
    let mut trials = vec![
        Trial::test("every_test_is_registered", every_test_is_registered),
        Trial::test("canaries_fail", move || canaries_fail(seed)),
    ];
    let emulator = EmulatorLane::new(default_emulator(), None);
    match Court::open(Box::new(emulator), seed, None) {
        Ok(court) => trials.extend(court.trials("emulator")),
        Err(why) => trials.push(Trial::test("emulator_opens", move || Err(why.into()))),
    }
    let lanes = [("qemu", false), ("qemu-iommu", true)].map(|(kind, iommu)| {
        let qemu = qemu(seed, iommu);
        match &qemu {
            Ok(court) => trials.extend(court.trials(kind)),
            Err(why) => trials.push(absent_qemu(kind, why.clone())),
        }
        qemu
    });
    let all = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    let stale =
        lanes.iter().flatten().filter(|_| all).flat_map(|court| court.stale()).collect::<Vec<_>>();
    for why in &stale {
        eprintln!("error: {why}");
    }
    if conclusion.has_failed() || !stale.is_empty() {
        ExitCode::from(101)
    } else {
        ExitCode::SUCCESS
    }
}

/// QEMU's lane, or why there is none.
fn qemu(seed: Seed, iommu: bool) -> Result<Arc<Court>, String> {
    let options = qemu::Options { iommu, ..default_qemu() };
    let version = qemu::Qemu::open(options.clone()).map_err(|error| error.to_string())?;
    let version = version.version().to_string();
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
    let short = [numbers.next().unwrap_or("0"), numbers.next().unwrap_or("0")].join(".");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let waivers = root.join(format!("ci/waivers/qemu-{short}.toml"));
    let waivers = waivers.exists().then_some(waivers);
    Court::open(
        Box::new(QemuLane::new(options, if iommu { " --iommu" } else { "" })),
        seed,
        waivers,
    )
}

/// Stands for the QEMU lane where there is none.
fn absent_qemu(kind: &str, why: String) -> Trial {
    let required = std::env::var("LOCKSTEP_REQUIRE").is_ok_and(|lanes| lanes.contains("qemu"));
    Trial::ignorable_test(format!("{kind}_opens"), move || match required {
        true => Err(format!("LOCKSTEP_REQUIRE=qemu, but {why}").into()),
        false => Ok(Completion::ignored_with(why)),
    })
}

impl Court {
    fn open(
        lane: Box<dyn Lane>,
        seed: Seed,
        waivers_path: Option<PathBuf>,
    ) -> Result<Arc<Self>, String> {
        let mut dut = lane.open().map_err(|error| error.to_string())?;
        let vs = dut.read(dut::Ctrl(0), spec::register::VS, dut::Width::U32);
        let revision = vs.ok().map(|vs| Version::from_raw(vs as u32));
        let facts = facts::dut(&*dut, &lane.arguments(), revision);
        let waivers = waivers_path.as_deref().map(Waivers::load).transpose();
        let waivers = waivers.map_err(|error| error.to_string())?.unwrap_or_default();
        let (used, skipped) = (Mutex::default(), Mutex::default());
        drop(dut);
        Ok(Arc::new(Self { lane, seed, revision, facts, waivers, waivers_path, used, skipped }))
    }

    fn trials(self: &Arc<Self>, kind: &str) -> Vec<Trial> {
        let trial = |case: &'static TestCase| {
            let court = Arc::clone(self);
            Trial::ignorable_test(case.id(), move || court.judge(case)).with_kind(kind)
        };
        lab::tests().into_iter().map(trial).collect()
    }

    fn judge(&self, case: &'static TestCase) -> Result<Completion, Failed> {
        let performed =
            on_fresh(&*self.lane, &Arc::default(), |bench| bench.run(case, self.seed.0));
        let (run, lines) = performed.map_err(|why| {
            self.skipped.lock().expect("no panic holds it").insert(case.id());
            Failed::from(why)
        })?;
        let id = case.id();
        let profile = Arc::default();
        let teller = Teller { profile: &profile, revision: self.revision, waivers: &self.waivers };
        let (told, used) = teller.tell(&id, case.requirements, &run, &lines);
        self.used.lock().expect("no panic holds it").extend(used);
        if matches!(told.verdict, Verdict::NotApplicable | Verdict::Error) {
            self.skipped.lock().expect("no panic holds it").insert(id);
        }
        match told.verdict {
            Verdict::Passed | Verdict::Warned => Ok(Completion::Completed),
            Verdict::Waived | Verdict::NotApplicable => Ok(Completion::ignored_with(told.reason)),
            Verdict::Diverged | Verdict::Unproved | Verdict::Error => Err(self.story(&told).into()),
        }
    }

    fn story(&self, test: &TestFinished) -> String {
        let mut text = format!("{}: {}\n", test.verdict, test.reason).into_bytes();
        let (dut, commit, profile) = (&self.facts, facts::COMMIT, "default");
        let story = Story { dut, seed: self.seed, commit, profile, test, again: None };
        // Writing to memory cannot fail.
        let _ = write_story(&story, &mut text, false);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Waivers that covered nothing although every test that they name ran.
    fn stale(&self) -> Vec<String> {
        let used = self.used.lock().expect("no panic holds it");
        let skipped = self.skipped.lock().expect("no panic holds it");
        let ids: Vec<String> = lab::tests().iter().map(|case| case.id()).collect();
        let path = self.waivers_path.as_deref().unwrap_or(Path::new("")).display();
        let entries = self.waivers.entries.iter().enumerate();
        let idle = entries.filter(|(at, waiver)| {
            let mut named = ids.iter().filter(|id| runner::filter::glob(&waiver.test, id));
            !waiver.intermittent && !used.contains(at) && named.all(|id| !skipped.contains(id))
        });
        idle.map(|(_, w)| format!("{path}:{}: the waiver `{}` matched nothing", w.line, w.id))
            .collect()
    }
}

/// A suite that is not linked, or a file that no `mod` names, would pass by not being there.
fn every_test_is_registered() -> Result<(), Failed> {
    fn count(folder: &Path) -> std::io::Result<usize> {
        let mut found = 0;
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            found += if path.is_dir() {
                count(&path)?
            } else {
                let text = std::fs::read_to_string(&path)?;
                text.lines().filter(|line| line.starts_with("#[conformance")).count()
            };
        }
        Ok(found)
    }
    let written = count(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))?;
    let registered = lab::tests().len();
    if registered == 0 || registered != written {
        return Err(format!("{written} tests are written, {registered} are registered").into());
    }
    Ok(())
}

/// Two tests that must fail: one claims what is not so, the other meets a planted defect. A harness
/// that lets them pass would let anything pass.
fn canaries_fail(seed: Seed) -> Result<(), Failed> {
    let profile = Arc::default();
    let lane = EmulatorLane::new(default_emulator(), None);
    let (run, _) = on_fresh(&lane, &profile, |bench| {
        bench.run_as("canary", seed.0, |lab| {
            let mut ctrl = lab.enabled_controller()?;
            ctrl.create_io_cq(Qid(1), Entries(64))?;
            let good = ctrl.io_sq(Qid(1), Qid(1))?;
            ctrl.admin(good)?.refused_by(create_io_sq::CQID_NOT_CREATED)
        })
    })?;
    if matches!(run.verdict, model::Verdict::Passed | model::Verdict::Warned) {
        return Err("a command that was accepted was held to be refused".into());
    }

    let defect = emulator::defect::TABLE.iter().find(|defect| defect.name() == "accept-any-cqid");
    let defect = *defect.ok_or("the defect `accept-any-cqid` is gone")?;
    let lane = EmulatorLane::new(default_emulator(), Some(defect));
    let name = "refuses_to_bind_to_a_completion_queue_never_created";
    let case = lab::tests().into_iter().find(|case| case.name == name);
    let case = case.ok_or_else(|| format!("the test `{name}` is gone"))?;
    let (run, _) = on_fresh(&lane, &profile, |bench| bench.run(case, seed.0))?;
    let named = |finding: &model::Finding| {
        matches!(finding.kind, model::FindingKind::Divergence(_))
            && finding.req == Some(create_io_sq::CQID_NOT_CREATED)
    };
    match run.verdict == model::Verdict::Diverged && run.findings.iter().any(named) {
        true => Ok(()),
        false => Err(format!("a planted defect gave {:?}", run.verdict).into()),
    }
}
