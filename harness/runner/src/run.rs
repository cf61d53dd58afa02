//! One run: tests on a lane, one after the other or side by side, told as events.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use dut::{Capability, Clock, Ctrl, Dut, Width};
use lab::{Bench, Settings, Stop, TestCase, TestRun, TraceHeader};
use log::{Body, Claim};
use model::{FindingKind, Judge, Profile};
use reports::{
    Event, Exit, FORMAT, Problem, ProblemKind, Report, RunFinished, RunStarted, Seed, StreamError,
    TestFinished, TestStarted, Verdict,
};
use spec::{Req, Version};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::facts;
use crate::filter::glob;
use crate::lane::{Lane, LaneError};
use crate::listen::{Lines, Listening, lines_until};
use crate::schedule::{Step, in_order};
use crate::settle::{Judged, Lack, Rest, Settled};
use crate::told::{choices_shown, observations, requirement_counts};
use crate::waiver::Waivers;

/// Which traces are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Traces {
    /// None.
    None,
    /// Those of tests that neither passed nor were n/a, in this folder.
    Failing(PathBuf),
    /// All, in this folder.
    All(PathBuf),
}

/// What to run, and how.
pub struct Plan {
    /// The tests, ascending by id.
    pub tests: Vec<&'static TestCase>,
    /// The seed that every random choice flows from.
    pub seed: Seed,
    /// What the user expects of the DUT.
    pub profile: Arc<Profile>,
    /// The profile's file, or `default`.
    pub profile_name: String,
    /// The filter's text, for the report.
    pub filter: Option<String>,
    /// Known deviations.
    pub waivers: Waivers,
    /// The waivers' file, for the report.
    pub waivers_name: Option<String>,
    /// Warnings fail the run.
    pub strict: bool,
    /// Which traces are kept.
    pub traces: Traces,
    /// Where events go, for the report.
    pub out: String,
    /// How many tests at a time.
    pub jobs: usize,
}

impl Plan {
    /// A plan with the defaults of the program: all tests, one at a time, nothing kept.
    pub fn new(tests: Vec<&'static TestCase>, seed: Seed) -> Self {
        Self {
            tests,
            seed,
            profile: Arc::default(),
            profile_name: "default".into(),
            filter: None,
            waivers: Waivers::default(),
            waivers_name: None,
            strict: false,
            traces: Traces::None,
            out: String::new(),
            jobs: 1,
        }
    }
}

/// Why a run could not be made or finished.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The DUT does not open.
    #[error(transparent)]
    Lane(#[from] LaneError),
    /// An event could not be written.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

/// What a worker hands over.
struct Done {
    finished: TestFinished,
    used: Vec<usize>,
    problem: Option<Problem>,
}

/// Runs the plan on `lane`. Every event goes to `sink`, in order, as soon as it is known; when `stop`
/// is set, tests under way finish and no other begins. So too when `sink` cannot keep an event: what
/// finished is still reported, and the run says what was lost as its problem.
pub fn run(
    lane: &dyn Lane,
    plan: &Plan,
    stop: &AtomicBool,
    sink: &mut dyn FnMut(&Event) -> Result<(), StreamError>,
) -> Result<Report, RunError> {
    let mut first = lane.open()?;
    let (started, revision) = started(&mut *first, lane, plan);
    // The DUT may hold a process or a socket that the first test needs for itself.
    drop(first);
    let wall = started.dut.clock == reports::Clock::Wall;
    let mut report = Report::begin(&started);
    sink(&Event::RunStarted(Box::new(started)))?;

    let mut problems = Vec::new();
    let mut used = vec![false; plan.waivers.entries.len()];
    let (asked, full) = (|| stop.load(Ordering::Relaxed), AtomicBool::new(false));
    let mut lost: Option<StreamError> = None;
    let work = |number: usize| test(lane, plan, number, revision, wall);
    let halted = || asked() || full.load(Ordering::Relaxed);
    let ended = in_order(plan.tests.len(), plan.jobs, &halted, &work, &mut |step| {
        let event = match step {
            Step::Started(n) => {
                let id = plan.tests[n].id();
                Event::TestStarted(TestStarted { id, number: n as u32 })
            }
            Step::Finished(_, done) => {
                report.add(&done.finished);
                problems.extend(done.problem);
                done.used.iter().for_each(|at| used[*at] = true);
                Event::TestFinished(Box::new(done.finished))
            }
        };
        if let Err(error) = sink(&event) {
            full.store(true, Ordering::Relaxed);
            lost.get_or_insert(error);
        }
        Ok::<(), Infallible>(())
    });
    match ended {
        Ok(()) => {}
        Err(never) => match never {},
    }

    let unkept = |error: &StreamError| Problem {
        kind: ProblemKind::Harness,
        text: format!("{error}; what finished before is reported"),
    };
    problems.extend(lost.as_ref().map(unkept));
    problems.extend(unmatched(plan, &report, &used));
    problems.extend(ceilings(&plan.profile, &report));
    let interrupted = report.counts.tests < report.selected;
    let by_user = interrupted && asked();
    let exit = Exit::of_run(&report.counts, &problems, plan.strict, by_user).code();
    let finished = RunFinished { interrupted, problems, exit };
    report.finish(&finished);
    if let Err(error) = sink(&Event::RunFinished(finished))
        && lost.is_none()
    {
        report.problems.push(unkept(&error));
        report.exit =
            Some(Exit::of_run(&report.counts, &report.problems, plan.strict, by_user).code());
    }
    Ok(report)
}

/// The first event, and the revision that the DUT is judged by.
fn started(dut: &mut dyn Dut, lane: &dyn Lane, plan: &Plan) -> (RunStarted, Option<Version>) {
    let vs = dut.read(Ctrl(0), spec::register::VS, Width::U32).ok();
    let claimed = vs.map(|vs| Version::from_raw(vs as u32));
    let revision = plan.profile.revision.or(claimed);
    let wall = dut.capabilities().clock == Clock::Wall;
    let now = || OffsetDateTime::now_utc().format(&Rfc3339).ok();
    let started = RunStarted {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        commit: facts::COMMIT.into(),
        dut: facts::dut(dut, &lane.arguments(), revision),
        seed: plan.seed,
        profile: facts::profile(&plan.profile, &plan.profile_name),
        filter: plan.filter.clone(),
        waivers: plan.waivers_name.clone(),
        strict: plan.strict,
        selected: plan.tests.len() as u32,
        out: plan.out.clone(),
        started: wall.then(now).flatten(),
        host: wall.then(facts::host).flatten(),
    };
    (started, revision)
}

/// Runs one test on a DUT of its own.
fn test(
    lane: &dyn Lane,
    plan: &Plan,
    number: usize,
    revision: Option<Version>,
    wall: bool,
) -> Done {
    let case = plan.tests[number];
    let began = Instant::now();
    let performed = on_fresh(lane, &plan.profile, |bench| bench.run(case, plan.seed.0));
    let mut done = match performed {
        Err(why) => {
            let finished = error(&case.id(), case.requirements, why);
            Done { finished, used: Vec::new(), problem: None }
        }
        Ok((run, lines)) => {
            let teller = Teller { profile: &plan.profile, revision, waivers: &plan.waivers };
            let (mut finished, used) = teller.tell(&case.id(), case.requirements, &run, &lines);
            let kept = keep(plan, &lane.arguments(), &finished, &run);
            let problem = kept.as_ref().err().cloned();
            finished.trace = kept.ok().flatten().map(|path| path.display().to_string());
            let problem = problem.map(|text| Problem { kind: ProblemKind::Harness, text });
            Done { finished, used, problem }
        }
    };
    done.finished.number = number as u32;
    done.finished.duration_us = wall.then(|| began.elapsed().as_micros() as u64);
    done
}

/// Opens a DUT, puts it on a bench and performs `body`. Gives the run and what the DUT said beside it,
/// or why the harness could not make it. A panic is an error of ours (or of the test's), never the end
/// of the program.
pub fn on_fresh(
    lane: &dyn Lane,
    profile: &Arc<Profile>,
    body: impl FnOnce(&mut Bench<'_>) -> TestRun,
) -> Result<(TestRun, Lines), String> {
    on_same(lane, profile, |stand| stand.perform(body))?
}

/// Opens a DUT that can be rewound and lets `body` perform many tests on it, each from the same state.
/// Opening costs milliseconds, rewinding microseconds.
pub fn on_same<R>(
    lane: &dyn Lane,
    profile: &Arc<Profile>,
    body: impl FnOnce(&mut Stand<'_, '_>) -> R,
) -> Result<R, String> {
    let dut = lane.open().map_err(|error| error.to_string())?;
    let (mut dut, lines) = Listening::new(dut);
    let consent = lane.consent().map_err(|error| error.to_string())?;
    let settings = Settings { consent, ..Settings::default() };
    let mut bench = Bench::new(&mut dut, Arc::clone(profile), settings);
    Ok(body(&mut Stand { bench: &mut bench, lines }))
}

/// A bench that survives what runs on it.
pub struct Stand<'b, 'd> {
    bench: &'b mut Bench<'d>,
    lines: Lines,
}

impl Stand<'_, '_> {
    /// Brings the DUT up once, so that everything performed later starts from there.
    pub fn prime(&mut self) {
        // A DUT that cannot be brought up shows it again in every test.
        let _ = catch_unwind(AssertUnwindSafe(|| self.bench.prime()));
    }

    /// Performs `body`. Gives the run and what the DUT said beside it, or why the harness could not
    /// make it. A panic is an error of ours (or of the test's), never the end of the program.
    pub fn perform(
        &mut self,
        body: impl FnOnce(&mut Bench<'_>) -> TestRun,
    ) -> Result<(TestRun, Lines), String> {
        self.lines.borrow_mut().clear();
        let bench = &mut *self.bench;
        let run = catch_unwind(AssertUnwindSafe(|| body(bench))).map_err(|panic| {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
            format!("panicked: {}", words.unwrap_or("without words"))
        })?;
        Ok((run, std::rc::Rc::clone(&self.lines)))
    }
}

/// Puts runs into words.
#[derive(Clone, Copy)]
pub struct Teller<'a> {
    /// The profile that the runs were judged by.
    pub profile: &'a Arc<Profile>,
    /// The revision that they were judged by.
    pub revision: Option<Version>,
    /// Known deviations.
    pub waivers: &'a Waivers,
}

impl Teller<'_> {
    /// What is to be told of a run, and which waivers (indices) covered something of it.
    pub fn tell(
        &self,
        id: &str,
        requirements: &[Req],
        run: &TestRun,
        lines: &Lines,
    ) -> (TestFinished, Vec<usize>) {
        let judged = Judged {
            id,
            requirements,
            verdict: &run.verdict,
            findings: &run.findings,
            log: &run.log,
            revision: self.revision,
            rest: &|known| self.rest(run, known),
        };
        let Settled { verdict, reason, mut findings, used } = judged.settle(self.waivers);
        for (told, finding) in findings.iter_mut().zip(&run.findings) {
            if let Some(record) = run.log.records().get(finding.record as usize) {
                told.dut_lines = lines_until(lines, record.seen);
            }
        }
        let finished = TestFinished {
            id: id.into(),
            number: 0,
            requirements: requirements.iter().map(|req| req.name().into()).collect(),
            verdict,
            lacks: lacks(verdict, &reason),
            reason,
            findings,
            observations: observations(&run.coverage),
            coverage: requirement_counts(&run.coverage),
            choices: choices_shown(&run.coverage),
            trace: None,
            duration_us: None,
        };
        (finished, used)
    }

    /// What is left of a run without its divergences; `known` are the findings that waivers cover.
    fn rest(&self, run: &TestRun, known: &[bool]) -> Rest {
        use model::Verdict;
        let plain = |verdict| Rest { verdict, lacks: Lack::Nothing };
        match &run.stop {
            Some(Stop::NotApplicable(why)) => return plain(Verdict::NotApplicable(why.clone())),
            Some(Stop::Harness(why)) => return plain(Verdict::Error(why.clone())),
            Some(stop @ (Stop::Gone(_) | Stop::Refused(_) | Stop::PatienceOver(_))) => {
                let lacks = Lack::After(run.sequence.actions.len() as u16);
                return Rest { verdict: Verdict::Unproved(stop.to_string()), lacks };
            }
            // A claim that does not hold: told below.
            Some(Stop::Diverged(_)) | None => {}
        }
        let mut judge = Judge::new(Arc::clone(self.profile));
        judge.catch_up(&run.log);
        let mut claims = run.log.records().iter().zip(0..).filter_map(|(record, at)| {
            let Body::Claim(claim) = record.body() else { return None };
            (judge.claim_holds(at) != Some(true)).then_some(claim)
        });
        if let Some(claim) = claims.next() {
            let (lacks, req) = match claim {
                Claim::RefusedBy(submit, req) => (Lack::Answer(submit.0, Some(req)), Some(req)),
                Claim::Judged(req) => (Lack::Judged(req), Some(req)),
                Claim::Accepted(submit) | Claim::Ruled(submit) | Claim::InFlight(submit) => {
                    (Lack::Answer(submit.0, None), None)
                }
            };
            let req = req.map(|req| format!(" ({req})")).unwrap_or_default();
            let why = format!("a claim of the test does not hold{req}");
            return Rest { verdict: Verdict::Unproved(why), lacks };
        }
        if let Some(req) = judge.applies_to_none() {
            return plain(Verdict::NotApplicable(format!("{req}, which does not apply here")));
        }
        let count = |kind| run.findings.iter().filter(|f| f.kind == kind).count();
        // What is only a consequence of something known is no question of its own.
        let undecided = run.findings.iter().zip(known).any(|(finding, known)| {
            !known && matches!(finding.kind, FindingKind::Gap | FindingKind::Inconclusive)
        });
        plain(if count(FindingKind::Anomaly) > self.profile.anomaly_budget as usize {
            Verdict::Unproved("anomalies over budget".into())
        } else if undecided {
            Verdict::Unproved("something could not be decided".into())
        } else if count(FindingKind::Warning) > 0 {
            Verdict::Warned
        } else {
            Verdict::Passed
        })
    }
}

/// The capability of the transport that a test which is n/a lacks.
fn lacks(verdict: Verdict, reason: &str) -> Option<String> {
    let lacked = Capability::named_in(reason).filter(|_| verdict == Verdict::NotApplicable);
    lacked.map(|capability| capability.name().into())
}

/// The harness failed before the judge could say anything.
pub fn error(id: &str, requirements: &[Req], why: String) -> TestFinished {
    TestFinished {
        id: id.into(),
        number: 0,
        requirements: requirements.iter().map(|req| req.name().into()).collect(),
        verdict: Verdict::Error,
        reason: why,
        lacks: None,
        findings: Vec::new(),
        observations: reports::Observations::default(),
        coverage: Vec::new(),
        choices: Vec::new(),
        trace: None,
        duration_us: None,
    }
}

/// Writes the trace of a test, if it is to be kept.
fn keep(
    plan: &Plan,
    arguments: &str,
    test: &TestFinished,
    run: &TestRun,
) -> Result<Option<PathBuf>, String> {
    let quiet = matches!(test.verdict, Verdict::Passed | Verdict::NotApplicable);
    let dir = match &plan.traces {
        Traces::Failing(dir) if !quiet => dir,
        Traces::All(dir) => dir,
        Traces::Failing(_) | Traces::None => return Ok(None),
    };
    let path = dir.join(format!("{}.trace", test.id.replace('/', ".")));
    let header = TraceHeader {
        test: test.id.clone(),
        seed: plan.seed.0,
        commit: facts::COMMIT.into(),
        dut: arguments.into(),
        profile: (*plan.profile).clone(),
    };
    std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&path, run.trace(&header).to_bytes()))
        .map_err(|error| format!("cannot write the trace {}: {error}", path.display()))?;
    Ok(Some(path))
}

/// One problem for each waiver whose tests ran in full without it.
fn unmatched<'a>(
    plan: &'a Plan,
    report: &'a Report,
    used: &'a [bool],
) -> impl Iterator<Item = Problem> + 'a {
    let verdict = |id: &str| report.tests.iter().find(|test| test.id == id).map(|t| t.verdict);
    let ran = move |id: &str| {
        verdict(id).is_some_and(|v| !matches!(v, Verdict::Error | Verdict::NotApplicable))
    };
    let idle = plan.waivers.entries.iter().zip(used).filter(|(w, used)| !w.intermittent && !**used);
    idle.filter_map(move |(waiver, _)| {
        let mut named =
            lab::tests().into_iter().map(TestCase::id).filter(|id| glob(&waiver.test, id));
        named.all(|id| ran(&id)).then(|| Problem {
            kind: ProblemKind::WaiverMatchedNothing,
            text: format!(
                "the waiver `{}` ({}:{}) matched nothing, and every test that it names ran; \
                 take it out, or mark it `intermittent`",
                waiver.id,
                plan.waivers_name.as_deref().unwrap_or("waivers"),
                waiver.line
            ),
        })
    })
}

fn ceilings(profile: &Profile, report: &Report) -> Vec<Problem> {
    let seen = &report.observations;
    let passed = |count: u64, ceiling: f64, what: &str| {
        let share = 100.0 * count as f64 / seen.total().max(1) as f64;
        (share > ceiling).then(|| Problem {
            kind: ProblemKind::CeilingPassed,
            text: format!(
                "{share:.2} % of the observations were {what}; the ceiling is {ceiling} %"
            ),
        })
    };
    let inconclusive = passed(seen.inconclusive, profile.inconclusive_ceiling, "inconclusive");
    let tainted = passed(seen.tainted, profile.tainted_ceiling, "tainted");
    inconclusive.into_iter().chain(tainted).collect()
}
