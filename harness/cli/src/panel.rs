//! `lockstep panel`: correct emulators of every kind must raise nothing.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use lab::TraceHeader;
use reports::{Counted, Exit, Observations, Story, Verdict, shell_word, write_story};
use runner::panel::{Alarm, Seat, Size};
use runner::run::Plan;
use runner::waiver::Waivers;

use crate::args::PanelArgs;
use crate::failure::Failure;
use crate::select;

/// What is explained, unless the user says otherwise.
const EXPLAINED: &str = include_str!("../../../ci/waivers/panel.toml");

/// Where the configurations and traces of alarms go.
const OUT: &str = "reports/out/panel";

/// Runs the panel; 1 if there was an alarm.
pub fn panel(args: &PanelArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut plan = Plan::new(lab::tests(), args.profile.seed);
    (plan.profile, plan.profile_name) = select::profile_of(&args.profile)?;
    plan.jobs = select::jobs(args.jobs);
    plan.waivers = match &args.waivers {
        Some(path) => Waivers::load(path).map_err(Failure::usage)?,
        None => Waivers::parse(Path::new("ci/waivers/panel.toml"), EXPLAINED)
            .map_err(Failure::harness)?,
    };
    let stop = select::stop_on_ctrl_c()?;
    let (mut ran, mut unproved, mut alarms, mut seats) = (0, Vec::new(), 0, 0);
    let mut seen = Observations::default();
    let size = Size { configs: args.configs, sequences: args.sequences };
    runner::panel::panel(size, &plan, stop, &mut |seat| {
        ran += u64::from(seat.ran);
        let told = seat
            .unproved
            .iter()
            .map(|(test, lacks)| format!("  {test} on configuration {}: {lacks}", seat.number));
        unproved.extend(told);
        alarms += seat.alarms.len();
        seats += 1;
        seen.add(&seat.observations);
        tell(&seat, &plan, out)
    })?;
    writeln!(
        out,
        "{}, {}, {seen}; {alarms} false alarms",
        Counted(seats, "configuration"),
        Counted(ran, "run"),
    )?;
    if !unproved.is_empty() {
        let count = Counted(unproved.len() as u64, "test");
        writeln!(out, "{count} unproved without a finding")?;
        unproved.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    Ok(if stop.load(Ordering::Relaxed) {
        Exit::Interrupted
    } else if alarms > 0 {
        Exit::Diverged
    } else if ran == 0 {
        Exit::NothingRan
    } else {
        Exit::Passed
    })
}

fn tell(seat: &Seat, plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    if seat.alarms.is_empty() {
        return Ok(());
    }
    // With its configuration and its trace in files, an alarm can be seen again.
    let dir = Path::new(OUT).join(format!("{:x}-{}", plan.seed.0, seat.number));
    let path = dir.join("config.toml");
    std::fs::create_dir_all(&dir)?;
    std::fs::write(&path, &seat.config)?;
    let config = shell_word(&path.display().to_string());
    let arguments = format!("{} --config {config}", seat.dut.arguments);
    let dut = reports::DutFacts { arguments: arguments.clone(), ..seat.dut.clone() };
    let (seed, commit) = (reports::Seed(seat.seed), runner::facts::COMMIT);
    for Alarm { test, run } in &seat.alarms {
        let mut test = test.clone();
        if let Some(run) = run {
            let header = TraceHeader {
                test: test.id.clone(),
                seed: seed.0,
                commit: commit.into(),
                dut: arguments.clone(),
                profile: (*plan.profile).clone(),
            };
            let path = dir.join(format!("{}.trace", test.id.replace('/', ".")));
            std::fs::write(&path, run.trace(&header).to_bytes())?;
            test.trace = Some(path.display().to_string());
        }
        if test.verdict == Verdict::Error {
            writeln!(out, "ERROR     {} on {config}\n  {}", test.id, test.reason)?;
        }
        let profile = &plan.profile_name;
        let story = Story { dut: &dut, seed, commit, profile, test: &test, again: None };
        write_story(&story, out, true)?;
    }
    out.flush()
}
