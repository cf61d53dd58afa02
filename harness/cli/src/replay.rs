//! `lockstep replay`, `judge` and `shrink`: a run again, or what it says, or the heart of it.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use lab::{TestRun, TraceHeader};
use model::Profile;
use reports::{Counts, DutFacts, Exit, Seed, Story, TestFinished, Verdict, write_story};
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
    let sequence = input.sequence(path).map_err(Failure::usage)?;
    if args.show {
        write!(out, "{}", sequence.to_text())?;
        return Ok(Exit::Passed);
    }
    let lane = lane::open(&args.dut)?;
    let (profile, _) = select::profile_of(&args.profile)?;
    let performed = on_fresh(&*lane, &profile, |bench| bench.replay(&sequence));
    let (run, lines) = performed.map_err(|why| Failure::harness(anyhow!(why)))?;
    if let Some(to) = &args.trace {
        let header = TraceHeader {
            test: path.display().to_string(),
            seed: sequence.seed,
            commit: COMMIT.into(),
            dut: lane.arguments(),
            profile: (*profile).clone(),
        };
        let written = std::fs::write(to, run.trace(&header).to_bytes());
        written
            .with_context(|| format!("cannot write {}", to.display()))
            .map_err(Failure::harness)?;
    }
    let facts = facts(&*lane, &profile, &run)?;
    conclude(&path.display().to_string(), &facts, &run, &lines, Seed(sequence.seed), out)
}

/// Judges a trace again: the same findings and the same verdict as when it was written.
pub fn judge(args: &JudgeArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let path = &args.trace;
    let trace = input::trace(path).map_err(Failure::usage)?;
    let header = input::header(path, &trace).map_err(Failure::usage)?;
    let profile = match &args.profile {
        Some(path) => select::profile(Some(path))?.0,
        None => Arc::new(header.profile),
    };
    let (verdict, findings, coverage) = lab::judge(&trace.log, Arc::clone(&profile));
    let run = TestRun {
        log: trace.log,
        sequence: lab::Sequence::default(),
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
    };
    conclude(&header.test, &facts, &run, &Lines::default(), Seed(header.seed), out)
}

/// Leaves actions out of a file for as long as it still diverges by the same requirement.
pub fn shrink(args: &ShrinkArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let path = &args.file;
    let input = input::read(path).map_err(Failure::usage)?;
    let sequence = input.sequence(path).map_err(Failure::usage)?;
    let lane = lane::open(&args.dut)?;
    let (profile, _) = select::profile_of(&args.profile)?;
    let before = sequence.actions.len();
    let shrunk = runner::shrink::shrink(&*lane, &profile, &sequence, args.runs);
    let Some((short, what)) = shrunk.map_err(|why| Failure::harness(anyhow!(why)))? else {
        let error = anyhow!("{} does not diverge on this DUT: nothing to shrink", path.display());
        return Err(Failure { exit: Exit::Unproved, error });
    };
    let text = short.to_text();
    match &args.to {
        None => write!(out, "{text}")?,
        Some(to) => {
            let written = std::fs::write(to, text);
            let context = || format!("cannot write {}", to.display());
            written.with_context(context).map_err(Failure::harness)?;
            let after = short.actions.len();
            writeln!(out, "{before} actions became {after}, which still diverge: {what}")?;
            writeln!(out, "lockstep replay {} {}", to.display(), lane.arguments())?;
        }
    }
    Ok(Exit::Passed)
}

/// Who was tested, for a story.
fn facts(lane: &dyn Lane, profile: &Profile, run: &TestRun) -> Result<DutFacts, Failure> {
    let dut = lane.open().map_err(Failure::harness)?;
    let revision = runner::facts::revision(profile, &run.log);
    Ok(runner::facts::dut(&*dut, &lane.arguments(), revision))
}

fn words(revision: Option<Version>) -> String {
    revision.map(|version| version.to_string()).unwrap_or_default()
}

/// Tells a run and gives its exit.
fn conclude(
    name: &str,
    dut: &DutFacts,
    run: &TestRun,
    lines: &Lines,
    seed: Seed,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let revision = Version::parse(&dut.revision);
    // Without waivers the profile is not asked again.
    let (profile, waivers) = (Arc::default(), Waivers::default());
    let teller = Teller { profile: &profile, revision, waivers: &waivers };
    let (told, _) = teller.tell(name, &[], run, lines);
    let TestFinished { verdict, reason, observations, .. } = &told;
    write_story(&Story { dut, seed, commit: COMMIT, test: &told }, out, true)?;
    let colon = if reason.is_empty() { "" } else { ": " };
    writeln!(out, "{verdict}{colon}{reason} · {observations}")?;
    let mut counts = Counts::default();
    counts.add(*verdict);
    if *verdict == Verdict::Error {
        return Err(Failure::harness(anyhow!("{reason}")));
    }
    Ok(Exit::of_run(&counts, &[], false, false))
}
