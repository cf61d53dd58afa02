//! Every bad input gets a clear error and a documented exit code: the built binary, run.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A folder with good and bad files, and the program run in it.
struct Desk {
    dir: tempfile::TempDir,
}

const HERE: &str = env!("CARGO_BIN_EXE_lockstep");

impl Desk {
    fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        for (name, text) in [
            ("profile.toml", "quiet-window-ms = 10\nquite-window = 3\n"),
            ("choice.toml", "[choices]\n\"no.such-choice\" = \"x\"\n"),
            (
                "waivers.toml",
                "[[waiver]]\nid = 'w'\nrequirement = 'create-io-sq.cqid-not-create'\n\
                reason = 'r'\nlink = 'l'\n",
            ),
            ("config.toml", "controlers = 2\n"),
            ("impossible.toml", "mpsmin = 9\n"),
            ("broken.toml", "version = \"2.3\n"),
            ("foreign.bin", "\u{7f}ELF"),
            ("bad.seq", "lockstep sequence 1\ndance\n"),
            ("good.seq", "lockstep sequence 1\nread-reg csts width=4\n"),
            ("empty", ""),
            ("newer.json", "{\"format\": 99}"),
            ("not-qemu", "#!/bin/sh\necho I am a shell script\n"),
        ] {
            std::fs::write(desk.path(name), text).unwrap();
        }
        let program = desk.path("not-qemu");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(program, executable).unwrap();
        desk
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(HERE);
        command.args(arguments).current_dir(self.dir.path()).env("NO_COLOR", "1");
        command
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Arguments, exit code, and what standard error has to say.
const TABLE: &[(&[&str], i32, &[&str])] = &[
    (&["frobnicate"], 2, &["unrecognized subcommand 'frobnicate'"]),
    (&["run", "--frob"], 2, &["unexpected argument '--frob'"]),
    (&["run", "--seed", "seven"], 2, &["`seven` is no seed"]),
    (&["run", "--dut", "toaster"], 2, &["invalid value 'toaster'", "emulator, qemu"]),
    (&["run", "--dut", "vfio:01:00"], 2, &["`01:00` is no PCI address", "0000:01:00.0"]),
    (&["run", "--dut", "vfio-user"], 2, &["vfio-user:SOCKET"]),
    // Filters and tests.
    (&["run", "--filter", "abort and"], 2, &["filter:1:10", "expected a test", "         ^"]),
    (&["run", "--filter", "=base/no/such_test"], 2, &["no test is called `base/no/such_test`"]),
    (&["run", "--filter", "req:no.such"], 2, &["no requirement is called `no.such`"]),
    (&["list", "(abort"], 2, &["this `(` is never closed"]),
    // Profiles and waivers.
    (&["run", "--profile", "none.toml"], 2, &["cannot read the profile none.toml", "No such file"]),
    (
        &["run", "--profile", "profile.toml"],
        2,
        &["profile.toml:2:1", "unknown field `quite-window`", "2 | quite-window = 3", "^"],
    ),
    (&["run", "--profile", "choice.toml"], 2, &["no choice is called `no.such-choice`"]),
    (&["run", "--waivers", "none.toml"], 2, &["cannot read the waivers none.toml"]),
    (
        &["run", "--waivers", "waivers.toml"],
        2,
        &["waivers.toml:3:15", "did you mean `create-io-sq.cqid-not-created`?"],
    ),
    // The emulator.
    (&["run", "--config", "none.toml"], 2, &["cannot read the emulator configuration none.toml"]),
    (&["run", "--config", "config.toml"], 2, &["config.toml:1:1", "unknown field `controlers`"]),
    (&["run", "--config", "broken.toml"], 2, &["broken.toml:1"]),
    (&["run", "--config", "impossible.toml"], 2, &["impossible.toml", "mpsmin = 9"]),
    (&["run", "--defect", "accept-any-cq"], 2, &["did you mean `accept-any-cqid`?"]),
    (&["run", "--device", "mdts=4"], 2, &["--device is for `--dut qemu`"]),
    (&["run", "--iommu"], 2, &["--iommu is for `--dut qemu`"]),
    // QEMU.
    (&["run", "--dut", "qemu", "--defect", "x"], 2, &["--defect is for `--dut emulator`"]),
    (&["run", "--dut", "qemu", "--namespace", "1G"], 2, &["`1G` is no namespace"]),
    (
        &["run", "--dut", "qemu", "--qemu", "./no-such-qemu"],
        4,
        &["cannot start ./no-such-qemu", "install qemu-system-x86"],
    ),
    (&["run", "--dut", "qemu", "--qemu", "./not-qemu"], 4, &["./not-qemu is not QEMU"]),
    (&["doctor", "--qemu", "./no-such-qemu"], 4, &[]),
    // Sequences and traces.
    (&["replay", "none.seq"], 2, &["cannot read none.seq"]),
    (&["replay", "bad.seq"], 2, &["bad.seq: line 2, column 1", "dance", "^"]),
    (&["replay", "empty"], 2, &["empty is neither a trace nor a sequence"]),
    (&["replay", "foreign.bin"], 2, &["foreign.bin is neither a trace nor a sequence"]),
    (&["judge", "foreign.bin"], 2, &["foreign.bin: not a lockstep trace"]),
    (&["judge", "none.trace"], 2, &["cannot read none.trace"]),
    (&["shrink", "bad.seq"], 2, &["bad.seq: line 2"]),
    (&["shrink", "good.seq", "--req", "abort.no-efect"], 2, &["did you mean `abort.no-effect`?"]),
    (
        &["shrink", "good.seq", "--req", "abort.no-effect"],
        3,
        &["does not diverge by abort.no-effect"],
    ),
    // Where reports go.
    (&["run", "--junit", "no/such/folder.xml"], 2, &["cannot write no/such/folder.xml"]),
    (&["run", "--json", "no/such/folder.json"], 2, &["cannot write no/such/folder.json"]),
    (&["run", "--filter", ONE, "--out", "empty"], 4, &["cannot write the event stream empty/"]),
    (
        &["run", "--filter", ONE, "--junit", "/dev/full"],
        4,
        &["cannot write /dev/full", "JUnit", "No space left"],
    ),
    (
        &["run", "--filter", ONE, "--json", "/dev/full"],
        4,
        &["cannot write /dev/full", "No space left"],
    ),
    (&["generate", "--to", "no/such/folder"], 4, &["cannot write no/such/folder"]),
    // Reports to compare.
    (&["compare", "none.json", "none.json"], 2, &["cannot read the report none.json"]),
    (&["compare", "empty", "empty"], 2, &["empty is no report of lockstep", "EOF"]),
    (&["compare", "foreign.bin", "empty"], 2, &["foreign.bin is no report", "line 1"]),
    (&["compare", "newer.json", "empty"], 2, &["newer.json is a report of format 99"]),
    (&["compare", "empty"], 2, &["<B.json>"]),
    // Nothing to do.
    (&["run", "--filter", "abort and not abort"], 5, &[]),
    (&["sabotage", "no-such-defect"], 2, &["no defect has `no-such-defect` in its name"]),
];

/// A test that passes on the emulator.
const ONE: &str = "refuses_to_bind_to_a_completion_queue_never_created";

#[test]
fn every_bad_input_gets_an_error_and_its_exit_code() {
    let desk = Desk::new();
    let mut wrong = Vec::new();
    for (arguments, code, says) in TABLE {
        let output = desk.run(arguments);
        let said = text(&output.stderr);
        let missing: Vec<_> = says.iter().filter(|part| !said.contains(**part)).collect();
        if output.status.code() != Some(*code) || !missing.is_empty() {
            let exit = output.status;
            wrong.push(format!("{arguments:?}: {exit}, without {missing:?}:\n{said}"));
        }
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_bare_program_teaches() {
    let output = Desk::new().run(&[]);
    assert_eq!(output.status.code(), Some(2));
    let help = text(&output.stderr);
    for part in ["lockstep run --dut qemu", "Exit codes: 0 passed, 1 diverged", "sabotage"] {
        assert!(help.contains(part), "{help}");
    }
}

#[test]
fn a_run_keeps_its_promises() {
    let desk = Desk::new();
    let run = |more: &[&str]| {
        let arguments = [&["run", "--filter", ONE, "--out", "out"], more].concat();
        desk.run(&arguments)
    };
    let passed = run(&["--junit", "a.xml", "--json", "a.json"]);
    assert_eq!(passed.status.code(), Some(0), "{}{}", text(&passed.stdout), text(&passed.stderr));
    assert!(!text(&passed.stdout).contains('\u{1b}'), "styles in a pipe");
    let json = std::fs::read(desk.path("a.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(report["counts"]["passed"], 1);
    assert_eq!(report["exit"], 0);
    assert_eq!(report["tests"][0]["duration_us"], serde_json::Value::Null);

    run(&["--junit", "b.xml", "--json", "b.json", "--jobs", "1"]);
    for (a, b) in [("a.xml", "b.xml"), ("a.json", "b.json")] {
        let same = std::fs::read(desk.path(a)).unwrap() == std::fs::read(desk.path(b)).unwrap();
        assert!(same, "{a} and {b} differ");
    }
}

#[test]
fn two_runs_are_compared() {
    let desk = Desk::new();
    let run = |json: &str, more: &[&str]| {
        let arguments = ["run", "--filter", "create_io_sq", "--out", "out", "--json", json];
        desk.run(&[&arguments, more].concat())
    };
    run("a.json", &[]);
    run("b.json", &["--seed", "8"]);
    run("broken.json", &["--defect", "accept-any-cqid"]);
    let same = desk.run(&["compare", "a.json", "b.json"]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stdout));
    assert!(text(&same.stdout).ends_with("the reports agree\n"), "{}", text(&same.stdout));
    let arguments = ["compare", "a.json", "broken.json", "--json", "c.json"];
    let differ = desk.run(&arguments);
    let said = text(&differ.stdout);
    assert_eq!(differ.status.code(), Some(1), "{said}");
    let line = format!("DIFFERS   base/admin/create_io_sq/{ONE}\n  A  passed\n  B  diverged");
    assert!(said.contains(&line), "{said}");
    let json = std::fs::read(desk.path("c.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["agree"], false);
    let full = desk.run(&["compare", "a.json", "b.json", "--json", "/dev/full"]);
    assert_eq!(full.status.code(), Some(4), "{}", text(&full.stderr));
}

#[test]
fn a_planted_defect_is_told_replayed_judged_and_shrunk() {
    let desk = Desk::new();
    let defect = ["--defect", "accept-any-cqid"];
    let run = desk.run(&[&["run", "--filter", ONE, "--out", "out"], &defect[..]].concat());
    let story = text(&run.stdout);
    assert_eq!(run.status.code(), Some(1), "{story}");
    let replay = story.lines().find_map(|l| l.trim().strip_prefix("replay")).unwrap().trim();
    let words: Vec<&str> = replay.split_whitespace().skip(1).collect();
    assert!(story.contains("DIVERGED  create-io-sq.cqid-not-created"), "{story}");
    assert_eq!(words[0], "replay");

    let trace = words[1];
    for arguments in [words.clone(), vec!["judge", trace]] {
        let again = desk.run(&arguments);
        assert_eq!(again.status.code(), Some(1), "{arguments:?}: {}", text(&again.stderr));
        assert!(text(&again.stdout).contains("DIVERGED  create-io-sq.cqid-not-created"));
    }
    let shrunk = desk.run(&[&["shrink", trace, "--to", "short.seq"], &defect[..]].concat());
    assert_eq!(shrunk.status.code(), Some(0), "{}", text(&shrunk.stderr));
    let replayed = desk.run(&[&["replay", "short.seq"], &defect[..]].concat());
    assert_eq!(replayed.status.code(), Some(1), "{}", text(&replayed.stderr));
    let correct = desk.run(&["shrink", "short.seq"]);
    assert_eq!(correct.status.code(), Some(3), "{}", text(&correct.stderr));

    // A trace that was cut short or changed is refused, not judged.
    let path = desk.path(trace);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let cut = desk.run(&["judge", trace]);
    assert_eq!(cut.status.code(), Some(2));
    assert!(text(&cut.stderr).contains("truncated"), "{}", text(&cut.stderr));
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    std::fs::write(&path, changed).unwrap();
    let changed = desk.run(&["judge", trace]);
    assert_eq!(changed.status.code(), Some(2));
    assert!(text(&changed.stderr).contains("damaged"), "{}", text(&changed.stderr));
}

#[test]
fn a_waiver_covers_what_it_names_and_a_stale_one_fails() {
    let desk = Desk::new();
    let waiver = |observed: &str| {
        format!(
            "[[waiver]]\nid = 'known'\nrequirement = 'create-io-sq.cqid-not-created'\n\
             test = '*{ONE}'\nobserved = '{observed}'\nreason = 'r'\nlink = 'l'\n"
        )
    };
    std::fs::write(desk.path("good.toml"), waiver("*")).unwrap();
    std::fs::write(desk.path("other.toml"), waiver("never seen")).unwrap();
    let run = |waivers: &str, defect: &[&str]| {
        let filter = format!("{ONE} or refuses_to_create_queue_0");
        let arguments = ["run", "--filter", &filter, "--out", "out", "--waivers", waivers];
        desk.run(&[&arguments, defect].concat())
    };
    let defect = ["--defect", "accept-any-cqid"];
    let waived = run("good.toml", &defect);
    assert_eq!(waived.status.code(), Some(0), "{}", text(&waived.stdout));
    assert!(text(&waived.stdout).contains("1 waived"), "{}", text(&waived.stdout));
    assert_eq!(run("other.toml", &defect).status.code(), Some(1));
    let stale = run("good.toml", &[]);
    assert_eq!(stale.status.code(), Some(3));
    assert!(text(&stale.stdout).contains("matched nothing"), "{}", text(&stale.stdout));

    // What is not seen in every run covers it when it is seen, and is not missed when it is not.
    std::fs::write(desk.path("now-and-then.toml"), waiver("*") + "intermittent = true\n").unwrap();
    let seen = run("now-and-then.toml", &defect);
    assert_eq!(seen.status.code(), Some(0), "{}", text(&seen.stdout));
    assert!(text(&seen.stdout).contains("1 waived"), "{}", text(&seen.stdout));
    let unseen = run("now-and-then.toml", &[]);
    assert_eq!(unseen.status.code(), Some(0), "{}", text(&unseen.stdout));
    assert!(!text(&unseen.stdout).contains("PROBLEM"), "{}", text(&unseen.stdout));
}

#[test]
fn standard_output_may_be_full_or_closed() {
    let desk = Desk::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let list = desk.command(&["list"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(list.status.code(), Some(4));
    assert!(text(&list.stderr).contains("cannot write the output"), "{}", text(&list.stderr));

    // The reader goes away after the first line, as `head -1` does.
    let mut child = desk.command(&["requirements"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn ctrl_c_ends_a_run_in_order() {
    let desk = Desk::new();
    // Many defects on one thread last long enough to be interrupted.
    let mut child =
        desk.command(&["sabotage", "--jobs", "1"]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let mut child = desk
        .command(&["panel", "--jobs", "1", "--configs", "1000"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

fn interrupt(child: &std::process::Child) {
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

#[test]
fn the_exit_codes_are_documented() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/exit-codes.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    for exit in reports::Exit::ALL {
        let line = format!("| {} | {} |", exit.code(), exit.meaning());
        assert!(docs.contains(&line), "docs/exit-codes.md lacks `{line}`");
    }
}
