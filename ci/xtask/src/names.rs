//! Names that the style guide rules out.

use crate::Problem;
use crate::source::Source;

/// Prefixes of functions, and what to use instead.
const FUNCTIONS: [(&str, &str); 2] =
    [("get_", "the noun alone"), ("test_", "what the controller or the code does")];

/// Names with such a prefix that are terms: of the specification, of the standard library, of JUnit.
const TERMS: [&str; 4] = ["get_feature", "get_log_page", "get_mut", "test_case"];

fn is_term(name: &str) -> bool {
    TERMS.iter().any(|term| name.starts_with(term))
}

/// Everything that is wrong in `sources`.
pub fn check(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources.iter().filter(|source| !source.is_generated()) {
        for (line, code) in source.code.lines().enumerate() {
            let words: Vec<&str> = words(code).collect();
            for pair in words.windows(2) {
                for (prefix, instead) in FUNCTIONS {
                    if pair[0] == "fn" && pair[1].starts_with(prefix) && !is_term(pair[1]) {
                        let what = format!("fn {}", pair[1]);
                        problems.push(Problem::new(&source.path, line + 1, what, instead));
                    }
                }
            }
            for word in words.iter().filter(|word| word.contains("Manager")) {
                let instead = "what it does or holds";
                problems.push(Problem::new(&source.path, line + 1, *word, instead));
            }
        }
    }
    problems
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_names() {
        let text = "fn get_qid() {}\nfn test_a() {}\nstruct QueueManager;\nfn get_features() {}";
        let source = Source::new("a.rs", text.to_owned());
        let found: Vec<usize> = check(&[source]).iter().map(|problem| problem.line).collect();
        assert_eq!(found, [1, 2, 3]);
    }
}
