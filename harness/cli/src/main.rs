//! The program `lockstep`.
//!
//! It parses arguments, opens files, calls the runner and writes what came of it; whatever is worth
//! testing without a process stands in the runner, the lab or reports. Exit codes: [`reports::Exit`].

mod args;
mod bind;
mod claims;
mod commands;
mod compare;
mod doctor;
mod dut_arg;
mod failure;
mod generate;
mod help;
mod input;
mod lane;
mod list;
mod output;
mod panel;
mod rates;
mod replay;
mod requirements;
mod run;
mod sabotage;
mod select;
mod serve;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use reports::Exit;
// Without a name used from it the linker drops the suites, and with them every test.
use suites as _;

use crate::args::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output with 0, bad usage to standard error with 2.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let mut out = output::stdout();
    let done = commands::perform(cli.command, &mut out);
    // What is still buffered may not fit either.
    let done = done.and_then(|exit| Ok(out.flush().map(|()| exit)?));
    match done {
        Ok(exit) => ExitCode::from(exit.code()),
        // The reader of the pipe has seen enough.
        Err(failure) if failure.is_broken_pipe() => ExitCode::from(Exit::Passed.code()),
        Err(failure) => {
            output::error(&failure.to_string());
            ExitCode::from(failure.exit.code())
        }
    }
}
