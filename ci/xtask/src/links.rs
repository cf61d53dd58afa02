//! Links of the documents, and paths that documents and comments name: what is pointed to is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

use crate::source::Source;
use crate::{Problem, source};

/// The folders of the root that a path in a text may begin with.
const FOLDERS: [&str; 6] = ["ci/", "docs/", "harness/", "reference-model/", "reports/", "suites/"];

/// What a path ends with that is checked where it is only named. Traces and reports are made by runs.
const ENDINGS: [&str; 5] = [".md", ".rs", ".seq", ".sh", ".toml"];

/// A document.
#[derive(Debug)]
pub struct Document {
    /// Relative to the root.
    pub path: PathBuf,
    /// As it is.
    pub text: String,
}

/// Every document (`.md`) below `root`.
pub fn documents(root: &Path) -> Result<Vec<Document>> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Document { path: path.strip_prefix(root).unwrap_or(&path).into(), text })
    };
    source::files(root, ".md")?.into_iter().map(read).collect()
}

/// Everything that points nowhere.
pub fn check(root: &Path, documents: &[Document], sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for document in documents {
        for (line, text) in prose(&document.text) {
            for target in targets(text) {
                if let Some(what) = broken(root, document, target) {
                    let there = "a file of the tree, or a heading of it";
                    problems.push(Problem::new(&document.path, line, what, there));
                }
            }
        }
        named(root, &document.path, &document.text, &mut problems);
    }
    for source in sources {
        named(root, &source.path, &source.comments, &mut problems);
    }
    problems
}

/// The lines outside of code blocks, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(n, line)| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        (!inside && !fence).then_some((n + 1, line))
    })
}

/// The targets of the links of a line: `[words](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, _)| line[at + 2..].split_once(')')).map(|(to, _)| to)
}

/// What is wrong with a link of `document`.
fn broken(root: &Path, document: &Document, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = document.path.parent().unwrap_or(Path::new(""));
    let path = if file.is_empty() { document.path.clone() } else { plain(&folder.join(file)) };
    if !root.join(&path).exists() {
        return Some(format!("the link {target} leads nowhere"));
    }
    let text = (!heading.is_empty()).then(|| fs::read_to_string(root.join(&path)).ok()).flatten();
    let missing = text.is_some_and(|text| !anchors(&text).contains(heading));
    missing.then(|| format!("{target}: no such heading"))
}

/// `a/../b` is `b`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// How links name the headings of a document.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    let name = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(name).collect()
}

/// Paths from the root that a text names and that do not exist. A path with a gap (`<name>`, `*`) is a
/// pattern.
fn named(root: &Path, path: &Path, text: &str, problems: &mut Vec<Problem>) {
    let part = |c: char| c.is_alphanumeric() || "/._-<>*{}".contains(c);
    for (n, line) in text.lines().enumerate() {
        for word in line.split(|c| !part(c)).map(|word| word.trim_end_matches('.')) {
            let ours = FOLDERS.iter().any(|folder| word.starts_with(folder));
            let file = ENDINGS.iter().any(|ending| word.ends_with(ending));
            let pattern = word.contains(['<', '*', '{']);
            if ours && file && !pattern && !root.join(word).exists() {
                let what = format!("{word} is not there");
                problems.push(Problem::new(path, n + 1, what, "a file of the tree"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("docs")).unwrap();
        fs::write(folder.path().join("docs/b.md"), "# The Point, again\n").unwrap();
        let document = Document { path: "docs/a.md".into(), text: text.into() };
        let found = check(folder.path(), &[document], &[]);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_link_leads_to_a_file_and_a_heading() {
        for good in
            ["[b](b.md)", "[b](../docs/b.md)", "[b](b.md#the-point-again)", "[x](https://x)"]
        {
            assert_eq!(problems(good), [""; 0], "{good}");
        }
        assert!(problems("\n[b](c.md)")[0].starts_with("docs/a.md:2: error: the link c.md"));
        assert!(problems("[b](b.md#point)")[0].contains("no such heading"));
        assert_eq!(problems("```\n[b](c.md)\n```\n[b](c.md)").len(), 1);
    }

    #[test]
    fn a_path_that_is_named_is_there() {
        assert_eq!(problems("see `docs/b.md`, docs/b.md. And docs/<name>.md."), [""; 0]);
        assert!(problems("see `docs/c.md`")[0].contains("docs/c.md is not there"));
    }
}
