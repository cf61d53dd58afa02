//! Who may know whom: the edges of design.md section 2, held against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::Problem;

/// The edges: a crate, and what it may depend on directly. What these depend on is allowed too.
const EDGES: [(&str, &[&str]); 15] = [
    ("lockstep-spec", &[]),
    ("lockstep-log", &["lockstep-spec"]),
    ("lockstep-model", &["lockstep-log"]),
    ("lockstep-dut", &["lockstep-log"]),
    ("lockstep-emulator", &["lockstep-dut"]),
    ("lockstep-qemu", &["lockstep-dut"]),
    ("lockstep-vfio", &["lockstep-dut"]),
    ("lockstep-vfio-user", &["lockstep-dut"]),
    ("lockstep-lab-macros", &[]),
    ("lockstep-lab", &["lockstep-model", "lockstep-dut", "lockstep-lab-macros"]),
    ("lockstep-suites", &["lockstep-lab"]),
    ("lockstep-reports", &["lockstep-spec"]),
    (
        "lockstep-runner",
        &[
            "lockstep-lab",
            "lockstep-reports",
            "lockstep-emulator",
            "lockstep-qemu",
            "lockstep-vfio",
            "lockstep-vfio-user",
        ],
    ),
    ("lockstep", &["lockstep-runner", "lockstep-suites"]),
    ("xtask", &[]),
];

/// Edges that exist for tests only: the lab is tried on the emulator, the suites on every lane.
const DEV_EDGES: [(&str, &str); 5] = [
    ("lockstep-lab", "lockstep-emulator"),
    ("lockstep-suites", "lockstep-runner"),
    ("lockstep-suites", "lockstep-emulator"),
    ("lockstep-suites", "lockstep-qemu"),
    ("lockstep-suites", "lockstep-reports"),
];

/// Crates that nothing outside the project may enter, but these: they must stay pure and small.
const FOREIGN: [(&str, &[&str]); 3] = [
    ("lockstep-spec", &["bitfield-struct"]),
    ("lockstep-log", &["zerocopy"]),
    ("lockstep-model", &[]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

/// The packages of the workspace at `root`.
pub fn packages(root: &Path) -> Result<Vec<Package>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("cargo metadata does not start")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata failed: {errors}");
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    Ok(metadata.packages)
}

/// Everything that is wrong with the edges of `packages`.
pub fn check(root: &Path, packages: &[Package]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in packages {
        let manifest = Path::new(&package.manifest_path);
        let manifest = manifest.strip_prefix(root).unwrap_or(manifest);
        let mut wrong = |what: String, instead: &str| {
            problems.push(Problem::new(manifest, 1, what, instead));
        };
        let name = package.name.as_str();
        if !EDGES.iter().any(|(from, _)| *from == name) {
            wrong(
                format!("{name} has no place in the list of edges"),
                "a row in ci/xtask edges.rs",
            );
            continue;
        }
        let allowed = reachable(name);
        for dependency in &package.dependencies {
            let to = dependency.name.as_str();
            let dev = dependency.kind.as_deref() == Some("dev");
            if dependency.path.is_some() {
                let fine = allowed.contains(to) || dev && DEV_EDGES.contains(&(name, to));
                if !fine {
                    wrong(format!("{name} depends on {to}"), "the edges of docs/architecture.md");
                }
            } else if !dev
                && let Some((_, foreign)) = FOREIGN.iter().find(|(pure, _)| *pure == name)
                && !foreign.contains(&to)
            {
                wrong(format!("{name} depends on {to}"), "plain Rust: this crate stays pure");
            }
        }
    }
    problems
}

/// Everything that may be reached from `from`.
fn reachable(from: &str) -> BTreeSet<&'static str> {
    let edges: BTreeMap<&str, &[&'static str]> = EDGES.into_iter().collect();
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = vec![from];
    while let Some(next) = open.pop() {
        for to in edges.get(next).copied().unwrap_or_default() {
            if found.insert(*to) {
                open.push(to);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, to: &str, kind: Option<&str>) -> Package {
        let path = to.starts_with("lockstep").then(|| "/x".to_owned());
        let kind = kind.map(str::to_owned);
        let dependencies = vec![Dependency { name: to.to_owned(), kind, path }];
        Package { name: name.to_owned(), manifest_path: "/a/Cargo.toml".into(), dependencies }
    }

    fn count(name: &str, to: &str, kind: Option<&str>) -> usize {
        check(Path::new("/a"), &[package(name, to, kind)]).len()
    }

    #[test]
    fn model_and_emulator_never_meet() {
        assert!(!reachable("lockstep-emulator").contains("lockstep-model"));
        assert!(!reachable("lockstep-model").contains("lockstep-emulator"));
        assert_eq!(count("lockstep-emulator", "lockstep-model", None), 1);
        assert_eq!(count("lockstep-model", "lockstep-emulator", Some("dev")), 1);
    }

    #[test]
    fn allows_what_the_design_allows() {
        assert_eq!(count("lockstep-lab", "lockstep-spec", None), 0);
        assert_eq!(count("lockstep-suites", "lockstep-runner", Some("dev")), 0);
        assert_eq!(count("lockstep-suites", "lockstep-runner", None), 1);
        assert_eq!(count("lockstep-reports", "lockstep-model", None), 1);
    }

    #[test]
    fn the_model_takes_no_foreign_crate() {
        assert_eq!(count("lockstep-model", "rand", None), 1);
        assert_eq!(count("lockstep-model", "proptest", Some("dev")), 0);
        assert_eq!(count("lockstep-lab", "inventory", None), 0);
    }
}
