//! `lockstep rates`: how fast a DUT is driven.

use std::io::Write;

use anyhow::anyhow;
use reports::Exit;
use runner::lane::Lane;
use runner::rates::{self, BATCH, BATCHES, Work};

use crate::args::RatesArgs;
use crate::failure::Failure;
use crate::lane;

/// Measures, and tells best and median of each.
pub fn rates(args: &RatesArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    lane::with(&args.dut, |lane| on(lane, args.turns, out))
}

fn on(lane: &dyn Lane, turns: usize, out: &mut dyn Write) -> Result<Exit, Failure> {
    let failed = |why: String| Failure::harness(anyhow!(why));
    let commands = BATCH * BATCHES;
    writeln!(out, "{turns} turns of {commands} commands, {BATCH} a doorbell: median (best)")?;
    let read = rates::register_read(lane).map_err(failed)?;
    writeln!(out, "register read  {:.2} us ({:.2})", read.median, read.best)?;
    for (name, work) in [("Flush", Work::Flush), ("Read 4 KiB", Work::Read)] {
        let seen = rates::rates(lane, work, turns).map_err(failed)?;
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
        out.flush()?;
    }
    Ok(Exit::Passed)
}
