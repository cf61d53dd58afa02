//! Things that do not stay in the tree, and tripwires on size.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::Problem;
use crate::source::{Source, has_word};

/// Where larger files and functions are listed, from the root.
pub const RATCHET: &str = "ci/xtask/ratchet.toml";

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;

/// How far below its entry something may have shrunk before the entry has to follow.
const SLACK: usize = 20;

/// Crates that may hold `unsafe`: the arena and the transports.
const UNSAFE_CRATES: [&str; 4] =
    ["harness/dut", "harness/qemu", "harness/vfio", "harness/vfio-user"];

/// What the code must not contain, and what to use instead.
const CODE: [(&str, &str); 6] = [
    ("todo!", "real code"),
    ("unimplemented!", "real code"),
    ("dbg!", "a log record or nothing"),
    ("#[allow(", "#[expect(.., reason = \"..\")]"),
    ("#![allow(", "#![expect(.., reason = \"..\")]"),
    ("#[ignore", "a test that runs, or n/a with its reason"),
];

/// What the comments must not contain.
const COMMENTS: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// What the model must not touch: it is pure.
const IMPURE: [&str; 8] = [
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::time",
    "std::thread",
    "std::process",
    "println!",
];

/// Files and functions that are larger than the tripwire, with their sizes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratchet {
    /// Lines by path.
    #[serde(default)]
    pub files: BTreeMap<String, usize>,
    /// Lines by `path:function`.
    #[serde(default)]
    pub functions: BTreeMap<String, usize>,
}

impl Ratchet {
    /// Reads the list below `root`.
    pub fn read(root: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(root.join(RATCHET)).context(RATCHET)?;
        toml::from_str(&text).context(RATCHET)
    }
}

/// Everything that is wrong in `sources`.
pub fn check(sources: &[Source], ratchet: &Ratchet) -> Vec<Problem> {
    let mut problems = Vec::new();
    let (mut files, mut functions) = (BTreeMap::new(), BTreeMap::new());
    for source in sources.iter().filter(|source| !source.is_generated()) {
        leftovers(source, &mut problems);
        let path = source.path.display().to_string();
        files.insert(path.clone(), (1, source.text.lines().count()));
        for (name, line, lines) in functions_of(&source.code) {
            let size: &mut (usize, usize) =
                functions.entry(format!("{path}:{name}")).or_insert((line, 0));
            *size = (*size).max((line, lines));
        }
    }
    sizes(&files, FILE_LINES, &ratchet.files, "files", &mut problems);
    sizes(&functions, FUNCTION_LINES, &ratchet.functions, "functions", &mut problems);
    problems
}

fn leftovers(source: &Source, problems: &mut Vec<Problem>) {
    let mut found = |line: usize, what: &str, instead: &str| {
        problems.push(Problem::new(&source.path, line + 1, what, instead));
    };
    for (line, code) in source.code.lines().enumerate() {
        for (what, instead) in CODE {
            if code.contains(what) {
                found(line, what, instead);
            }
        }
        if has_word(code, "unsafe") && !UNSAFE_CRATES.iter().any(|folder| source.is_in(folder)) {
            found(line, "unsafe outside the transports", "a safe call of the dut crate");
        }
        if source.is_in("reference-model/model/src") {
            for what in IMPURE.iter().filter(|what| code.contains(**what)) {
                found(line, &format!("{what} in the model"), "data from the log or the profile");
            }
        }
    }
    for (line, comment) in source.comments.lines().enumerate() {
        for what in COMMENTS.iter().filter(|what| has_word(comment, what)) {
            found(line, what, "code, or an issue");
        }
    }
    for (at, _) in source.code.match_indices("[expect(") {
        let attribute = source.code[at..].split(")]").next().unwrap_or_default();
        if !has_word(attribute, "reason") {
            let line = source.code[..at].matches('\n').count();
            found(line, "expect without a reason", "#[expect(.., reason = \"..\")]");
        }
    }
}

/// Compares sizes with the tripwire and the list of known exceptions.
fn sizes(
    found: &BTreeMap<String, (usize, usize)>,
    limit: usize,
    listed: &BTreeMap<String, usize>,
    table: &str,
    problems: &mut Vec<Problem>,
) {
    for (name, &(line, lines)) in found {
        let path = name.split(':').next().unwrap_or_default();
        let mut wrong = |what: String, instead: String| {
            problems.push(Problem::new(path, line, what, instead));
        };
        match listed.get(name) {
            None if lines > limit => wrong(
                format!("{name} has {lines} lines, the tripwire is {limit}"),
                format!("smaller parts, or after a review an entry in [{table}] of {RATCHET}"),
            ),
            Some(allowed) if lines > *allowed => wrong(
                format!("{name} grew to {lines} lines from {allowed}"),
                "smaller parts".to_owned(),
            ),
            Some(_) if lines <= limit => wrong(
                format!("{name} is within the tripwire and still in {RATCHET}"),
                "no entry".to_owned(),
            ),
            Some(allowed) if lines + SLACK < *allowed => wrong(
                format!("{name} shrank to {lines} lines, {RATCHET} says {allowed}"),
                format!("{lines}"),
            ),
            _ => {}
        }
    }
    for name in listed.keys().filter(|name| !found.contains_key(*name)) {
        let what = format!("{name} of [{table}] does not exist");
        problems.push(Problem::new(RATCHET, 1, what, "no entry"));
    }
}

/// The functions of `code`: name, first line from 1, number of lines.
fn functions_of(code: &str) -> Vec<(String, usize, usize)> {
    let mut functions = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let inside = |c: char| c.is_alphanumeric() || c == '_';
        if code[..at].ends_with(inside) {
            continue;
        }
        let rest = &code[at + 3..];
        let name: String = rest.chars().take_while(|c| inside(*c)).collect();
        let Some(length) = body_end(rest) else { continue };
        if name.is_empty() {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        functions.push((name, line, rest[..length].matches('\n').count() + 1));
    }
    functions
}

/// Where the body ends that follows a function's name; `None` for a declaration without one.
fn body_end(rest: &str) -> Option<usize> {
    let (mut braces, mut brackets) = (0u32, 0u32);
    for (at, c) in rest.char_indices() {
        match c {
            // In `-> [u8; 4]` the semicolon does not end a declaration.
            '(' | '[' if braces == 0 => brackets += 1,
            ')' | ']' if braces == 0 => brackets = brackets.checked_sub(1)?,
            ';' if braces == 0 && brackets == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let source = Source::new(path, text.to_owned());
        check(&[source], &Ratchet::default()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn finds_leftovers_in_code_only() {
        assert_eq!(problems("a.rs", "// todo! and dbg! are words\nlet a = \"todo!\";"), [""; 0]);
        let found = problems("a.rs", "\n#[allow(dead_code)]\nfn a() { todo!() }\n");
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("a.rs:2: error: #[allow(, use"), "{}", found[0]);
        assert!(found[1].starts_with("a.rs:3: error: todo!, use"), "{}", found[1]);
    }

    #[test]
    fn unsafe_lives_in_the_transports_only() {
        assert_eq!(problems("harness/dut/src/a.rs", "unsafe { a() }"), [""; 0]);
        assert_eq!(problems("harness/lab/src/a.rs", "unsafe { a() }").len(), 1);
        assert_eq!(problems("harness/lab/src/a.rs", "#![deny(unsafe_code)]"), [""; 0]);
    }

    #[test]
    fn an_expectation_has_a_reason() {
        assert_eq!(problems("a.rs", "#[expect(dead_code)]").len(), 1);
        assert_eq!(problems("a.rs", "#[expect(dead_code, reason = \"kept\")]"), [""; 0]);
    }

    #[test]
    fn measures_functions() {
        let code = "fn a();\nfn b() -> [u8; 4] {\n  { }\n}\nfn c() {}\n";
        let found = functions_of(code);
        assert_eq!(found, [("b".to_owned(), 2, 3), ("c".to_owned(), 5, 1)]);
    }

    #[test]
    fn the_ratchet_only_falls() {
        let found = BTreeMap::from([("a.rs".to_owned(), (1, 650))]);
        let sizes_with = |allowed: Option<usize>| {
            let mut problems = Vec::new();
            let listed = allowed.map(|n| ("a.rs".to_owned(), n)).into_iter().collect();
            sizes(&found, FILE_LINES, &listed, "files", &mut problems);
            problems.len()
        };
        assert_eq!(sizes_with(None), 1);
        assert_eq!(sizes_with(Some(640)), 1);
        assert_eq!(sizes_with(Some(650)), 0);
        assert_eq!(sizes_with(Some(700)), 1);
    }
}
