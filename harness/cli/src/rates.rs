//! `lockstep rates`: how fast a DUT is driven.

use std::io::Write;

use anyhow::anyhow;
use reports::Exit;
use runner::lane::Lane;
use runner::rates::{self, Kind, Work};

use crate::args::RatesArgs;
use crate::failure::Failure;
use crate::lane;

/// Measures, and tells median and best of each.
pub fn rates(args: &RatesArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let backend = args.backend.map(Into::into);
    lane::with_backend(&args.dut, backend, |lane| on(lane, args, out))
}

fn on(lane: &dyn Lane, args: &RatesArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let failed = |why: String| Failure::harness(anyhow!(why));
    let (turns, batch) = (args.turns, args.batch);
    let work = |kind| Work { kind, batch };
    let commands = work(Kind::Flush).commands();
    writeln!(out, "{turns} turns of {commands} commands, {batch} a doorbell: median (best)")?;
    let read = rates::register_read(lane).map_err(failed)?;
    writeln!(out, "register read  {:.2} us ({:.2})", read.median, read.best)?;
    for (name, kind) in [("Flush", Kind::Flush), ("Read 4 KiB", Kind::Read)] {
        let seen = rates::rates(lane, work(kind), turns).map_err(failed)?;
        let (raw, lockstep) = (seen.raw, seen.lockstep);
        writeln!(
            out,
            "{name:13}  raw {:.0}/s ({:.0})  lockstep {:.0}/s ({:.0})  {:.0} % of raw",
            raw.median,
            raw.best,
            lockstep.median,
            lockstep.best,
            100.0 * lockstep.median / raw.median
        )?;
        if seen.findings > 0 {
            let found = seen.findings;
            writeln!(out, "{found} findings about these commands: `lockstep run` tells them")?;
        }
        out.flush()?;
    }
    Ok(Exit::Passed)
}
