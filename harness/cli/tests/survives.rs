//! Nothing that finished is lost: a full disk, Ctrl-C, or the end of the process in the middle of a run.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reports::{Event, Report, read_events};
use rustix::process::{Pid, Signal, kill_process};

const LOCKSTEP: &str = env!("CARGO_BIN_EXE_lockstep");

fn finished(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::TestFinished(_))).count()
}

/// A run of every test, one after the other, of which a few have finished.
fn under_way(dir: &Path) -> (Child, PathBuf) {
    let child = Command::new(LOCKSTEP)
        .args(["run", "--jobs", "1", "--out", "out", "--json", "r.json", "--junit", "r.xml"])
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stream = dir.join("out/events.jsonl");
    let began = Instant::now();
    while read_events(&stream).map_or(0, |events| finished(&events)) < 3 {
        assert!(began.elapsed() < Duration::from_secs(120), "no test has finished");
        std::thread::sleep(Duration::from_millis(5));
    }
    (child, stream)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), signal).unwrap();
}

#[test]
fn after_ctrl_c_stream_and_reports_hold_what_finished() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, stream) = under_way(dir.path());
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let events = read_events(&stream).unwrap();
    let Some(Event::RunFinished(end)) = events.last() else { panic!("{:?}", events.last()) };
    assert_eq!((end.interrupted, end.exit), (true, 130));
    let report = Report::read_json(&dir.path().join("r.json")).unwrap();
    assert_eq!(Report::from_events(&events).unwrap(), report);
    assert_eq!(report.tests.len(), finished(&events));
    assert!((3..report.selected as usize).contains(&report.tests.len()), "{}", report.tests.len());
    assert!(dir.path().join("r.xml").metadata().unwrap().len() > 0);
}

#[test]
fn after_the_end_of_the_process_the_stream_holds_what_finished() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, stream) = under_way(dir.path());
    signal(&child, Signal::KILL);
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let events = read_events(&stream).unwrap();
    assert!(finished(&events) >= 3);
    let report = Report::from_events(&events).unwrap();
    assert_eq!((report.interrupted, report.exit), (true, None));
}

/// The stream cannot be written any more in the middle of the run: its reader goes away. A full disk is
/// the same to the program; that the stream then ends with a whole event is tested with the stream.
#[test]
fn when_events_cannot_be_kept_any_more_the_reports_hold_what_finished() {
    let dir = tempfile::tempdir().unwrap();
    let stream = dir.path().join("out/events.jsonl");
    std::fs::create_dir(dir.path().join("out")).unwrap();
    let made = Command::new("mkfifo").arg(&stream).status().unwrap();
    assert!(made.success());
    let child = Command::new(LOCKSTEP)
        .args(["run", "--jobs", "2", "--out", "out", "--json", "r.json"])
        .current_dir(dir.path())
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(File::open(&stream).unwrap()).lines();
    let finished = |line: &String| line.contains("\"event\":\"test-finished\"");
    let kept = lines.by_ref().map(Result::unwrap).filter(finished).take(3).count();
    drop(lines);
    let output = child.wait_with_output().unwrap();
    let (out, error) = (&output.stdout, &output.stderr);
    let (out, error) = (String::from_utf8_lossy(out), String::from_utf8_lossy(error));
    assert_eq!((kept, output.status.code()), (3, Some(4)), "{out}{error}");
    let says = "cannot write the event stream out/events.jsonl: Broken pipe";
    assert!(out.contains(&format!("PROBLEM   {says}")) && error.contains(says), "{out}{error}");

    let report = Report::read_json(&dir.path().join("r.json")).unwrap();
    assert!(report.tests.len() > kept, "{}", report.tests.len());
    assert!(report.tests.len() < report.selected as usize, "no test begins after that");
    assert_eq!((report.interrupted, report.exit), (true, Some(4)));
}
