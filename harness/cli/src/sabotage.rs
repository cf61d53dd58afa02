//! `lockstep sabotage`.

use std::io::Write;
use std::sync::atomic::Ordering;

use anyhow::anyhow;
use reports::Exit;
use runner::run::Plan;

use crate::args::SabotageArgs;
use crate::failure::Failure;
use crate::select;

/// Plants each defect and looks whether the tests notice.
pub fn sabotage(args: &SabotageArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let part = args.only.as_deref().unwrap_or_default();
    let defects: Vec<_> =
        emulator::defect::TABLE.iter().copied().filter(|d| d.name().contains(part)).collect();
    if defects.is_empty() {
        let error = anyhow!("no defect has `{part}` in its name; `--list` names them");
        return Err(Failure::usage(error));
    }
    if args.list {
        for defect in defects {
            writeln!(out, "{}\n    {}", defect.name(), defect.story())?;
            for req in defect.breaks() {
                writeln!(out, "    breaks {req}")?;
            }
        }
        return Ok(Exit::Passed);
    }
    let mut plan = Plan::new(select::tests(args.filter.as_deref())?, args.profile.seed);
    if plan.tests.is_empty() {
        writeln!(out, "no test is selected; `lockstep list` names them")?;
        return Ok(Exit::NothingRan);
    }
    plan.profile = select::profile_of(&args.profile)?.0;
    plan.jobs = select::jobs(args.jobs);
    let json = match args.json.as_deref() {
        None => None,
        Some(path) => Some((path, select::create(path)?)),
    };
    let stop = select::stop_on_ctrl_c()?;

    writeln!(
        out,
        "{} defects, {} tests, seed {}, commit {}\n",
        defects.len(),
        plan.tests.len(),
        plan.seed,
        runner::facts::COMMIT
    )?;
    out.flush()?;
    let matrix = runner::sabotage::sabotage(&defects, &plan, stop, &mut |row| {
        row.write_line(out)?;
        out.flush()
    })?;
    matrix.write_summary(out)?;
    if let Some((path, mut file)) = json {
        let written = matrix.write_json(&mut file);
        written.map_err(|error| Failure::unwritten(path, error))?;
    }
    Ok(if stop.load(Ordering::Relaxed) {
        Exit::Interrupted
    } else if matrix.survivors() > 0 {
        Exit::Diverged
    } else {
        Exit::Passed
    })
}
