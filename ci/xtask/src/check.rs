//! `cargo xtask check`: everything, and all failures at the end.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// The steps: a name, and the arguments for cargo.
const STEPS: [(&str, &[&str]); 4] = [
    ("format", &["fmt", "--all", "--check"]),
    ("generated files", &["xtask", "gen", "--check"]),
    (
        "clippy",
        &["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"],
    ),
    ("tests", &["test", "--workspace", "--locked", "--quiet"]),
];

/// Runs every step at `root`, also after one failed; the names of those that failed.
pub fn run(root: &Path) -> Result<Vec<&'static str>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut failed = Vec::new();
    for (name, arguments) in STEPS {
        println!("== {name}");
        let mut command = Command::new(&cargo);
        let status = command.args(arguments).current_dir(root).status().context("cargo")?;
        if !status.success() {
            failed.push(name);
        }
    }
    Ok(failed)
}
