//! `lockstep compare`: two JSON reports side by side.

use std::io::Write;

use reports::{Comparison, Exit, Report};

use crate::args::CompareArgs;
use crate::failure::Failure;
use crate::select;

/// Compares two reports; 1 if they differ by more than the transports explain.
pub fn compare(args: &CompareArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let read = |path| Report::read_json(path).map_err(Failure::usage);
    let comparison = Comparison::of(&read(&args.a)?, &read(&args.b)?);
    let json = match args.json.as_deref() {
        None => None,
        Some(path) => Some((path, select::create(path)?)),
    };
    comparison.write_text(out)?;
    if let Some((path, mut file)) = json {
        let written = comparison.write_json(&mut file);
        written.map_err(|error| Failure::unwritten(path, error))?;
    }
    Ok(comparison.exit())
}
