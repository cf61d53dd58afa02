//! Tells the program which commit it was built from, for reports and traces.

use std::path::Path;
use std::process::Command;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // The log of HEAD changes with every commit and every switch of branches.
    let head = root.join(".git/logs/HEAD");
    if head.exists() {
        println!("cargo:rerun-if-changed={}", head.display());
    } else {
        println!("cargo:rerun-if-changed=build.rs");
    }
    let git =
        Command::new("git").args(["rev-parse", "--short=7", "HEAD"]).current_dir(root).output();
    let commit = git.ok().filter(|output| output.status.success());
    let commit = commit.and_then(|output| String::from_utf8(output.stdout).ok());
    let commit = commit.as_deref().map_or("unknown", str::trim);
    println!("cargo:rustc-env=LOCKSTEP_COMMIT={commit}");
}
