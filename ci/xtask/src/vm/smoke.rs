//! `cargo xtask vm-smoke`: what lockstep does in a machine is what it does outside, to the byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::lockstep::{self, MachineArgs};
use super::machine::{Job, Relay};

/// A run on the emulator, whose time is virtual: the same everywhere. It diverges, so that there
/// is an exit code to be carried and a trace to be kept.
const RUN: [&str; 12] = [
    "run",
    "--defect",
    "accept-any-cqid",
    "--filter",
    "create_io_sq",
    "--trace=all",
    "--out",
    "out",
    "--json",
    "report.json",
    "--junit",
    "report.xml",
];
/// What it returns to the shell.
const DIVERGED: u8 = 1;

/// Runs inside and outside and compares; an error tells what differs.
pub fn run(root: &Path, args: &MachineArgs) -> Result<u8> {
    let program = match &args.program {
        Some(program) => {
            fs::canonicalize(program).with_context(|| program.display().to_string())?
        }
        None => lockstep::build(root)?,
    };
    let folder = tempfile::Builder::new().prefix("lockstep-smoke-").tempdir();
    let folder = folder.context("a folder")?;
    let (inside, outside) = (folder.path().join("inside"), folder.path().join("outside"));
    fs::create_dir(&inside).context("a folder")?;
    fs::create_dir(&outside).context("a folder")?;
    let begin = Instant::now();
    let job = Job {
        script: root.join("ci/vm/lockstep.sh"),
        settings: vec![("here", inside.display().to_string())],
        arguments: RUN.map(str::to_owned).to_vec(),
        limit: Duration::from_secs(args.limit),
    };
    let args = MachineArgs { program: Some(program.clone()), ..args.clone() };
    let ended = lockstep::in_machine(root, &args, vec![inside.clone()], &job, &mut Relay)?;
    let took = begin.elapsed();
    let status = Command::new(&program)
        .args(RUN)
        .current_dir(&outside)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| program.display().to_string())?;
    ensure!(
        (ended.code, status.code()) == (DIVERGED, Some(DIVERGED.into())),
        "exit code {} inside and {status} outside, where {DIVERGED} is right",
        ended.code
    );
    let compared = compare(&inside, &outside)?;
    println!(
        "{compared} files are the same inside and outside; the machine took {:.1} s, {:.1} s of \
         them to its job",
        took.as_secs_f64(),
        ended.booted.as_secs_f64()
    );
    Ok(0)
}

/// How many files two folders have in common; an error if they differ in anything.
fn compare(one: &Path, other: &Path) -> Result<usize> {
    let (mut left, mut right) = (BTreeMap::new(), BTreeMap::new());
    read(one, one, &mut left)?;
    read(other, other, &mut right)?;
    ensure!(!left.is_empty(), "no report came back");
    for (name, content) in &left {
        let there = right.get(name);
        ensure!(there.is_some(), "{} is there inside only", name.display());
        ensure!(there == Some(content), "{} differs inside and outside", name.display());
    }
    for name in right.keys() {
        ensure!(left.contains_key(name), "{} did not come back", name.display());
    }
    Ok(left.len())
}

fn read(base: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            read(base, &path, found)?;
        } else {
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            found.insert(path.strip_prefix(base).unwrap_or(&path).to_path_buf(), bytes);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_compared_to_the_byte() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        for side in [&a, &b] {
            fs::create_dir_all(side.join("sub")).unwrap();
        }
        assert!(compare(&a, &b).unwrap_err().to_string().contains("no report came back"));
        fs::write(a.join("sub/x"), "1").unwrap();
        assert!(compare(&a, &b).unwrap_err().to_string().contains("inside only"));
        fs::write(b.join("sub/x"), "2").unwrap();
        assert!(compare(&a, &b).unwrap_err().to_string().contains("sub/x differs"));
        fs::write(b.join("sub/x"), "1").unwrap();
        assert_eq!(compare(&a, &b).unwrap(), 1);
        fs::write(b.join("y"), "").unwrap();
        assert!(compare(&a, &b).unwrap_err().to_string().contains("y did not come back"));
    }
}
