//! What machines read: the event stream, the JSON report against its schema, JUnit's XML against an
//! XML schema.

mod sample;

use std::path::Path;
use std::process::Command;

use lockstep_reports::*;
use proptest::prelude::*;

fn report(hostile: bool) -> Report {
    Report::from_events(&sample::run(hostile)).unwrap()
}

fn junit(report: &Report) -> Vec<u8> {
    let mut xml = Vec::new();
    write_junit(report, &mut xml).unwrap();
    xml
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.json");
    let expected = format!("{:#}\n", schema());
    if std::env::var_os("LOCKSTEP_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == expected,
        "reports/schema.json is not the schema of the types: run the tests of lockstep-reports \
         with LOCKSTEP_BLESS=1 and look at the difference"
    );
}

#[test]
fn a_report_is_valid_by_its_schema_and_a_damaged_one_is_not() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for hostile in [false, true] {
        let mut json = Vec::new();
        report(hostile).write_json(&mut json).unwrap();
        let mut value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        if let Err(error) = validator.validate(&value) {
            panic!("{error} at {}", error.instance_path());
        }
        value["tests"][0]["verdict"] = "fine".into();
        assert!(!validator.is_valid(&value));
        assert_eq!(serde_json::from_slice::<Report>(&json).unwrap(), report(hostile));
    }
}

#[test]
fn the_report_has_what_the_issue_promises() {
    let json = serde_json::to_value(report(false)).unwrap();
    for key in ["dut", "seed", "counts", "tests", "requirements", "choices"] {
        assert!(!json[key].is_null(), "{key}");
    }
    for key in ["kind", "arguments", "description", "clock", "revision", "capabilities"] {
        assert!(!json["dut"][key].is_null(), "dut.{key}");
    }
    for key in ["id", "name", "exercised", "judged", "diverged"] {
        assert!(!json["requirements"][0][key].is_null(), "requirements[].{key}");
    }
    for key in ["name", "question", "readings", "taken", "pinned"] {
        assert!(!json["choices"][0][key].is_null(), "choices[].{key}");
    }
    for key in ["kind", "requirement", "clause", "place", "observed", "allowed", "command"] {
        assert!(!json["tests"][0]["findings"][0][key].is_null(), "tests[].findings[].{key}");
    }
    for key in ["id", "requirements", "verdict", "reason", "findings"] {
        assert!(!json["tests"][0][key].is_null(), "tests[].{key}");
    }
    let named = json["requirements"].as_array().unwrap();
    let one = named.iter().find(|r| r["name"] == "create-io-sq.cqid-not-created").unwrap();
    assert_eq!((&one["judged"], &one["diverged"]), (&17.into(), &7.into()));
}

#[test]
fn the_stream_on_disk_gives_the_same_report_and_survives_a_cut_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/events.jsonl");
    let events = sample::run(true);
    let mut stream = EventStream::create(&path).unwrap();
    events.iter().for_each(|event| stream.push(event).unwrap());
    assert_eq!(read_events(&path).unwrap(), events);

    let text = std::fs::read(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 20]).unwrap();
    let cut = read_events(&path).unwrap();
    assert_eq!(cut, events[..events.len() - 1]);
    let report = Report::from_events(&cut).unwrap();
    assert_eq!((report.interrupted, report.exit), (true, None));
    assert_eq!(report.tests.len(), 17);
}

#[test]
fn a_foreign_stream_is_refused_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    std::fs::write(&path, "{\"event\":\"dance\"}\n").unwrap();
    let error = read_events(&path).unwrap_err().to_string();
    assert!(error.contains("events.jsonl:1: not a run event: unknown variant `dance`"), "{error}");
    assert!(read_events(dir.path()).is_err());
    assert!(EventStream::create(dir.path()).is_err());
}

#[test]
fn a_full_disk_is_an_error_with_the_path() {
    let mut stream = EventStream::create(Path::new("/dev/full")).unwrap();
    let error = stream.push(&sample::run(false)[0]).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot write the event stream /dev/full: No space left on device (os error 28)"
    );
    let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert!(write_junit(&report(false), &mut full).is_err());
}

/// The test runs itself again in a process whose files may not grow beyond a limit: a write there
/// fails as on a full disk, and part of it fits.
#[test]
fn a_disk_that_fills_up_leaves_whole_events() {
    let events = sample::run(true);
    if let Some(path) = std::env::var_os("LOCKSTEP_FULL_DISK") {
        let mut stream = EventStream::create(Path::new(&path)).unwrap();
        let error = events.iter().cycle().find_map(|event| stream.push(event).err()).unwrap();
        assert!(error.to_string().contains("File too large"), "{error}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let script = "trap '' XFSZ; ulimit -f 24; exec \"$0\" --exact \"$1\"";
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg("a_disk_that_fills_up_leaves_whole_events")
        .env("LOCKSTEP_FULL_DISK", &path)
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    let text = std::fs::read(&path).unwrap();
    assert!(text.len() > 8000 && text.ends_with(b"\n"), "{} bytes", text.len());
    let kept = read_events(&path).unwrap();
    assert!(kept.iter().eq(events.iter().cycle().take(kept.len())), "{} events", kept.len());
}

#[test]
fn same_events_same_bytes() {
    assert_eq!(junit(&report(false)), junit(&report(false)));
    let xml = String::from_utf8(junit(&report(false))).unwrap();
    assert!(xml.contains("timestamp=\"1970-01-01T00:00:00Z\""), "{xml}");
    assert!(xml.contains("time=\"0\""), "{xml}");
}

/// Validates a report by `xmllint` against Jenkins' own schema: `junit-10.xsd` of its xunit plugin, as it
/// stands there (MIT; the licence is in the file). Nothing is said without xmllint, unless
/// `LOCKSTEP_REQUIRE` names it, as CI does.
fn is_valid(xml: &[u8]) -> Option<Result<(), String>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.xml");
    std::fs::write(&path, xml).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/junit-10.xsd");
    let mut command = Command::new("xmllint");
    command.args(["--huge", "--noout", "--schema"]).arg(schema).arg(path);
    let Ok(output) = command.output() else {
        let required = std::env::var("LOCKSTEP_REQUIRE").is_ok_and(|all| all.contains("xmllint"));
        assert!(!required, "LOCKSTEP_REQUIRE names xmllint, which is not installed");
        eprintln!("xmllint is not installed: JUnit XML was not validated");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(said) })
}

/// The same run on a machine's clock.
fn timed(hostile: bool) -> Report {
    let mut report = report(hostile);
    report.started = Some("2026-11-20T01:02:03.123456789Z".into());
    let durations = [0, 1, 999, 1_000, 1_234_567, 3_600_000_001, 86_400_000_000_000];
    for (test, duration) in report.tests.iter_mut().zip(durations.into_iter().cycle()) {
        test.duration_us = Some(duration);
    }
    report
}

#[test]
fn junit_xml_is_valid_by_the_schema_of_jenkins() {
    let only_begun = Report::from_events(&sample::run(false)[..1]).unwrap();
    let strict = Report { strict: true, ..report(false) };
    let reports = [report(false), report(true), timed(false), timed(true), only_begun, strict];
    for (n, report) in reports.iter().enumerate() {
        match is_valid(&junit(report)) {
            Some(Ok(())) => {}
            Some(Err(said)) => panic!("{n}: {said}"),
            None => return,
        }
    }
    // The schema itself must be able to refuse.
    let incomplete = b"<testsuites><testsuite name='x'/></testsuites>";
    assert!(matches!(is_valid(incomplete), Some(Err(_))));
}

/// Text of any bytes, as a DUT's own words may be: not always UTF-8, and full of what XML is made of.
fn any_words() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..24)
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        "([\\x00-\\x20]|[]>]|<!\\[CDATA\\[|&#0;|\u{fffe}|\u{ffff}|\\PC){0,12}",
    ];
    proptest::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_bytes_in_any_message_give_valid_junit_xml(
        words in proptest::collection::vec(any_words(), 60..61)
    ) {
        let mut report = timed(true);
        let mut words = words.into_iter().cycle();
        let mut next = || words.next().unwrap_or_default();
        report.dut.description = next();
        report.dut.kind = next();
        report.problems = vec![Problem { kind: ProblemKind::Harness, text: next() }];
        for test in &mut report.tests {
            (test.id, test.reason, test.trace) = (next(), next(), Some(next()));
            for finding in &mut test.findings {
                finding.observed = next();
                finding.requirement = Some(next());
                finding.place.at = next();
                finding.dut_lines = vec![next(), next()];
            }
        }
        if let Some(Err(said)) = is_valid(&junit(&report)) {
            return Err(TestCaseError::fail(said));
        }
    }
}
