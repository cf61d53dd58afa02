//! `lockstep sabotage` says by its exit code whether every defect was killed: the built binary, run.

use std::process::{Command, Output};

/// Plants the defect `name` before the tests of `filter`.
fn sabotage(name: &str, filter: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    let dir = tempfile::tempdir().unwrap();
    let output: Output = command
        .args(["sabotage", name, "--filter", filter])
        .current_dir(dir.path())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_defect_that_the_tests_notice_is_killed() {
    let (code, matrix) = sabotage("accept-any-cqid", "never_created");
    assert!(matrix.contains("KILLED    accept-any-cqid"), "{matrix}");
    assert!(matrix.contains("1 of 1 defect killed"), "{matrix}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_defect_that_no_test_notices_fails_the_run() {
    let (code, matrix) = sabotage("accept-any-cqid", "names_its_revision");
    assert!(matrix.contains("SURVIVED  accept-any-cqid"), "{matrix}");
    assert!(matrix.contains("0 of 1 defect killed"), "{matrix}");
    assert_eq!(code, Some(1));
}
