//! `lockstep replay`, `judge` and `shrink`: a run again, or what it says, or the heart of it.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use lab::{Sequence, TestRun, TraceHeader};
use model::Profile;
use reports::{
    Counts, DutFacts, Exit, Seed, Story, TestFinished, Verdict, profile_argument, shell_word,
    write_story,
};
use runner::facts::COMMIT;
use runner::lane::Lane;
use runner::listen::Lines;
use runner::run::{Teller, on_fresh};
use runner::waiver::Waivers;
use spec::Version;

use crate::args::{JudgeArgs, ReplayArgs, ShrinkArgs};
use crate::failure::Failure;
use crate::input;
use crate::{lane, select};

/// Performs the actions of a file on a DUT and tells what the judge makes of them.
pub fn replay(args: &ReplayArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let path = &args.file;
    let input = input::read(path).map_err(Failure::usage)?;
    let recorded = input.profile(path).map_err(Failure::usage)?;
    let sequence = input.sequence(path).map_err(Failure::usage)?;
    if args.show {
        write!(out, "{}", sequence.to_text())?;
        return Ok(Exit::Passed);
    }
    let profile = profile(args.profile.as_deref(), recorded)?;
    lane::with(&args.dut, |lane| {
        consents(lane, &sequence)?;
        replay_on(lane, args, &profile, &sequence, out)
    })
}

fn replay_on(
    lane: &dyn Lane,
    args: &ReplayArgs,
    profile: &Arc<Profile>,
    sequence: &Sequence,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let path = &args.file;
    let performed = on_fresh(lane, profile, |bench| bench.replay(sequence));
    let (run, lines) = performed.map_err(|why| Failure::harness(anyhow!(why)))?;
    if let Some(to) = &args.trace {
        let header = TraceHeader {
            test: path.display().to_string(),
            seed: sequence.seed,
            commit: COMMIT.into(),
            dut: lane.arguments(),
            profile: (**profile).clone(),
        };
        let written = std::fs::write(to, run.trace(&header).to_bytes());
        written.map_err(|error| Failure::unwritten(to, error))?;
    }
    let facts = facts(lane, profile, &run)?;
    let again = again("replay", path, Some(&lane.arguments()), args.profile.as_deref());
    let told = Told { name: &path.display().to_string(), seed: Seed(sequence.seed), again: &again };
    conclude(&told, &facts, profile, &run, &lines, out)
}

/// The profile that was named, or the one that a trace was recorded with, or the default.
fn profile(named: Option<&Path>, recorded: Option<Profile>) -> Result<Arc<Profile>, Failure> {
    match (named, recorded) {
        (None, Some(recorded)) => Ok(Arc::new(recorded)),
        (named, _) => Ok(select::profile(named)?.0),
    }
}

/// The command line that does the same again.
fn again(command: &str, file: &Path, dut: Option<&str>, profile: Option<&Path>) -> String {
    let file = shell_word(&file.display().to_string());
    let dut = dut.map(|dut| format!(" {dut}")).unwrap_or_default();
    let profile = profile.map(|path| profile_argument(&path.display().to_string()));
    format!("lockstep {command} {file}{dut}{}", profile.unwrap_or_default())
}

/// Judges a trace again: the same findings and the same verdict as when it was written.
pub fn judge(args: &JudgeArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let path = &args.trace;
    let trace = input::trace(path).map_err(Failure::usage)?;
    let header = input::header(path, &trace).map_err(Failure::usage)?;
    let profile = profile(args.profile.as_deref(), Some(header.profile))?;
    let (verdict, findings, coverage) = lab::judge(&trace.log, Arc::clone(&profile));
    let run = TestRun {
        log: trace.log,
        sequence: Sequence::default(),
        verdict,
        findings,
        coverage,
        stop: None,
        nanos: 0,
    };
    let facts = DutFacts {
        kind: header.dut.clone(),
        arguments: header.dut.clone(),
        description: runner::facts::origin(&run.log).unwrap_or(header.dut),
        clock: reports::Clock::Virtual,
        revision: words(runner::facts::revision(&profile, &run.log)),
        controllers: 0,
        capabilities: Vec::new(),
    };
    let again = again("judge", path, None, args.profile.as_deref());
    let told = Told { name: &header.test, seed: Seed(header.seed), again: &again };
    conclude(&told, &facts, &profile, &run, &Lines::default(), out)
}

/// Leaves actions out of a file for as long as it still diverges by the same requirement.
pub fn shrink(args: &ShrinkArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let path = &args.file;
    let input = input::read(path).map_err(Failure::usage)?;
    let recorded = input.profile(path).map_err(Failure::usage)?;
    let sequence = input.sequence(path).map_err(Failure::usage)?;
    let profile = profile(args.profile.as_deref(), recorded)?;
    // Before anything is done to a DUT.
    args.req.as_deref().map(select::requirement).transpose()?;
    lane::with(&args.dut, |lane| {
        consents(lane, &sequence)?;
        shrink_on(lane, args, &profile, &sequence, out)
    })
}

fn shrink_on(
    lane: &dyn Lane,
    args: &ShrinkArgs,
    profile: &Arc<Profile>,
    sequence: &Sequence,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let path = &args.file;
    let before = sequence.actions.len();
    let wanted = args.req.as_deref().map(select::requirement).transpose()?;
    let shrunk = runner::shrink::shrink(lane, profile, sequence, wanted, args.runs);
    let Some((short, what)) = shrunk.map_err(|why| Failure::harness(anyhow!(why)))? else {
        let by = wanted.map(|req| format!(" by {req}")).unwrap_or_default();
        let error =
            anyhow!("{} does not diverge{by} on this DUT: nothing to shrink", path.display());
        return Err(Failure { exit: Exit::Unproved, error });
    };
    let text = short.to_text();
    match &args.to {
        None => write!(out, "{text}")?,
        Some(to) => {
            std::fs::write(to, text).map_err(|error| Failure::unwritten(to, error))?;
            let after = short.actions.len();
            writeln!(out, "{before} actions became {after}, which still diverge: {what}")?;
            let profile = args.profile.as_deref();
            writeln!(out, "{}", again("replay", to, Some(&lane.arguments()), profile))?;
        }
    }
    Ok(Exit::Passed)
}

/// Refuses a sequence that goes beyond what the owner of a controller has consented to.
fn consents(lane: &dyn Lane, sequence: &Sequence) -> Result<(), Failure> {
    // As for a DUT of one controller: with more, the lab leaves out what then goes further.
    lane::consents(lane, "actions", sequence.actions.iter().map(|action| action.hazard(1)))
}

/// Who was tested, for a story.
fn facts(lane: &dyn Lane, profile: &Profile, run: &TestRun) -> Result<DutFacts, Failure> {
    let dut = lane.open().map_err(lane::failed)?;
    let revision = runner::facts::revision(profile, &run.log);
    Ok(runner::facts::dut(&*dut, &lane.arguments(), revision))
}

fn words(revision: Option<Version>) -> String {
    revision.map(|version| version.to_string()).unwrap_or_default()
}

/// What is told of a run beside what the judge says.
struct Told<'a> {
    name: &'a str,
    seed: Seed,
    again: &'a str,
}

/// Tells a run and gives its exit.
fn conclude(
    told: &Told<'_>,
    dut: &DutFacts,
    profile: &Arc<Profile>,
    run: &TestRun,
    lines: &Lines,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let Told { name, seed, again } = *told;
    let waivers = Waivers::default();
    let teller = Teller { profile, revision: Version::parse(&dut.revision), waivers: &waivers };
    let (told, _) = teller.tell(name, &[], run, lines);
    let TestFinished { verdict, reason, observations, .. } = &told;
    let profile = "default";
    let story = Story { dut, seed, commit: COMMIT, profile, test: &told, again: Some(again) };
    write_story(&story, out, true)?;
    let colon = if reason.is_empty() { "" } else { ": " };
    writeln!(out, "{verdict}{colon}{reason} · {observations}")?;
    let mut counts = Counts::default();
    counts.add(*verdict);
    if *verdict == Verdict::Error {
        return Err(Failure::harness(anyhow!("{reason}")));
    }
    Ok(Exit::of_run(&counts, &[], false, false))
}
