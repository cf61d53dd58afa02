//! Which requirements some rule of the model judges, and which are listed as not judged yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::numbers::{self, Numbers};
use crate::source::Source;
use crate::{Problem, generate};

/// Where the names that no rule judges are listed, with reasons, from the root.
pub const PATH: &str = "ci/xtask/unjudged.txt";

const NO_REASON: &str = "no rule yet";

/// A line of the list: the name, and the rest.
fn entry(line: &str) -> Option<(&str, &str)> {
    if line.starts_with('#') || line.trim().is_empty() {
        return None;
    }
    Some(line.split_once(' ').unwrap_or((line, "")))
}

/// The names that are in use, in the order of their handles.
pub fn names(root: &Path) -> Result<Vec<String>> {
    let list = fs::read_to_string(root.join(numbers::PATH)).context(numbers::PATH)?;
    let names = Numbers::parse(&list).names.into_iter();
    Ok(names.filter(|(_, withdrawn)| !withdrawn).map(|(name, _)| name).collect())
}

/// The requirements that the model uses, as (module, constant): written `module::CONSTANT` or
/// `module::{A, B}`, in a table of checks `in module { .. }`, or anywhere below `module::*`, also where the
/// file calls the module otherwise (`module as req`). What stands in a file's tests is no rule.
fn judged(sources: &[Source]) -> BTreeSet<(String, String)> {
    let mut judged = BTreeSet::new();
    for source in sources.iter().filter(|source| source.is_in("reference-model/model/src")) {
        let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
        let aliases = aliases(code);
        let mut add = |module: &str, text: &str| {
            let module = aliases.get(module).copied().unwrap_or(module);
            let pairs = constants(text).map(|constant| (module.to_owned(), constant.to_owned()));
            judged.extend(pairs);
        };
        for (at, _) in code.match_indices("::") {
            let (module, rest) = (last_word(&code[..at]), &code[at + 2..]);
            match rest.chars().next() {
                Some('{') => add(module, group(rest)),
                Some('*') => add(module, code),
                _ => add(module, first_word(rest)),
            }
        }
        for (at, _) in code.match_indices(" in ") {
            let rest = code[at + 4..].trim_start();
            let module = first_word(rest);
            let block = rest[module.len()..].trim_start();
            if block.starts_with('{') {
                add(module, group(block));
            }
        }
    }
    judged
}

/// What a file's imports call a module otherwise: the other name, and the module.
fn aliases(code: &str) -> BTreeMap<&str, &str> {
    let imports = code.split("use ").skip(1).filter_map(|rest| rest.split(';').next());
    let named = imports.flat_map(|import| {
        let renamed = import.match_indices(" as ");
        renamed.map(|(at, word)| (first_word(&import[at + word.len()..]), last_word(&import[..at])))
    });
    named.collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn last_word(text: &str) -> &str {
    &text[text.trim_end_matches(is_word).len()..]
}

fn first_word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// What stands between the braces at whose first `text` begins.
fn group(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return &text[1..at],
            '}' => depth -= 1,
            _ => {}
        }
    }
    text
}

/// The words of `text` in capitals.
fn constants(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_word(c))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter(|word| !word.chars().any(|c| c.is_ascii_lowercase()))
}

/// Compares the model with the list: each name is judged or listed, never both.
pub fn check(names: &[String], sources: &[Source], list: &str) -> Vec<Problem> {
    let judged = judged(sources);
    let is_judged = |name: &str| judged.contains(&generate::constant(name));
    let mut problems = Vec::new();
    let mut listed = BTreeMap::new();
    for (line, text) in list.lines().enumerate() {
        let Some((name, reason)) = entry(text) else { continue };
        let mut wrong = |what: String, instead: &str| {
            problems.push(Problem::new(PATH, line + 1, what, instead));
        };
        if listed.insert(name, reason).is_some() {
            wrong(format!("{name} is listed twice"), "one line");
        }
        if reason.trim().is_empty() {
            wrong(format!("{name} has no reason"), "the reason behind the name");
        }
        if !names.iter().any(|known| known == name) {
            wrong(format!("{name} is no requirement"), "a name of the catalogue");
        } else if is_judged(name) {
            wrong(format!("{name} is judged after all"), "no line: `cargo xtask unjudged`");
        }
    }
    for name in names {
        if !listed.contains_key(name.as_str()) && !is_judged(name) {
            let what = format!("no rule judges {name}");
            problems.push(Problem::new(PATH, 1, what, "a rule, or a line here with the reason"));
        }
    }
    problems
}

/// Brings the list up to date: drops what is judged, appends what is not with "no rule yet".
pub fn update(names: &[String], sources: &[Source], list: &str) -> String {
    let judged = judged(sources);
    let is_judged = |name: &str| judged.contains(&generate::constant(name));
    let mut out = String::new();
    let known: BTreeMap<&str, &str> = list.lines().filter_map(entry).collect();
    for line in list.lines().take_while(|line| line.starts_with('#')) {
        out.push_str(line);
        out.push('\n');
    }
    let mut unjudged: Vec<&String> = names.iter().filter(|name| !is_judged(name)).collect();
    unjudged.sort();
    for name in unjudged {
        let reason = known.get(name.as_str()).copied().unwrap_or(NO_REASON);
        out.push_str(&format!("{name} {reason}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Vec<Source> {
        let code = "checks! { pub static A: B[c, v] in create_io_sq { QID_RANGE X if c } }";
        vec![Source::new("reference-model/model/src/rules/create_io_sq.rs", code.to_owned())]
    }

    #[test]
    fn sees_each_way_to_use_a_requirement() {
        let code = "use requirement::{abort, prp::{LOW_BITS}}; a(cqe::PHASE); use reset::*; X1;
            static A: B[c, v] in common { MDTS INVALID if { c } }
            #[cfg(test)] mod tests { cqe::ONCE }";
        let file = Source::new("reference-model/model/src/a.rs", code.to_owned());
        let found = judged(&[file]);
        let has = |module: &str, constant: &str| {
            found.contains(&(module.to_owned(), constant.to_owned()))
        };
        assert!(has("prp", "LOW_BITS") && has("cqe", "PHASE") && has("reset", "X1"));
        assert!(has("common", "MDTS") && !has("cqe", "ONCE") && !has("cqe", "MDTS"));
    }

    #[test]
    fn sees_a_module_under_another_name() {
        let code = "use requirement::{cqe as req, queue}; a(req::PHASE); let n = queue as u64;";
        let file = Source::new("reference-model/model/src/judge/a.rs", code.to_owned());
        let found = judged(&[file]);
        assert_eq!(found, BTreeSet::from([("cqe".to_owned(), "PHASE".to_owned())]));
    }

    const NAMES: [&str; 2] = ["create-io-sq.qid-range", "create-io-sq.qsize"];

    fn check_list(list: &str) -> usize {
        check(&NAMES.map(str::to_owned), &rule(), list).len()
    }

    #[test]
    fn each_name_is_judged_or_listed() {
        assert_eq!(check_list("create-io-sq.qsize no way to see it\n"), 0);
        assert_eq!(check_list(""), 1);
        assert_eq!(check_list("create-io-sq.qsize\n"), 1);
        assert_eq!(check_list("create-io-sq.qsize a\ncreate-io-sq.qid-range b\n"), 1);
        assert_eq!(check_list("create-io-sq.qsize a\na.b c\n"), 1);
    }

    #[test]
    fn an_update_keeps_reasons() {
        let list = "# head\ncreate-io-sq.qid-range old\n";
        let updated = update(&NAMES.map(str::to_owned), &rule(), list);
        assert_eq!(updated, "# head\ncreate-io-sq.qsize no rule yet\n");
        assert_eq!(update(&NAMES.map(str::to_owned), &rule(), &updated), updated);
    }
}
