//! `cargo xtask`: the generator and the checks of the repository.

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  gen           write the requirement handles from reference-model/requirements/*.toml
  gen --check   fail if the committed files differ from what gen would write
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["gen"] => xtask::generate::run(false),
        ["gen", "--check"] => xtask::generate::run(true),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
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
