//! Every line that the program prints as a command runs as printed, and shows the same again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A test that passes on the emulator, and fails with the defect `accept-any-cqid`.
const ONE: &str = "refuses_to_bind_to_a_completion_queue_never_created";

/// A folder to work in, whose name a shell would take apart.
struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::write(desk.path("none.toml"), "").unwrap();
        std::fs::write(desk.path("my profile.toml"), "quiet-window-ms = 200\n").unwrap();
        let sequence = "lockstep sequence 1\nc0 = send sq=0 delete-io-cq qid=9\n";
        std::fs::write(desk.path("absent.seq"), sequence).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What the program is run by: a command whose PATH begins with the built program's folder.
    fn command(&self, program: &str) -> Command {
        let here = Path::new(env!("CARGO_BIN_EXE_lockstep")).parent().unwrap();
        let path = format!("{}:{}", here.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command.current_dir(self.dir.path()).env("PATH", path).env("NO_COLOR", "1");
        command
    }

    fn lockstep(&self, arguments: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_lockstep")).args(arguments).output().unwrap()
    }

    /// Runs what `arguments` print as commands; gives the lines. Each must show the first finding
    /// again.
    fn all_printed_run(&self, arguments: &[&str]) -> Vec<String> {
        let said = text(&self.lockstep(arguments).stdout);
        let lines = printed(&said);
        assert!(!lines.is_empty(), "{arguments:?} prints no command:\n{said}");
        let finding = said.lines().find_map(finding);
        for line in lines.iter().take(4) {
            let again = self.command("sh").args(["-c", line]).output().unwrap();
            let (out, error) = (text(&again.stdout), text(&again.stderr));
            assert!(matches!(again.status.code(), Some(0 | 1)), "`{line}`: {out}{error}");
            if let Some(finding) = finding.filter(|_| lines.len() == 1) {
                assert!(out.contains(finding), "`{line}` does not show {finding}:\n{out}");
            } else {
                assert!(out.lines().any(|line| self::finding(line).is_some()), "`{line}`:\n{out}");
            }
        }
        lines
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The commands that a text prints: alone on a line, or behind a label.
fn printed(text: &str) -> Vec<String> {
    let command = |line: &str| {
        let line = line.trim_start();
        let line = ["replay", "again"].iter().find_map(|l| line.strip_prefix(l)).unwrap_or(line);
        let line = line.trim_start();
        line.starts_with("lockstep ").then(|| line.to_string())
    };
    // The first line of a run says `lockstep 0.1.0 · commit ...`.
    text.lines().filter(|line| !line.contains(" · commit ")).filter_map(command).collect()
}

/// The requirement that a line tells a finding of.
fn finding(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("DIVERGED  ").or_else(|| line.strip_prefix("WARNING   "))?;
    let name = rest.split_whitespace().next()?;
    // The line of a test has its id here, that of a finding its requirement.
    (!name.contains('/')).then_some(name)
}

#[test]
fn what_run_replay_judge_shrink_and_claims_print_runs_as_printed() {
    let desk = Desk::new();
    let defect = ["--defect", "accept-any-cqid"];
    let run = ["run", "--filter", ONE, "--out", "my out", "--profile", "my profile.toml"];
    let lines = desk.all_printed_run(&[&run, &defect[..]].concat());
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.starts_with("lockstep replay 'my out/base."), "{line}");

    let trace = std::fs::read_dir(desk.path("my out")).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        path.extension().is_some_and(|e| e == "trace").then(|| path.display().to_string())
    });
    let trace = trace.expect("the trace of the test that failed");
    let lines = desk.all_printed_run(&["judge", &trace]);
    assert!(lines[0].starts_with("lockstep judge"), "{lines:?}");
    desk.all_printed_run(&[&["shrink", &trace, "--to", "a short.seq"], &defect[..]].concat());
    let replay = ["replay", "a short.seq", "--profile", "my profile.toml"];
    let lines = desk.all_printed_run(&[&replay, &defect[..]].concat());
    assert!(lines[0].ends_with("--profile 'my profile.toml'"), "{lines:?}");

    let lines = desk.all_printed_run(&["claims", "--defect", "ver-differs-from-vs"]);
    assert!(lines[0].starts_with("lockstep claims"), "{lines:?}");
}

#[test]
fn what_the_panel_prints_runs_as_printed_for_tests_and_for_generated_sequences() {
    let desk = Desk::new();
    // Without the waivers, a configuration that follows no recommendation on ACL is an alarm.
    let panel = ["panel", "--configs", "6", "--sequences", "2", "--waivers", "none.toml"];
    let lines = desk.all_printed_run(&panel);
    let generated = lines.iter().find(|line| line.contains("/generated.")).expect("one of both");
    let again = desk.command("sh").args(["-c", generated]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "a warning fails nothing: {}", text(&again.stdout));
    assert!(text(&again.stdout).contains("WARNING   identify-controller.acl"));
}

/// On QEMU its own lines stand beside the finding, here and again.
#[test]
fn what_a_replay_on_qemu_prints_runs_as_printed() {
    let desk = Desk::new();
    let here = desk.command("qemu-system-x86_64").arg("--version").output().is_ok();
    let required = std::env::var("LOCKSTEP_REQUIRE").is_ok_and(|lanes| lanes.contains("qemu"));
    assert!(here || !required, "LOCKSTEP_REQUIRE=qemu, but there is no qemu-system-x86_64");
    if !here {
        return eprintln!("no qemu-system-x86_64: not tried on QEMU");
    }
    let lines = desk.all_printed_run(&["replay", "absent.seq", "--dut", "qemu", "--qemu-trace"]);
    assert_eq!(lines, ["lockstep replay absent.seq --dut qemu --qemu-trace"]);

    // What every bring-up of QEMU 7.2 shows is not what its sequence is about.
    let lines = desk.all_printed_run(&["shrink", "absent.seq", "--dut", "qemu", "--to", "s.seq"]);
    assert_eq!(lines, ["lockstep replay s.seq --dut qemu"]);
    let short = std::fs::read_to_string(desk.path("s.seq")).unwrap();
    assert!(short.contains("delete-io-cq"), "{short}");
}

/// The lines of `--help` that a newcomer types. Those with a file that nobody has yet, or with a DUT
/// that not every machine has, are left out.
#[test]
fn the_lines_of_the_help_run_as_printed() {
    let desk = Desk::new();
    let commands = [
        "",
        "run",
        "list",
        "claims",
        "replay",
        "judge",
        "shrink",
        "compare",
        "sabotage",
        "panel",
        "generate",
        "requirements",
        "rates",
    ];
    let mut tried = 0;
    for command in commands {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = text(&desk.lockstep(&arguments).stdout);
        for line in help.lines().filter(|line| line.starts_with("  lockstep ")) {
            // What a line is for stands behind it.
            let line = line.trim().split("   ").next().unwrap_or_default();
            if ["qemu", "vfio-user", "x.trace", "compare a.json"]
                .iter()
                .any(|needs| line.contains(needs))
            {
                continue;
            }
            let done = desk.command("sh").args(["-c", line]).output().unwrap();
            let said = text(&done.stderr);
            // 1: a planted defect is found; 3: a generated sequence claims nothing; doctor: 4.
            let machine = line.contains("doctor");
            let fine = matches!(done.status.code(), Some(0 | 1 | 3)) || machine;
            assert!(fine && !said.contains("error:"), "`{line}`: {} {said}", done.status);
            tried += 1;
        }
    }
    assert!(tried >= 18, "only {tried} lines were tried");
}
