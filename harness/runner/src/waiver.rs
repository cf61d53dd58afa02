//! Waivers: known deviations of one DUT. They are applied to findings here, by the runner; the judge
//! never sees them. The format, with every key: docs/files.md.
//!
//! A test all of whose divergences are covered is not waived for that: docs/exit-codes.md tells when. An
//! entry must earn its place: if every test that it names ran in full and it matched nothing, the
//! run fails.

use std::path::Path;

use model::{Finding, FindingKind};
use serde::Deserialize;
use toml::Spanned;

use crate::filter::{glob, unknown};
use crate::source::{self, FileError, SourceError};

/// What a waiver covers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waives {
    /// Divergences.
    #[default]
    Divergence,
    /// Warnings, which fail a run under `--strict`.
    Warning,
    /// Anomalies beyond the budget.
    Anomaly,
    /// A test that could not prove what it is for; `observed` is held against the reason.
    Unproved,
}

/// One known deviation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiver {
    /// Its name in reports.
    pub id: String,
    /// The requirement that is broken; `None` covers findings with any requirement or with none.
    pub requirement: Option<spec::Req>,
    /// Which tests, by a pattern with `*`.
    pub test: String,
    /// What was observed, by a pattern with `*`.
    pub observed: String,
    /// The command that the finding concerns, as reports tell it, by a pattern with `*`.
    pub command: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Where it is written up.
    pub link: String,
    /// Whether it is not seen in every run.
    pub intermittent: bool,
    /// What it covers.
    pub waives: Waives,
    /// The line of its entry, from 1.
    pub line: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    waiver: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Spanned<String>,
    requirement: Option<Spanned<String>>,
    test: Option<String>,
    observed: Option<String>,
    command: Option<String>,
    reason: Spanned<String>,
    link: Spanned<String>,
    #[serde(default)]
    intermittent: bool,
    #[serde(default)]
    waives: Waives,
}

/// The waivers of one file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Waivers {
    /// In the order of the file.
    pub entries: Vec<Waiver>,
}

impl Waivers {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        Ok(Self::parse(path, &source::read("waivers", path)?)?)
    }

    /// From its text; `path` is for errors.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SourceError> {
        let file: File =
            toml::from_str(text).map_err(|error| SourceError::toml(path, text, &error))?;
        let mut entries: Vec<Waiver> = Vec::new();
        for entry in file.waiver {
            let at = |span, message: String| {
                SourceError::new(path.display().to_string(), text, span, message)
            };
            let line = at(entry.span(), String::new()).line;
            let span = entry.span();
            let entry = entry.into_inner();
            if entries.iter().any(|other| other.id == *entry.id.get_ref()) {
                return Err(at(entry.id.span(), "an earlier waiver has this id".into()));
            }
            for words in [&entry.id, &entry.reason, &entry.link] {
                if words.get_ref().trim().is_empty() {
                    return Err(at(words.span(), "a waiver says something here".into()));
                }
            }
            if entry.requirement.is_none() && (entry.test.is_none() || entry.observed.is_none()) {
                let message = "without `requirement` a waiver needs both `test` and `observed`";
                return Err(at(span, message.into()));
            }
            let requirement = match &entry.requirement {
                None => None,
                Some(name) => Some(spec::Req::find(name.get_ref()).ok_or_else(|| {
                    let names = spec::requirement::TABLE.iter().map(|r| r.name);
                    at(name.span(), unknown("requirement", name.get_ref(), names))
                })?),
            };
            entries.push(Waiver {
                id: entry.id.into_inner(),
                requirement,
                test: entry.test.unwrap_or_else(|| "*".into()),
                observed: entry.observed.unwrap_or_else(|| "*".into()),
                command: entry.command,
                reason: entry.reason.into_inner(),
                link: entry.link.into_inner(),
                intermittent: entry.intermittent,
                waives: entry.waives,
                line,
            });
        }
        Ok(Self { entries })
    }

    /// The first waiver that covers a finding of test `id`; `command` tells the command that it concerns.
    pub fn covering(
        &self,
        id: &str,
        finding: &Finding,
        command: impl Fn() -> Option<String>,
    ) -> Option<usize> {
        let kind = match finding.kind {
            FindingKind::Divergence(_) => Waives::Divergence,
            FindingKind::Warning => Waives::Warning,
            FindingKind::Anomaly => Waives::Anomaly,
            FindingKind::Inconclusive | FindingKind::Gap => return None,
        };
        self.entries.iter().position(|waiver| {
            waiver.waives == kind
                && waiver.requirement.is_none_or(|req| finding.req == Some(req))
                && waiver.matches(id, &finding.observed)
                && waiver
                    .command
                    .as_ref()
                    .is_none_or(|wanted| command().is_some_and(|command| glob(wanted, &command)))
        })
    }

    /// The first waiver that covers an unproved test with this reason. Its requirement must be one
    /// of the test's.
    pub fn covering_unproved(&self, id: &str, tests: &[spec::Req], reason: &str) -> Option<usize> {
        self.entries.iter().position(|waiver| {
            waiver.waives == Waives::Unproved
                && waiver.requirement.is_none_or(|req| tests.contains(&req))
                && waiver.matches(id, reason)
        })
    }
}

impl Waiver {
    fn matches(&self, id: &str, observed: &str) -> bool {
        glob(&self.test, id) && glob(&self.observed, observed)
    }

    /// How a report names it: `id: reason (link)`.
    pub fn words(&self) -> String {
        format!("{}: {} ({})", self.id, self.reason, self.link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Waivers, SourceError> {
        Waivers::parse(Path::new("w.toml"), text)
    }

    const GOOD: &str = "[[waiver]]\nid = 'a'\nrequirement = 'create-io-sq.cqid-not-created'\n\
        observed = 'Successful*'\nreason = 'r'\nlink = 'l'\n";

    fn finding(kind: FindingKind, observed: &str) -> Finding {
        Finding {
            kind,
            req: spec::Req::find("create-io-sq.cqid-not-created"),
            record: 0,
            step: 0,
            ctrl: 0,
            place: String::new(),
            observed: observed.into(),
            allowed: vec![],
            command: None,
            consequence_of: None,
        }
    }

    #[test]
    fn a_waiver_covers_its_requirement_kind_and_shape_only() {
        let waivers = parse(GOOD).unwrap();
        let rule = FindingKind::Divergence(model::DivergenceKind::Rule);
        let seen = "Successful Completion (SCT 0h SC 00h)";
        let covering = |waivers: &Waivers, finding: &Finding, command: Option<&str>| {
            waivers.covering("t", finding, || command.map(String::from))
        };
        assert_eq!(covering(&waivers, &finding(rule, seen), None), Some(0));
        assert_eq!(covering(&waivers, &finding(rule, "Invalid Field"), None), None);
        assert_eq!(covering(&waivers, &finding(FindingKind::Warning, seen), None), None);
        assert_eq!(covering(&waivers, &Finding { req: None, ..finding(rule, seen) }, None), None);
        let flush = parse(&GOOD.replace("'l'", "'l'\ncommand = 'Flush *'")).unwrap();
        assert_eq!(covering(&flush, &finding(rule, seen), Some("Flush  NSID 1")), Some(0));
        assert_eq!(covering(&flush, &finding(rule, seen), Some("Write  NSID 1")), None);
        assert_eq!(covering(&flush, &finding(rule, seen), None), None);
        assert_eq!(waivers.covering_unproved("t", &[], seen), None);
        let unproved = parse(&GOOD.replace("'l'", "'l'\nwaives = 'unproved'")).unwrap();
        let req = finding(rule, seen).req.unwrap();
        assert_eq!(unproved.covering_unproved("t", &[req], "Successful"), Some(0));
        assert_eq!(unproved.covering_unproved("t", &[], "Successful"), None);
    }

    #[test]
    fn errors_name_the_line_and_what_to_use() {
        for (text, line, message) in [
            (
                GOOD.replace("created'", "create'"),
                3,
                "did you mean `create-io-sq.cqid-not-created`?",
            ),
            (GOOD.replace("link", "lnik"), 6, "unknown field `lnik`"),
            (GOOD.replace("reason = 'r'", "reason = ' '"), 5, "says something here"),
            (format!("{GOOD}{GOOD}"), 8, "an earlier waiver has this id"),
            (GOOD.replace("'a'", "'a"), 2, "invalid"),
            ("[[waiver]]\nid='a'\ntest='t'\nreason='r'\nlink='l'".into(), 1, "needs both"),
            (format!("{GOOD}waives = 'everything'"), 7, "unknown variant"),
        ] {
            let error = parse(&text).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            assert!(error.message.contains(message), "{error}");
        }
    }

    #[test]
    fn an_empty_file_waives_nothing() {
        assert_eq!(parse("").unwrap(), Waivers::default());
    }
}
