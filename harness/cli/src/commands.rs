//! From a command to the code that does it.

use std::io::Write;

use reports::Exit;

use crate::args::Command;
use crate::failure::Failure;
use crate::{
    bind, claims, compare, doctor, generate, list, panel, rates, replay, requirements, run,
    sabotage, serve,
};

/// Does what was asked. What is to be read goes to `out`.
pub fn perform(command: Command, out: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run::run(&args, out),
        Command::List(args) => list::list(&args, out),
        Command::Requirements(args) => requirements::requirements(&args, out),
        Command::Claims(args) => claims::claims(&args, out),
        Command::Replay(args) => replay::replay(&args, out),
        Command::Judge(args) => replay::judge(&args, out),
        Command::Shrink(args) => replay::shrink(&args, out),
        Command::Compare(args) => compare::compare(&args, out),
        Command::Sabotage(args) => sabotage::sabotage(&args, out),
        Command::Panel(args) => panel::panel(&args, out),
        Command::Generate(args) => generate::generate(&args, out),
        Command::Rates(args) => rates::rates(&args, out),
        Command::Serve(args) => serve::serve(&args, out),
        Command::Doctor(args) => doctor::doctor(&args, out),
        Command::Bind(args) => bind::bind(&args, out),
        Command::Unbind(args) => bind::unbind(&args, out),
        Command::Guard(args) => bind::guard(&args),
    }
}
