//! `lockstep generate`.

use std::io::Write;

use anyhow::anyhow;
use reports::Exit;

use crate::args::GenerateArgs;
use crate::failure::Failure;
use crate::lane;

/// Writes a random sequence for an emulator of a configuration.
pub fn generate(args: &GenerateArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let config = lane::emulator_config(args.config.as_deref()).map_err(Failure::usage)?;
    let mut options = runner::panel::generator(&config);
    if let Some(rounds) = args.rounds {
        options.rounds = rounds;
    }
    if options.namespaces.is_empty() {
        return Err(Failure::usage(anyhow!("the configuration has no namespace that is shared")));
    }
    let text = lab::generate(args.seed.0, &options).to_text();
    match &args.to {
        None => write!(out, "{text}")?,
        Some(to) => {
            std::fs::write(to, text).map_err(|error| Failure::unwritten(to, error))?;
        }
    }
    Ok(Exit::Passed)
}
