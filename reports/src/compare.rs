//! Two reports side by side: which tests agree, and what explains the others.
//!
//! Two reports agree if every test has the same verdict and findings, the same requirements were judged,
//! the same profile was expected, and the tests that agree show the same readings of named choices. How
//! often something was judged or shown is no difference.
//!
//! Two kinds of DUT may differ in what their transports can do. A test that is n/a on one of them for
//! a capability of the transport, by name, and that capability differs between the two: that explains
//! a difference. So does a clock on the wall, for requirements that are judged only if a race went one
//! way ([`BY_TIMING`]). Nothing else does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::Req;
use spec::requirement::{abort, common};

use crate::{
    Clock, Counted, DutFacts, Exit, FORMAT, Finding, FindingKind, Report, Seed, TestFinished,
    Verdict,
};

/// Why a report cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No reading.
    #[error("cannot read the report {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no report.
    #[error("{path} is no report of lockstep (`run --json` writes them): {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        source: serde_json::Error,
    },
    /// It is of another version.
    #[error("{path} is a report of format {found}; this program reads format {FORMAT}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// A test stands in it twice.
    #[error("{path} holds the test {test} twice")]
    Twice {
        /// The file.
        path: PathBuf,
        /// The test.
        test: String,
    },
}

/// What every version has.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

impl Report {
    /// Reads what [`Report::write_json`] wrote.
    ///
    /// # Errors
    /// If the file cannot be read, is no report, or one of another format.
    pub fn read_json(path: &Path) -> Result<Self, ReadError> {
        let text =
            std::fs::read(path).map_err(|source| ReadError::Read { path: path.into(), source })?;
        let json = |source| ReadError::Json { path: path.into(), source };
        let head: Head = serde_json::from_slice(&text).map_err(json)?;
        if head.format != FORMAT {
            return Err(ReadError::Format { path: path.into(), found: head.format });
        }
        let report: Report = serde_json::from_slice(&text).map_err(json)?;
        let mut seen = BTreeSet::new();
        match report.tests.iter().find(|test| !seen.insert(&test.id)) {
            Some(test) => Err(ReadError::Twice { path: path.into(), test: test.id.clone() }),
            None => Ok(report),
        }
    }
}

/// One of the two.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Side {
    /// Who was tested.
    pub dut: DutFacts,
    /// The seed of the run.
    pub seed: Seed,
    /// The commit of the program.
    pub commit: String,
    /// Whether the run was cut short.
    pub interrupted: bool,
    /// How many tests it has.
    pub tests: u32,
}

impl Side {
    fn of(report: &Report) -> Self {
        Self {
            dut: report.dut.clone(),
            seed: report.seed,
            commit: report.commit.clone(),
            interrupted: report.interrupted,
            tests: report.tests.len() as u32,
        }
    }
}

/// Something that has a value on each side; none where it is not there at all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Pair {
    /// What it is.
    pub name: String,
    /// Its value in A.
    pub a: Option<String>,
    /// Its value in B.
    pub b: Option<String>,
}

/// What one side says of a test.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Said {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What was found: kind and requirement, each once, ascending.
    pub findings: Vec<String>,
}

impl Said {
    /// What a test says beside what every test finds.
    fn of(test: &TestFinished, standing: &BTreeMap<String, u64>) -> Self {
        let mut findings: Vec<String> = test.findings.iter().map(told).collect();
        findings.retain(|finding| !standing.contains_key(finding));
        findings.sort();
        findings.dedup();
        Self { verdict: test.verdict, reason: test.reason.clone(), findings }
    }
}

/// A finding in a few words: its kind, and the requirement or what was observed.
fn told(finding: &Finding) -> String {
    let what = finding.requirement.as_deref().unwrap_or(&finding.observed);
    let known = finding.waived_by.as_ref().map(|by| format!(" (waived: {by})"));
    let kind = match finding.kind {
        FindingKind::Divergence => "divergence",
        FindingKind::Warning => "warning",
        FindingKind::Anomaly => "anomaly",
        FindingKind::Inconclusive => "inconclusive",
        FindingKind::Gap => "gap",
    };
    format!("{kind} {what}{}", known.unwrap_or_default())
}

/// What is found in bring-up, with which every test begins, and in how many tests. It is compared once
/// for all of them.
fn standing(report: &Report) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for finding in report.tests.iter().flat_map(|test| &test.findings) {
        if finding.in_bring_up() {
            *counts.entry(told(finding)).or_default() += 1;
        }
    }
    counts
}

/// What only one of them finds in bring-up.
fn bring_up(a: &BTreeMap<String, u64>, b: &BTreeMap<String, u64>) -> Vec<Pair> {
    let times = |side: &BTreeMap<String, u64>, name: &String| {
        side.get(name).map(|count| Counted(*count, "time").to_string())
    };
    let pair = |name: &String| Pair { name: name.clone(), a: times(a, name), b: times(b, name) };
    let alone = |name: &&String| a.contains_key(*name) != b.contains_key(*name);
    let mut all: Vec<Pair> = a.keys().chain(b.keys()).filter(alone).map(pair).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// A test on which the reports differ.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct TestDifference {
    /// The test.
    pub id: String,
    /// What A says; none if it has no such test.
    pub a: Option<Said>,
    /// What B says.
    pub b: Option<Said>,
    /// The capability of the transport that explains it.
    pub explained_by: Option<Pair>,
}

/// A requirement that was judged in one report and never in the other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct CoverageDifference {
    /// The requirement.
    pub name: String,
    /// How often it was judged in A.
    pub a: u64,
    /// And in B.
    pub b: u64,
    /// The capability of the transport that explains it: `clock` for what timing alone decides.
    pub explained_by: Option<Pair>,
}

/// Two reports, compared.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Comparison {
    /// Version of this structure, which is that of the reports.
    pub format: u32,
    /// The first report.
    pub a: Side,
    /// The second.
    pub b: Side,
    /// Whether they agree, but for what is explained.
    pub agree: bool,
    /// How many tests are in both.
    pub in_both: u32,
    /// How many of them have the same verdict and the same findings.
    pub same: u32,
    /// Capabilities of the transport that differ.
    pub capabilities: Vec<Pair>,
    /// What only one of them finds in bring-up, with which every test begins, and how often.
    pub bring_up: Vec<Pair>,
    /// Tests that differ, beside that.
    pub tests: Vec<TestDifference>,
    /// What the profiles expect differently: choices that are pinned, and the quiet window.
    pub profile: Vec<Pair>,
    /// Named choices of which the tests that agree show other readings.
    pub choices: Vec<Pair>,
    /// Requirements that only one of them judged.
    pub coverage: Vec<CoverageDifference>,
}

/// Groups of requirements that only a transport with this capability shows: a capability that differs
/// explains that one report judged them and the other did not.
const SHOWN_BY: [(&str, &str); 4] =
    [("dma.", "dma"), ("prp.", "dma"), ("interrupt.", "irq"), ("interrupt.", "msix-table")];

/// Requirements that are judged only if a race went one way: whether an Abort met its victim, whether a
/// command was cut off. Where time is on the wall, a run may judge them and the next one not.
const BY_TIMING: [Req; 4] =
    [abort::TOLD_ABORTED, abort::VICTIM_FIRST, abort::VICTIM_STATUS, common::TRANSIENT_ERROR];

impl Comparison {
    /// Compares two reports.
    pub fn of(a: &Report, b: &Report) -> Self {
        let capabilities = differing(&capabilities(a), &capabilities(b));
        let (by_id_a, by_id_b) = (by_id(a), by_id(b));
        let mut ids: Vec<&str> = by_id_a.keys().chain(by_id_b.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let both = |id: &&&str| by_id_a.contains_key(**id) && by_id_b.contains_key(**id);
        let in_both = ids.iter().filter(both).count() as u32;
        let (standing_a, standing_b) = (standing(a), standing(b));
        let tests: Vec<TestDifference> = ids
            .iter()
            .filter_map(|id| {
                let a = by_id_a.get(id).map(|test| (*test, Said::of(test, &standing_a)));
                let b = by_id_b.get(id).map(|test| (*test, Said::of(test, &standing_b)));
                test(id, a, b, &capabilities)
            })
            .collect();
        let bring_up = bring_up(&standing_a, &standing_b);
        let differing_in_both = tests.iter().filter(|test| test.a.is_some() && test.b.is_some());
        let same = in_both - differing_in_both.count() as u32;
        let profile = differing(&expected(a), &expected(b));
        let differs: BTreeSet<&str> = tests.iter().map(|test| test.id.as_str()).collect();
        let choices = shown_otherwise(&shown(a, &differs), &shown(b, &differs));
        let coverage = coverage(a, b, &tests, &capabilities);
        let agree = (profile.is_empty() && choices.is_empty())
            && bring_up.is_empty()
            && tests.iter().all(|test| test.explained_by.is_some())
            && coverage.iter().all(|requirement| requirement.explained_by.is_some());
        Self {
            format: FORMAT,
            a: Side::of(a),
            b: Side::of(b),
            agree,
            in_both,
            same,
            capabilities,
            bring_up,
            tests,
            profile,
            choices,
            coverage,
        }
    }

    /// The exit: 0 they agree, 1 they differ, 5 no test is in both.
    pub fn exit(&self) -> Exit {
        if !self.agree {
            Exit::Diverged
        } else if self.in_both == 0 {
            Exit::NothingRan
        } else {
            Exit::Passed
        }
    }

    /// Writes it as JSON, for people to read too.
    pub fn write_json(&self, to: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *to, self)?;
        writeln!(to)
    }

    /// Writes it for a terminal, with styles.
    pub fn write_text(&self, to: &mut dyn Write) -> io::Result<()> {
        for (name, side) in [("A", &self.a), ("B", &self.b)] {
            let Side { dut, seed, commit, interrupted, .. } = side;
            let revision = if dut.revision.is_empty() { "unknown" } else { &dut.revision };
            let cut = if *interrupted { " · cut short" } else { "" };
            let what = &dut.description;
            writeln!(to, "{name}  {what} · VS {revision} · seed {seed} · commit {commit}{cut}")?;
        }
        for pair in &self.capabilities {
            writeln!(to, "   transport {pair}")?;
        }
        writeln!(to)?;
        for pair in &self.bring_up {
            heading(to, AnsiColor::Red, "BRING-UP", &pair.to_string())?;
        }
        self.write_tests(to)?;
        for (word, pairs) in [("PROFILE", &self.profile), ("CHOICE", &self.choices)] {
            for pair in pairs {
                heading(to, AnsiColor::Red, word, &pair.to_string())?;
            }
        }
        for CoverageDifference { name, a, b, explained_by } in &self.coverage {
            let (colour, word) = colour_of(explained_by.is_some(), "COVERAGE");
            let times = |count: u64| match count {
                0 => "never".to_string(),
                count => Counted(count, "time").to_string(),
            };
            let told = format!("{name}  judged {} in A, {} in B", times(*a), times(*b));
            heading(to, colour, word, &told)?;
            write_explanation(to, explained_by.as_ref())?;
        }
        self.write_summary(to)
    }

    fn write_tests(&self, to: &mut dyn Write) -> io::Result<()> {
        for TestDifference { id, a, b, explained_by } in &self.tests {
            let word = match (a, b) {
                (Some(_), None) => "ONLY IN A",
                (None, Some(_)) => "ONLY IN B",
                _ => "DIFFERS",
            };
            let (colour, word) = colour_of(explained_by.is_some(), word);
            heading(to, colour, word, id)?;
            for (name, said) in [("A", a), ("B", b)] {
                let Some(Said { verdict, reason, findings }) = said else { continue };
                let colon = if reason.is_empty() { "" } else { ": " };
                writeln!(to, "  {name}  {verdict}{colon}{}", first_line(reason))?;
                for finding in findings {
                    writeln!(to, "     {}", first_line(finding))?;
                }
            }
            write_explanation(to, explained_by.as_ref())?;
        }
        Ok(())
    }

    fn write_summary(&self, to: &mut dyn Write) -> io::Result<()> {
        let explained = |by: &Option<Pair>| by.is_some();
        let tests = self.tests.iter().filter(|test| test.a.is_some() && test.b.is_some());
        let (known, open): (Vec<_>, Vec<_>) = tests.partition(|test| explained(&test.explained_by));
        writeln!(
            to,
            "{} in both: {} the same, {} explained, {} different",
            Counted(self.in_both.into(), "test"),
            self.same,
            known.len(),
            open.len()
        )?;
        let only_a = self.tests.iter().filter(|test| test.b.is_none()).count();
        let only_b = self.tests.iter().filter(|test| test.a.is_none()).count();
        for (name, count) in [("A", only_a), ("B", only_b)] {
            if count > 0 {
                writeln!(to, "{} only in {name}", Counted(count as u64, "test"))?;
            }
        }
        let (known, open): (Vec<_>, Vec<_>) =
            self.coverage.iter().partition(|requirement| explained(&requirement.explained_by));
        writeln!(
            to,
            "{} with other readings; {} judged by one alone, {} of them explained",
            Counted(self.choices.len() as u64, "choice"),
            Counted((known.len() + open.len()) as u64, "requirement"),
            known.len()
        )?;
        if self.a.seed != self.b.seed {
            writeln!(to, "the seeds differ, so that the tests drew other numbers")?;
        }
        writeln!(to, "{}", if self.agree { "the reports agree" } else { "the reports differ" })
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |side: &Option<String>| side.clone().unwrap_or_else(|| "none".into());
        write!(f, "{}  A: {}  B: {}", self.name, value(&self.a), value(&self.b))
    }
}

fn heading(to: &mut dyn Write, colour: AnsiColor, word: &str, text: &str) -> io::Result<()> {
    let style: Style = colour.on_default().bold();
    writeln!(to, "{style}{word:<9}{style:#} {text}")
}

fn colour_of(explained: bool, word: &str) -> (AnsiColor, &str) {
    if explained { (AnsiColor::Cyan, "EXPLAINED") } else { (AnsiColor::Red, word) }
}

fn write_explanation(to: &mut dyn Write, pair: Option<&Pair>) -> io::Result<()> {
    pair.map_or(Ok(()), |pair| writeln!(to, "  by the transport: {pair}"))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn by_id(report: &Report) -> BTreeMap<&str, &TestFinished> {
    report.tests.iter().map(|test| (test.id.as_str(), test)).collect()
}

fn capabilities(report: &Report) -> BTreeMap<&str, &str> {
    let all = report.dut.capabilities.iter();
    all.map(|capability| (capability.name.as_str(), capability.value.as_str())).collect()
}

/// What the profile says of every choice.
fn expected(report: &Report) -> BTreeMap<&str, &str> {
    report.choices.iter().map(|choice| (choice.name.as_str(), choice.taken.as_str())).collect()
}

/// The readings that the tests show, without those tests that differ.
fn shown<'a>(report: &'a Report, differs: &BTreeSet<&str>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let agreeing = report.tests.iter().filter(|test| !differs.contains(test.id.as_str()));
    for shown in agreeing.flat_map(|test| &test.choices) {
        all.entry(&shown.choice).or_default().insert(&shown.reading);
    }
    all
}

/// The choices that both sides show, with other readings.
fn shown_otherwise(
    a: &BTreeMap<&str, BTreeSet<&str>>,
    b: &BTreeMap<&str, BTreeSet<&str>>,
) -> Vec<Pair> {
    let told = |readings: &BTreeSet<&str>| {
        Some(readings.iter().copied().collect::<Vec<_>>().join(" and "))
    };
    let both = a.iter().filter_map(|(name, in_a)| Some((name, in_a, b.get(name)?)));
    let other = both.filter(|(_, in_a, in_b)| in_a != in_b);
    other.map(|(name, a, b)| Pair { name: (*name).into(), a: told(a), b: told(b) }).collect()
}

/// What differs of two tables.
fn differing(a: &BTreeMap<&str, &str>, b: &BTreeMap<&str, &str>) -> Vec<Pair> {
    let mut names: Vec<&str> = a.keys().chain(b.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let pair = |name: &str| {
        let value = |side: &BTreeMap<&str, &str>| side.get(name).map(|value| (*value).to_string());
        Pair { name: name.into(), a: value(a), b: value(b) }
    };
    names.into_iter().map(pair).filter(|pair| pair.a != pair.b).collect()
}

fn test(
    id: &str,
    a: Option<(&TestFinished, Said)>,
    b: Option<(&TestFinished, Said)>,
    capabilities: &[Pair],
) -> Option<TestDifference> {
    let named = |test: &TestFinished| {
        let lacks = test.lacks.as_deref().filter(|_| test.verdict == Verdict::NotApplicable)?;
        capabilities.iter().find(|pair| pair.name == lacks).cloned()
    };
    let mut explained_by = None;
    if let (Some((test_a, a)), Some((test_b, b))) = (&a, &b) {
        if a.verdict == b.verdict && a.findings == b.findings {
            return None;
        }
        explained_by = named(test_a).or_else(|| named(test_b));
    }
    let said = |side: Option<(&TestFinished, Said)>| side.map(|(_, said)| said);
    Some(TestDifference { id: id.into(), a: said(a), b: said(b), explained_by })
}

fn coverage(
    a: &Report,
    b: &Report,
    tests: &[TestDifference],
    capabilities: &[Pair],
) -> Vec<CoverageDifference> {
    let judged = |report: &Report| -> BTreeMap<String, u64> {
        let all = report.requirements.iter().filter(|requirement| requirement.judged > 0);
        all.map(|requirement| (requirement.name.clone(), requirement.judged)).collect()
    };
    let (judged_a, judged_b) = (judged(a), judged(b));
    let mut names: Vec<&String> = judged_a.keys().chain(judged_b.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let count = |side: &BTreeMap<String, u64>, name| side.get(name).copied().unwrap_or(0);
    names
        .into_iter()
        .map(|name| (name, count(&judged_a, name), count(&judged_b, name)))
        .filter(|(_, a, b)| (*a == 0) != (*b == 0))
        .map(|(name, in_a, in_b)| {
            let side = if in_a > 0 { a } else { b };
            let explained_by = explain_coverage(name, side, tests, capabilities)
                .or_else(|| explain_timing(name, a, b));
            CoverageDifference { name: name.clone(), a: in_a, b: in_b, explained_by }
        })
        .collect()
}

/// Both clocks, if one of them is on the wall and timing alone decides whether the requirement is judged.
fn explain_timing(name: &str, a: &Report, b: &Report) -> Option<Pair> {
    let clock = |report: &Report| match report.dut.clock {
        Clock::Virtual => Some("virtual".to_string()),
        Clock::Wall => Some("wall".to_string()),
    };
    let wall = [a, b].iter().any(|report| report.dut.clock == Clock::Wall);
    let pair = || Pair { name: "clock".into(), a: clock(a), b: clock(b) };
    (wall && BY_TIMING.iter().any(|req| req.name() == name)).then(pair)
}

/// The capability that explains why only `side` judged the requirement: every test that did is
/// explained by one, or only a transport with that capability shows such requirements.
fn explain_coverage(
    name: &str,
    side: &Report,
    tests: &[TestDifference],
    capabilities: &[Pair],
) -> Option<Pair> {
    let judges = |test: &&TestFinished| {
        test.coverage.iter().any(|counts| counts.name == name && counts.judged > 0)
    };
    let by = |test: &TestFinished| {
        let difference = tests.iter().find(|difference| difference.id == test.id)?;
        difference.explained_by.clone()
    };
    let all: Vec<Option<Pair>> = side.tests.iter().filter(judges).map(by).collect();
    let by_tests = all.first().cloned().flatten().filter(|_| all.iter().all(Option::is_some));
    by_tests.or_else(|| {
        let shown = SHOWN_BY.iter().filter(|(group, _)| name.starts_with(group));
        let mut pairs =
            shown.filter_map(|(_, by)| capabilities.iter().find(|pair| pair.name == *by));
        pairs.next().cloned()
    })
}
