//! JUnit XML, as Jenkins and most CI servers read it.
//!
//! Jenkins' schema (`junit-10.xsd` of its xunit plugin) is the strictest in use; tests validate
//! against that very file. `junit-report` writes text raw, so every string passes one filter, [`xml_text`].

use std::io::Write;

use junit_report::{Duration, OffsetDateTime, ReportBuilder, TestCase, TestSuite};
use time::format_description::well_known::Rfc3339;

use crate::{Report, TestFinished, Verdict, write_story};

/// Why JUnit XML could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write JUnit XML: {0}")]
pub struct JunitError(#[from] junit_report::Error);

/// `text` as XML 1.0 may hold it, in attributes and in CDATA: a character that is illegal there is
/// shown by its number, and `]]>`, which would end a CDATA section, is broken up.
pub fn xml_text(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'.. => clean.push(c),
            _ => clean.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
        if clean.ends_with("]]>") {
            clean.truncate(clean.len() - 1);
            clean.push_str(" >");
        }
    }
    clean
}

/// Writes `report` as one test suite. Deterministic wherever the report is: the timestamp is the
/// run's, or the epoch in virtual time.
pub fn write_junit(report: &Report, to: &mut dyn Write) -> Result<(), JunitError> {
    let started = report.started.as_deref().and_then(|t| OffsetDateTime::parse(t, &Rfc3339).ok());
    let mut suite = TestSuite::new(&xml_text(&format!("lockstep on {}", report.dut.kind)));
    suite.package = "lockstep".into();
    suite.hostname = xml_text(&report.dut.kind);
    suite.set_timestamp(started.unwrap_or(OffsetDateTime::UNIX_EPOCH));
    suite.add_testcases(report.tests.iter().map(|test| test_case(report, test)));
    suite.set_system_out(&xml_text(&facts(report)));
    let mut xml = Vec::new();
    ReportBuilder::new().add_testsuite(suite).build().write_xml(&mut xml)?;
    xml.push(b'\n');
    to.write_all(&xml).map_err(|e| JunitError(e.into()))
}

/// What JUnit has no place for: who was tested, by what, with which seed.
fn facts(report: &Report) -> String {
    let mut text = format!(
        "dut {}\nrevision {}\nseed {}\ncommit {}\nprofile {}\n",
        report.dut.description, report.dut.revision, report.seed, report.commit, report.profile
    );
    for problem in &report.problems {
        text.push_str(&format!("problem {}\n", problem.text));
    }
    if report.interrupted {
        text.push_str(&format!(
            "interrupted after {} of {} tests\n",
            report.counts.tests, report.selected
        ));
    }
    text
}

fn test_case(report: &Report, test: &TestFinished) -> TestCase {
    let (class, name) = test.id.rsplit_once('/').unwrap_or(("", &test.id));
    let name = xml_text(name);
    // Jenkins' schema knows three decimals of a second.
    let time = Duration::milliseconds((test.duration_us.unwrap_or(0) / 1000) as i64);
    let reason = xml_text(test.reason.lines().next().unwrap_or_default());
    let failed = test.verdict == Verdict::Warned && report.strict;
    let mut case = match test.verdict {
        Verdict::Passed | Verdict::Warned if !failed => TestCase::success(&name, time),
        Verdict::Diverged | Verdict::Warned | Verdict::Passed => {
            TestCase::failure(&name, time, test.verdict.word(), &reason)
        }
        Verdict::Unproved | Verdict::Error => {
            TestCase::error(&name, time, test.verdict.word(), &reason)
        }
        Verdict::Waived | Verdict::NotApplicable => {
            TestCase::skipped_with_cause(&name, test.verdict.word(), &reason)
        }
    };
    case.set_classname(&xml_text(&class.replace('/', ".")));
    if !test.findings.is_empty() {
        let story = report.story(test);
        let mut text = Vec::new();
        // Writing to memory cannot fail.
        let _ = write_story(&story, &mut text, false);
        case.set_system_out(&xml_text(&String::from_utf8_lossy(&text)));
    }
    case
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// XML 1.0, production 2.
    fn is_xml_char(c: char) -> bool {
        matches!(c,
            '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
    }

    proptest! {
        #[test]
        fn every_text_becomes_legal_and_cannot_end_cdata(
            text in "([\\x00-\\x20]|[]>]|\u{fffe}|\u{ffff}|\\PC){0,40}"
        ) {
            let clean = xml_text(&text);
            prop_assert!(clean.chars().all(is_xml_char));
            prop_assert!(!clean.contains("]]>"));
        }

        #[test]
        fn legal_text_without_the_end_of_cdata_is_left_alone(text in "[a-z<&\"'\n é→𝄞]{0,40}") {
            prop_assert_eq!(xml_text(&text), text);
        }
    }

    #[test]
    fn illegal_characters_are_shown_by_number() {
        assert_eq!(xml_text("a\0b\u{1b}[1mc"), "a\\u{0}b\\u{1b}[1mc");
        assert_eq!(xml_text("]]>]]]>"), "]] >]]] >");
    }
}
