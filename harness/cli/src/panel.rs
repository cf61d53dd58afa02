//! `lockstep panel`: correct emulators of every kind must raise nothing.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use reports::{Counted, Exit, Observations, Story, Verdict, write_story};
use runner::panel::{Seat, Size};
use runner::run::Plan;
use runner::waiver::Waivers;

use crate::args::PanelArgs;
use crate::failure::Failure;
use crate::select;

/// What is explained, unless the user says otherwise.
const EXPLAINED: &str = include_str!("../../../ci/waivers/panel.toml");

/// Where the configurations of alarms go.
const OUT: &str = "reports/out/panel";

/// Runs the panel; 1 if there was an alarm.
pub fn panel(args: &PanelArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut plan = Plan::new(lab::tests(), args.profile.seed);
    plan.profile = select::profile_of(&args.profile)?.0;
    plan.jobs = select::jobs(args.jobs);
    plan.waivers = match &args.waivers {
        Some(path) => Waivers::load(path).map_err(Failure::usage)?,
        None => Waivers::parse(Path::new("ci/waivers/panel.toml"), EXPLAINED)
            .map_err(Failure::harness)?,
    };
    let stop = select::stop_on_ctrl_c()?;
    let (mut ran, mut unproved, mut alarms, mut seats) = (0, 0, 0, 0);
    let mut seen = Observations::default();
    let size = Size { configs: args.configs, sequences: args.sequences };
    runner::panel::panel(size, &plan, stop, &mut |seat| {
        ran += u64::from(seat.ran);
        unproved += u64::from(seat.unproved);
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
    if unproved > 0 {
        writeln!(out, "{} unproved without a finding", Counted(unproved, "test"))?;
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
    // With its configuration in a file, an alarm can be seen again by `lockstep run`.
    let path = Path::new(OUT).join(format!("{:x}-{}.toml", plan.seed.0, seat.number));
    std::fs::create_dir_all(OUT)?;
    std::fs::write(&path, &seat.config)?;
    let arguments = format!("{} --config {}", seat.dut.arguments, path.display());
    let dut = reports::DutFacts { arguments, ..seat.dut.clone() };
    let seed = reports::Seed(seat.seed);
    for test in &seat.alarms {
        if test.verdict == Verdict::Error {
            writeln!(out, "ERROR     {} on {}\n  {}", test.id, path.display(), test.reason)?;
        }
        let story = Story { dut: &dut, seed, commit: runner::facts::COMMIT, test };
        write_story(&story, out, true)?;
    }
    out.flush()
}
