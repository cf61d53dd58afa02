//! Two reports side by side: what agrees, what is explained, what differs; and files that are no report.

mod sample;

use std::path::Path;

use anstream::adapter::strip_str;
use lockstep_reports::*;

fn report() -> Report {
    Report::from_events(&sample::run(false)).unwrap()
}

/// The same run on another transport, which has an MSI-X table and shows no DMA.
fn elsewhere() -> Report {
    let mut report = report();
    report.dut.description = "QEMU emulator version 7.2.22".into();
    for capability in &mut report.dut.capabilities {
        match capability.name.as_str() {
            "msix-table" => capability.value = "yes".into(),
            "dma" => capability.value = "guarded".into(),
            _ => {}
        }
    }
    let test = at(&mut report, "base/masks_a_vector");
    (test.verdict, test.lacks, test.reason) = (Verdict::Passed, None, String::new());
    report
}

fn at<'a>(report: &'a mut Report, id: &str) -> &'a mut TestFinished {
    report.tests.iter_mut().find(|test| test.id == id).unwrap()
}

fn judged(report: &mut Report, test: Option<&str>, name: &str, times: u64) {
    let counts = report.requirements.iter_mut().find(|r| r.name == name).unwrap();
    counts.judged = times;
    let counts = counts.clone();
    if let Some(id) = test {
        at(report, id).coverage.push(counts);
    }
}

fn shown(comparison: &Comparison) -> String {
    let mut text = Vec::new();
    comparison.write_text(&mut text).unwrap();
    strip_str(&String::from_utf8(text).unwrap()).to_string()
}

#[test]
fn a_report_agrees_with_itself() {
    let comparison = Comparison::of(&report(), &report());
    assert!(comparison.agree, "{comparison:#?}");
    assert_eq!((comparison.in_both, comparison.same), (17, 17));
    assert_eq!(comparison.exit(), Exit::Passed);
}

#[test]
fn only_a_named_capability_that_differs_explains() {
    let (a, b) = (report(), elsewhere());
    let comparison = Comparison::of(&a, &b);
    assert!(comparison.agree, "{}", shown(&comparison));
    assert_eq!(comparison.tests.len(), 1);
    assert_eq!(comparison.tests[0].explained_by.as_ref().unwrap().name, "msix-table");

    // The same n/a where both transports have the same table.
    let mut same_table = b.clone();
    same_table.dut.capabilities.clone_from(&a.dut.capabilities);
    assert!(!Comparison::of(&a, &same_table).agree);
    // An n/a whose reason names nothing of the transport.
    let mut unnamed = a.clone();
    at(&mut unnamed, "base/masks_a_vector").lacks = None;
    assert!(!Comparison::of(&unnamed, &b).agree);
    // A verdict that is no n/a, beside a capability that differs.
    let mut failed = a.clone();
    at(&mut failed, "base/masks_a_vector").verdict = Verdict::Unproved;
    assert!(!Comparison::of(&failed, &b).agree);
    // A test that one of them does not have.
    let mut shorter = b.clone();
    shorter.tests.pop();
    assert!(!Comparison::of(&a, &shorter).agree);
    assert!(!Comparison::of(&shorter, &a).agree);
}

#[test]
fn the_same_verdict_for_another_finding_is_a_difference() {
    let mut b = report();
    let test = at(&mut b, "base/refuses_an_absent_cqid");
    test.findings[0].requirement = Some("create-io-sq.qid-range".into());
    let comparison = Comparison::of(&report(), &b);
    assert!(!comparison.agree);
    assert_eq!(comparison.exit(), Exit::Diverged);
}

#[test]
fn what_is_found_in_every_bring_up_is_compared_once() {
    let mut b = report();
    let found = at(&mut b, "base/begins_with_bring_up").findings[0].clone();
    let found = Finding { requirement: Some("identify-controller.acl".into()), ..found };
    b.tests.iter_mut().for_each(|test| test.findings.push(found.clone()));
    let comparison = Comparison::of(&report(), &b);
    assert_eq!((comparison.agree, comparison.tests.len()), (false, 0), "{}", shown(&comparison));
    assert_eq!(comparison.bring_up.len(), 1);
    assert_eq!(comparison.bring_up[0].b.as_deref(), Some("17 times"));
    assert!(shown(&comparison).contains("BRING-UP  divergence identify-controller.acl  A: none"));
}

#[test]
fn coverage_is_explained_by_explained_tests_and_by_what_the_transport_shows() {
    let (mut a, mut b) = (report(), elsewhere());
    // Judged by the test alone that B's transport lacks something for.
    judged(&mut b, Some("base/masks_a_vector"), "interrupt.masked-pending", 3);
    // Only DMA that is seen can show it.
    judged(&mut a, Some("base/stays_alive"), "dma.none-after-reset", 4);
    let comparison = Comparison::of(&a, &b);
    assert!(comparison.agree, "{}", shown(&comparison));
    assert_eq!(comparison.coverage.len(), 2);
    // Nothing explains this one.
    judged(&mut a, Some("base/stays_alive"), "flush.durable", 1);
    let comparison = Comparison::of(&a, &b);
    assert!(!comparison.agree);
    assert_eq!(comparison.coverage[1].explained_by, None);
}

/// Whether an Abort meets its victim is a race, where time is not the emulator's own.
#[test]
fn a_race_explains_coverage_only_where_time_is_on_the_wall() {
    let (mut a, mut b) = (report(), report());
    judged(&mut a, Some("base/stays_alive"), "abort.victim-first", 2);
    assert!(!Comparison::of(&a, &b).agree, "both clocks are virtual");
    b.dut.clock = Clock::Wall;
    let comparison = Comparison::of(&a, &b);
    assert!(comparison.agree, "{}", shown(&comparison));
    assert_eq!(comparison.coverage[0].explained_by.as_ref().unwrap().name, "clock");
    // Of nothing else.
    judged(&mut a, Some("base/stays_alive"), "flush.durable", 1);
    assert!(!Comparison::of(&a, &b).agree);
}

#[test]
fn a_choice_differs_by_the_readings_that_the_same_tests_show() {
    let shows = |id: &str, reading: &str| {
        let mut report = report();
        report.tests.iter_mut().for_each(|test| test.choices.clear());
        let (choice, reading) = ("prp.low-bits".to_string(), reading.to_string());
        at(&mut report, id).choices.push(Shown { choice, reading, times: 3 });
        report
    };
    let (test, masked) = ("base/reports_its_version", "base/masks_a_vector");
    let compare = |a, b| Comparison::of(&a, &b);
    // How often, and in which test, is no difference; nor is what one of them never shows.
    assert!(compare(shows(test, "refused"), shows(masked, "refused")).agree);
    assert!(compare(shows(test, "refused"), report()).agree);
    let other = compare(shows(test, "refused"), shows(masked, "ignored"));
    assert_eq!((other.agree, other.choices.len()), (false, 1), "{}", shown(&other));
    assert!(shown(&other).contains("CHOICE    prp.low-bits  A: refused  B: ignored"));
    // A test that differs for the transport shows what the other side cannot.
    let mut b = elsewhere();
    b.tests.iter_mut().for_each(|test| test.choices.clear());
    let (choice, reading) = ("prp.low-bits".to_string(), "ignored".to_string());
    at(&mut b, masked).choices.push(Shown { choice, reading, times: 1 });
    assert!(compare(shows(test, "refused"), b).agree);
}

#[test]
fn no_test_in_common_is_nothing() {
    let mut empty = report();
    empty.tests.clear();
    empty.requirements.iter_mut().for_each(|r| r.judged = 0);
    assert_eq!(Comparison::of(&empty, &empty).exit(), Exit::NothingRan);
}

#[test]
fn every_line_of_a_comparison() {
    let (mut a, mut b) = (report(), elsewhere());
    let test = at(&mut b, "base/stays_alive");
    (test.verdict, test.reason) = (Verdict::Passed, String::new());
    test.findings.clear();
    b.tests.retain(|test| test.id != "base/reports_its_version");
    let mut alone = a.tests[0].clone();
    alone.id = "base/is_new".into();
    b.tests.push(alone);
    b.choices[0].taken = "5 s".into();
    at(&mut b, "base/follows_a_recommendation").choices[0].reading = "ignored".into();
    b.seed = Seed(8);
    b.interrupted = true;
    judged(&mut a, Some("base/stays_alive"), "dma.none-after-reset", 4);
    judged(&mut a, Some("base/stays_alive"), "flush.durable", 1);
    let comparison = Comparison::of(&a, &b);
    insta::assert_snapshot!("comparison", shown(&comparison));

    let mut json = Vec::new();
    comparison.write_json(&mut json).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["agree"], false);
    assert_eq!(json["tests"].as_array().unwrap().len(), 4);
    assert_eq!(json["profile"][0]["b"], "5 s");
    assert_eq!(json["choices"][0]["a"], "refused");
    assert_eq!(json["coverage"][0]["explained_by"]["name"], "dma");
}

#[test]
fn what_is_no_report_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.json");
    let refused = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Report::read_json(&path).unwrap_err().to_string()
    };
    let mut good = Vec::new();
    report().write_json(&mut good).unwrap();
    let good = String::from_utf8(good).unwrap();
    for (text, says) in [
        ("", "no report of lockstep"),
        ("{}", "missing field `format`"),
        ("[1, 2", "at line 1 column"),
        ("{\"format\": 99}", "a report of format 99; this program reads format 1"),
        ("{\"format\": 1}", "missing field"),
        (&good[..good.len() / 2], "EOF while parsing"),
        (&good.replace(": \"passed\"", ": \"fine\""), "unknown variant `fine`"),
    ] {
        let error = refused(text);
        assert!(error.contains(says) && error.contains("r.json"), "{error}");
    }
    let twice = good.replace("base/stays_alive", "base/reports_its_version");
    assert!(refused(&twice).ends_with("holds the test base/reports_its_version twice"));
    std::fs::write(&path, &good).unwrap();
    assert_eq!(Report::read_json(&path).unwrap(), report());
    assert!(
        Report::read_json(Path::new("none.json")).unwrap_err().to_string().contains("none.json")
    );
}
