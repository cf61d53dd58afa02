//! What `lockstep compare --json` found, held against what is explained in a file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The explanations of `ci/vm/same-verdicts.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanations {
    explained: Vec<Explanation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Explanation {
    /// Part of the reason of one of the two verdicts; without it no test is covered.
    says: Option<String>,
    /// What is judged by one side alone because of it.
    requirements: Vec<String>,
    /// The reason; never read by the program.
    #[expect(dead_code, reason = "it is for whoever reads the file")]
    why: String,
}

/// The parts of a comparison that are of interest here.
#[derive(Debug, Deserialize)]
pub struct Comparison {
    in_both: usize,
    same: usize,
    tests: Vec<Test>,
    choices: Vec<serde_json::Value>,
    coverage: Vec<Coverage>,
}

#[derive(Debug, Deserialize)]
struct Test {
    id: String,
    a: Side,
    b: Side,
    explained_by: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Side {
    verdict: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Coverage {
    name: String,
    explained_by: Option<serde_json::Value>,
}

impl Explanations {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }
}

impl Comparison {
    /// Reads what `lockstep compare` wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    /// In a line: how many tests there are, and what became of them.
    pub fn summary(&self) -> String {
        let Self { in_both, same, tests, .. } = self;
        let transport = tests.iter().filter(|test| test.explained_by.is_some()).count();
        format!(
            "{in_both} tests: {same} with the same verdict, {transport} explained by the \
             transports, {} otherwise",
            tests.len() - transport
        )
    }

    /// Everything that nothing explains.
    pub fn unexplained(&self, known: &Explanations) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        if self.in_both == 0 {
            found.push("no test is in both reports".into());
        }
        for Test { id, a, b, .. } in self.tests.iter().filter(|test| test.explained_by.is_none()) {
            let said = |part: &str| a.reason.contains(part) || b.reason.contains(part);
            if !known.explained.iter().any(|e| e.says.as_deref().is_some_and(said)) {
                found.push(format!(
                    "{id}: {} ({}), {} ({})",
                    a.verdict, a.reason, b.verdict, b.reason
                ));
            }
        }
        for Coverage { name, .. } in self.coverage.iter().filter(|c| c.explained_by.is_none()) {
            if !known.explained.iter().any(|e| e.requirements.contains(name)) {
                found.push(format!("{name} is judged on one side alone"));
            }
        }
        found.extend(self.choices.iter().map(|choice| format!("a choice differs: {choice}")));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unexplained(tests: &str, coverage: &str) -> Vec<String> {
        let known = "[[explained]]\nsays = \"consent\"\nrequirements = [\"r\"]\nwhy = \"w\"\n\
                     [[explained]]\nrequirements = [\"s\"]\nwhy = \"w\"\n";
        let text = format!(
            r#"{{"in_both": 3, "same": 2, "choices": [], "tests": [{tests}], "coverage": [{coverage}]}}"#
        );
        let comparison: Comparison = serde_json::from_str(&text).unwrap();
        comparison.unexplained(&toml::from_str(known).unwrap())
    }

    fn test(reason: &str, by: &str) -> String {
        format!(
            r#"{{"id": "t", "a": {{"verdict": "passed", "reason": ""}},
               "b": {{"verdict": "n/a", "reason": "{reason}"}}, "explained_by": {by}}}"#
        )
    }

    #[test]
    fn a_difference_needs_an_explanation() {
        assert_eq!(unexplained(&test("time", "null"), "").len(), 1);
        assert_eq!(unexplained(&test("time", r#"{"name": "resets"}"#), ""), [""; 0]);
        assert_eq!(unexplained(&test("no consent", "null"), ""), [""; 0]);
    }

    #[test]
    fn coverage_needs_one_too() {
        let coverage = |name: &str| format!(r#"{{"name": "{name}", "explained_by": null}}"#);
        assert_eq!(unexplained("", &coverage("r")), [""; 0]);
        assert_eq!(unexplained("", &coverage("s")), [""; 0]);
        assert_eq!(unexplained("", &coverage("q")), ["q is judged on one side alone"]);
    }

    #[test]
    fn nothing_compared_is_not_the_same() {
        let text = r#"{"in_both": 0, "same": 0, "choices": [], "tests": [], "coverage": []}"#;
        let comparison: Comparison = serde_json::from_str(text).unwrap();
        let known = Explanations { explained: vec![] };
        assert_eq!(comparison.unexplained(&known).len(), 1);
    }
}
