//! The catalogue: `reference-model/requirements/*.toml`, read and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use toml::Spanned;

use crate::Problem;

/// Where the catalogue lies, from the root.
pub const FOLDER: &str = "reference-model/requirements";

/// Files of that folder that hold no requirements.
const NOT_AREAS: [&str; 3] = ["survival.toml", "commands.toml", "specs.toml"];

const LEVELS: [&str; 5] = ["shall", "should", "may", "optional-feature", "withdrawn"];

const SINCE: [&str; 12] = [
    "1.0",
    "1.1",
    "1.2",
    "1.2.1",
    "1.3",
    "1.4",
    "2.0",
    "2.1",
    "2.2",
    "2.3",
    "ocssd-1.2",
    "ocssd-2.0",
];

/// One requirement, as its file has it. The keys are explained in the folder's README.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the README of the catalogue's folder documents the keys")]
pub struct Entry {
    pub id: Spanned<String>,
    pub name: Option<String>,
    pub when: Option<String>,
    pub levels: Option<BTreeMap<String, String>>,
    pub spec: String,
    pub clause: Option<String>,
    pub also: Option<String>,
    pub clause_confidence: String,
    pub content_confidence: Option<String>,
    pub level: String,
    pub level_since: Option<String>,
    pub applies_when: String,
    pub since: String,
    pub text: String,
    pub observe: String,
    #[serde(default)]
    pub status: Vec<String>,
    #[serde(default)]
    pub status_open: bool,
    pub differs: Option<String>,
    pub verified: Option<String>,
    /// The file it stands in, relative to the root.
    #[serde(skip)]
    pub path: PathBuf,
    /// The line of its `id`.
    #[serde(skip)]
    pub line: usize,
}

#[derive(Deserialize)]
struct Area {
    meta: Meta,
    req: Vec<Entry>,
}

#[derive(Deserialize)]
struct Meta {
    area: String,
    entries: usize,
}

#[derive(Deserialize)]
struct Document {
    id: String,
}

impl Entry {
    /// The catalogue's ordinal: `QUE-CSQ-06`.
    pub fn id(&self) -> &str {
        self.id.as_ref()
    }

    /// The area: the stem of the file.
    pub fn area(&self) -> &str {
        self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
    }

    /// Document and clause in the newest text that was read: `Base-2.3 §5.3.2`.
    pub fn citation(&self) -> String {
        let own = match &self.clause {
            Some(clause) => format!("{} §{clause}", self.spec),
            None => self.spec.clone(),
        };
        // `also` names the same rule in a later document.
        let newest = self.also.as_ref().unwrap_or(&own);
        let (family, rest) = match newest.split_once('-') {
            Some(("base", rest)) => ("Base", rest),
            Some(("nvm", rest)) => ("NVM", rest.trim_start_matches("cs-")),
            Some(("pcie", rest)) => ("PCIe", rest),
            Some(("zns", rest)) => ("ZNS", rest),
            Some(("kv", rest)) => ("KV", rest),
            Some(("ocssd", rest)) => ("OCSSD", rest),
            Some(("cp", rest)) => ("CP", rest),
            Some(("slm", rest)) => ("SLM", rest),
            Some((other, rest)) => (other, rest),
            None => return newest.clone(),
        };
        format!("{family}-{rest}")
    }

    /// A problem at this entry.
    pub fn problem(&self, what: impl std::fmt::Display, instead: &str) -> Problem {
        Problem::new(&self.path, self.line, format!("{}: {what}", self.id()), instead)
    }
}

/// Reads every area file below `root`, in the order of their names.
pub fn read(root: &Path) -> Result<(Vec<Entry>, Vec<Problem>)> {
    let folder = root.join(FOLDER);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("{} cannot be listed", folder.display()))?
        .map(|file| Ok(file?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| {
        path.extension().is_some_and(|extension| extension == "toml")
            && !NOT_AREAS.iter().any(|other| path.ends_with(other))
    });
    files.sort();

    let specs = fs::read_to_string(folder.join("specs.toml")).context("specs.toml")?;
    let specs: BTreeMap<String, Document> = toml::from_str(&specs).context("specs.toml")?;
    let specs: BTreeSet<String> = specs.into_values().map(|document| document.id).collect();

    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let source = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let area: Area = toml::from_str(&source).with_context(|| file.display().to_string())?;
        let path = file.strip_prefix(root).unwrap_or(&file).to_path_buf();
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if area.meta.area != stem {
            let what = format!("meta.area is {}", area.meta.area);
            problems.push(Problem::new(&path, 1, what, format!("the file's name, {stem}")));
        }
        if area.meta.entries != area.req.len() {
            let what = format!("meta.entries is {}", area.meta.entries);
            problems.push(Problem::new(&path, 1, what, format!("{}", area.req.len())));
        }
        for mut entry in area.req {
            entry.path.clone_from(&path);
            entry.line = source[..entry.id.span().start].matches('\n').count() + 1;
            entries.push(entry);
        }
    }
    check(&entries, &specs, &mut problems);
    Ok((entries, problems))
}

/// What holds for every entry, named or not.
fn check(entries: &[Entry], specs: &BTreeSet<String>, problems: &mut Vec<Problem>) {
    let mut ids = BTreeMap::new();
    for entry in entries {
        let mut wrong = |what: String, instead: &str| problems.push(entry.problem(what, instead));
        if let Some(other) = ids.insert(entry.id(), &entry.path) {
            wrong(format!("the id is used in {} too", other.display()), "a new ordinal");
        }
        if !is_id(entry.id()) {
            wrong("not the shape of an id".into(), "AREA-TOPIC-01");
        }
        if !specs.contains(&entry.spec) {
            wrong(format!("unknown document {}", entry.spec), "an id of specs.toml");
        }
        if !LEVELS.contains(&entry.level.as_str()) {
            wrong(format!("unknown level {}", entry.level), &LEVELS.join(", "));
        }
        if !SINCE.contains(&entry.since.as_str()) {
            wrong(format!("unknown revision {}", entry.since), &SINCE.join(", "));
        }
        if ![&entry.applies_when, &entry.text, &entry.observe].iter().all(|s| !s.trim().is_empty())
        {
            wrong("applies_when, text or observe is empty".into(), "a sentence");
        }
        if entry.clause.is_none() != entry.content_confidence.is_some() {
            wrong("content_confidence stands for a missing clause".into(), "one of the two");
        }
        for status in &entry.status {
            if !is_status(status) {
                wrong(format!("status {status:?}"), "SCTh/SCh, for instance 1h/0Ah");
            } else if !entry.observe.contains(status) && !entry.text.contains(status) {
                wrong(format!("status {status} is not named in observe"), "a status of observe");
            }
        }
        if entry.name.is_none() && (entry.when.is_some() || entry.levels.is_some()) {
            wrong("when or levels without a name".into(), "a name");
        }
    }
}

/// `AREA-TOPIC-01`: capitals and digits in at least two parts, then two digits.
fn is_id(id: &str) -> bool {
    let Some((area, ordinal)) = id.rsplit_once('-') else { return false };
    let words = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    ordinal.len() == 2
        && ordinal.bytes().all(|b| b.is_ascii_digit())
        && area.split('-').all(|part| !part.is_empty() && part.chars().all(words))
}

/// `1h/0Ah`.
fn is_status(status: &str) -> bool {
    let Some((sct, sc)) = status.split_once('/') else { return false };
    let number = |text: &str, digits| {
        let text = text.strip_suffix('h')?;
        (text.len() == digits).then(|| u8::from_str_radix(text, 16).ok())?
    };
    matches!((number(sct, 1), number(sc, 2)), (Some(0..=7), Some(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_ids_and_statuses() {
        assert!(is_id("QUE-CSQ-06") && is_id("NVM-C2-AB-10"));
        assert!(!is_id("QUE-CSQ-6") && !is_id("que-csq-06") && !is_id("QUE"));
        assert!(is_status("1h/0Ah"));
        assert!(!is_status("1h/A") && !is_status("8h/00h") && !is_status("01h/0Ah"));
    }
}
