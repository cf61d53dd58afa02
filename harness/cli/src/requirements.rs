//! `lockstep requirements`: every entry of the catalogue, and what becomes of it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

use lab::TestCase;
use reports::Exit;
use spec::Req;
use spec::requirement::{CATALOGUE, CatalogueEntry};

use crate::args::RequirementsArgs;
use crate::failure::Failure;

/// The names that no rule of the model judges yet, with reasons; `cargo xtask unjudged` keeps it.
const UNJUDGED: &str = include_str!("../../../ci/xtask/unjudged.txt");

/// What becomes of an entry.
enum Disposition {
    /// A rule of the model judges it, and these tests prove it.
    Judged { tests: Vec<String> },
    /// It has a name and no rule, for this reason.
    Unjudged(&'static str),
    /// It is not modelled yet.
    NotModelled,
    /// It had no basis in the text; its id is kept.
    Withdrawn,
}

impl Disposition {
    /// The word to count and to search by.
    fn word(&self) -> &'static str {
        match self {
            Disposition::Judged { tests } if tests.is_empty() => "judged, no test of its own",
            Disposition::Judged { .. } => "judged and tested",
            Disposition::Unjudged(reason) if reason.starts_with("untestable") => "untestable",
            Disposition::Unjudged(_) => "named, no rule yet",
            Disposition::NotModelled => "not modelled yet",
            Disposition::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Disposition::Judged { tests } => {
                tests.iter().try_for_each(|test| write!(f, "\n    test {test}"))
            }
            Disposition::Unjudged(reason) if *reason != "no rule yet" => write!(f, ": {reason}"),
            _ => Ok(()),
        }
    }
}

/// Lists the entries.
pub fn requirements(args: &RequirementsArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let tests = lab::tests();
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut listed = 0;
    for entry in CATALOGUE {
        let disposition = disposition(entry, &tests);
        if !args.part.as_deref().is_none_or(|part| names(entry, &disposition, part)) {
            continue;
        }
        *counts.entry(disposition.word()).or_default() += 1;
        listed += 1;
        if args.summary {
            continue;
        }
        let CatalogueEntry { id, level, clause, text, .. } = entry;
        let unread = if entry.verified { "" } else { " · not read against the text" };
        writeln!(out, "{id:<12} {}", entry.name.unwrap_or("-"))?;
        writeln!(out, "    {level} · {clause} · since {}{unread}", entry.since)?;
        writeln!(out, "    {text}")?;
        writeln!(out, "    {disposition}")?;
    }
    for (word, count) in counts {
        writeln!(out, "{count:>6} {word}")?;
    }
    writeln!(out, "{listed:>6} of {} entries", CATALOGUE.len())?;
    Ok(if listed == 0 { Exit::NothingRan } else { Exit::Passed })
}

fn names(entry: &CatalogueEntry, disposition: &Disposition, part: &str) -> bool {
    let name = entry.name.unwrap_or_default();
    [entry.id, name, entry.area, disposition.word()].iter().any(|text| text.contains(part))
}

fn disposition(entry: &CatalogueEntry, tests: &[&TestCase]) -> Disposition {
    if entry.level == "withdrawn" {
        return Disposition::Withdrawn;
    }
    let Some(req) = entry.name.and_then(Req::find) else { return Disposition::NotModelled };
    let listed = UNJUDGED.lines().filter_map(|line| line.split_once(' '));
    if let Some((_, reason)) = listed.into_iter().find(|(name, _)| *name == req.name()) {
        return Disposition::Unjudged(reason);
    }
    let proving = tests.iter().filter(|test| test.requirements.contains(&req));
    Disposition::Judged { tests: proving.map(|test| test.id()).collect() }
}
