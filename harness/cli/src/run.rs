//! `lockstep run`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use reports::{EventStream, Exit, Problem, ProblemKind, Report, Terminal, write_junit};
use runner::lane::Lane;
use runner::run::{Plan, RunError, Traces};
use runner::waiver::Waivers;

use crate::args::RunArgs;
use crate::dut_arg::DutArg;
use crate::failure::Failure;
use crate::output::ProgressLine;
use crate::{lane, output, select};

/// The files that are written at the end.
struct Files {
    junit: Option<(PathBuf, File)>,
    json: Option<(PathBuf, File)>,
}

/// Runs the tests and reports.
pub fn run(args: &RunArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let plan = plan(args)?;
    lane::with(&args.dut, |lane| {
        lane::consents(lane, "tests", plan.tests.iter().map(|test| test.hazard))?;
        on(lane, args, &plan, out)
    })
}

fn on(lane: &dyn Lane, args: &RunArgs, plan: &Plan, out: &mut dyn Write) -> Result<Exit, Failure> {
    let files = Files { junit: opened(args.junit.as_ref())?, json: opened(args.json.as_ref())? };
    let stop = select::stop_on_ctrl_c()?;
    let path = Path::new(&plan.out).join("events.jsonl");
    let mut stream = EventStream::create(&path).map_err(Failure::harness)?;
    let mut terminal = Terminal::new(out, ProgressLine::new());
    let mut unheard = None;
    let mut full = false;

    let report = runner::run::run(lane, plan, stop, &mut |event| {
        // After an event that could not be kept, a later one would only make a hole.
        let kept = if full { Ok(()) } else { stream.push(event) };
        full |= kept.is_err();
        // The run outlives its reader: what is judged stands on disk.
        if unheard.is_none() {
            unheard = terminal.event(event).err();
        }
        kept
    });
    let report = report.map_err(|error| match error {
        RunError::Lane(error) => lane::failed(error),
        RunError::Stream(error) => Failure::harness(error),
    })?;
    let out = terminal.into_inner();
    let written = write(&report, files);
    let exit = exit(&report, args.strict, written.is_err());
    for problem in report.problems.iter().filter(|p| p.kind == ProblemKind::Harness) {
        output::error(&problem.text);
    }
    if let Err(failure) = written {
        output::error(&format!("{failure:#}"));
    }
    match unheard {
        Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
        Some(_) => {}
        None if plan.tests.is_empty() => {
            writeln!(out, "no test is selected; `lockstep list` names them")?;
        }
        None => {}
    }
    Ok(exit)
}

fn plan(args: &RunArgs) -> Result<Plan, Failure> {
    let tests = select::tests(args.filter.as_deref())?;
    let (profile, profile_name) = select::profile_of(&args.profile)?;
    let waivers = args.waivers.as_deref().map(Waivers::load).transpose();
    let seed = args.profile.seed;
    let kind = args.dut.dut.kind();
    let jobs = match args.dut.dut {
        DutArg::Emulator => select::jobs(args.jobs),
        // Wall-clock times of several at once would say little.
        DutArg::Qemu => args.jobs.unwrap_or(1).max(1),
        // There is one of it.
        DutArg::Vfio(_) | DutArg::VfioUser(_) => 1,
    };
    let folder = || Path::new("reports/out").join(format!("{kind}-{:x}", seed.0));
    let out = args.out.clone().unwrap_or_else(folder);
    let traces = match &args.trace {
        None => Traces::Failing(out.clone()),
        Some(all) if all.as_os_str() == "all" => Traces::All(out.clone()),
        Some(dir) => Traces::Failing(dir.clone()),
    };
    Ok(Plan {
        tests,
        seed,
        profile,
        profile_name,
        filter: args.filter.clone(),
        waivers: waivers.map_err(Failure::usage)?.unwrap_or_default(),
        waivers_name: args.waivers.as_ref().map(|path| path.display().to_string()),
        strict: args.strict,
        traces,
        out: out.display().to_string(),
        jobs,
    })
}

fn opened(path: Option<&PathBuf>) -> Result<Option<(PathBuf, File)>, Failure> {
    match path {
        None => Ok(None),
        Some(path) => Ok(Some((path.clone(), select::create(path)?))),
    }
}

/// Writes the reports for machines, every one that can be.
fn write(report: &Report, files: Files) -> anyhow::Result<()> {
    let junit = files.junit.map_or(Ok(()), |(path, mut file)| {
        write_junit(report, &mut file).with_context(|| format!("cannot write {}", path.display()))
    });
    let json = files.json.map_or(Ok(()), |(path, file)| {
        let mut file = std::io::BufWriter::new(file);
        let written = report.write_json(&mut file).and_then(|()| file.flush());
        written.with_context(|| format!("cannot write {}", path.display()))
    });
    junit.and(json)
}

/// The exit of the run; a report that could not be written is a failure of the harness.
fn exit(report: &Report, strict: bool, unwritten: bool) -> Exit {
    let mut problems = report.problems.clone();
    if unwritten {
        problems.push(Problem { kind: ProblemKind::Harness, text: String::new() });
    }
    let by_user = report.exit == Some(Exit::Interrupted.code());
    Exit::of_run(&report.counts, &problems, strict, by_user)
}
