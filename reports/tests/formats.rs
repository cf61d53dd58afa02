//! What machines read: the event stream, the JSON report against its schema, JUnit's XML against an
//! XML schema.

mod sample;

use std::path::Path;
use std::process::Command;

use lockstep_reports::*;

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

#[test]
fn same_events_same_bytes() {
    assert_eq!(junit(&report(false)), junit(&report(false)));
    let xml = String::from_utf8(junit(&report(false))).unwrap();
    assert!(xml.contains("timestamp=\"1970-01-01T00:00:00Z\""), "{xml}");
    assert!(xml.contains("time=\"0\""), "{xml}");
}

/// Validates by `xmllint`, which CI installs; without it the well-formedness is still held by the
/// property of the filter, and the test says that it did less.
#[test]
fn junit_xml_is_valid_by_the_jenkins_rules() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.xml");
    let only_begun = Report::from_events(&sample::run(false)[..1]).unwrap();
    for (name, report) in
        [("plain", report(false)), ("hostile", report(true)), ("begun", only_begun)]
    {
        std::fs::write(&path, junit(&report)).unwrap();
        match xmllint(&path) {
            Some(Ok(())) => {}
            Some(Err(said)) => panic!("{name}: {said}"),
            None => return eprintln!("xmllint is not installed: JUnit XML was not validated"),
        }
    }
    // The schema itself must be able to refuse.
    std::fs::write(&path, "<testsuites><testsuite name='x'/></testsuites>").unwrap();
    assert!(matches!(xmllint(&path), Some(Err(_))));
}

/// Whether the file is valid, or what is wrong with it; `None` without xmllint.
fn xmllint(path: &Path) -> Option<Result<(), String>> {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jenkins-junit.xsd");
    let mut command = Command::new("xmllint");
    let output = command.args(["--noout", "--schema"]).arg(schema).arg(path).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(said) })
}
