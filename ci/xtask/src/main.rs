//! `cargo xtask`: the generator and the checks of the repository.

use std::fs;
use std::process::ExitCode;

use anyhow::Result;
use xtask::{Problem, check, generate, handles, root, source};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  gen           write the requirement handles from reference-model/requirements/*.toml
  gen --check   fail if the committed files differ from what gen would write
  unjudged      bring ci/xtask/unjudged.txt up to date with the rules of the model
  check         format, generated files, clippy, tests; runs all, then lists what failed
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["gen"] => generate::run(false),
        ["gen", "--check"] => generate::run(true),
        ["unjudged"] => unjudged().map(|()| Vec::new()),
        ["check"] => return check_all(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    report(done)
}

fn report(done: Result<Vec<Problem>>) -> ExitCode {
    match done {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn unjudged() -> Result<()> {
    let path = root().join(handles::PATH);
    let list = fs::read_to_string(&path)?;
    let updated = handles::update(&handles::names(&root())?, &source::read(&root())?, &list);
    println!("{} requirements are not judged", updated.lines().count());
    Ok(fs::write(path, updated)?)
}

fn check_all() -> ExitCode {
    match check::run(&root()) {
        Ok(failed) if failed.is_empty() => {
            println!("all checks passed");
            ExitCode::SUCCESS
        }
        Ok(failed) => {
            eprintln!("failed: {}", failed.join(", "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
