//! Filter expressions: which tests to run.
//!
//! ```text
//! create_io_sq                     tests whose id contains it
//! req:create-io-sq.cqid-absent     tests of this requirement; `req:create-io-sq.*` of several
//! =base/abort/completes   this very test
//! hazard:harmless                  tests that may do this much harm (`lab::Hazard`)
//! not, and, or, ( )                combined; `not` binds strongest, `or` weakest
//! ```

use lab::Hazard;

use crate::source::{SourceError, nearest};

const HAZARDS: [Hazard; 4] =
    [Hazard::Harmless, Hazard::Erasing, Hazard::Disruptive, Hazard::Irreversible];

/// A parsed filter expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filter {
    /// Every test.
    All,
    /// Tests whose id contains this text.
    Contains(String),
    /// The test of exactly this id.
    Exactly(String),
    /// Tests of a requirement whose name matches this pattern.
    Requirement(String),
    /// Tests that may do so much harm, no more and no less.
    Hazard(Hazard),
    /// All but these.
    Not(Box<Filter>),
    /// Tests that both select.
    And(Box<Filter>, Box<Filter>),
    /// Tests that at least one selects.
    Or(Box<Filter>, Box<Filter>),
}

impl Filter {
    /// From its text. `tests` are the ids that exist, for `=ID`.
    pub fn parse(text: &str, tests: &[&str]) -> Result<Filter, SourceError> {
        let mut parser = Parser { text, words: words(text), at: 0, tests };
        if parser.words.is_empty() {
            return Err(parser.error("expected a part of a test's name, `req:NAME`, `=ID` or `(`"));
        }
        let filter = parser.or()?;
        match parser.peek() {
            None => Ok(filter),
            Some(")") => Err(parser.error("this `)` was never opened")),
            Some(_) => Err(parser.error("expected `and`, `or` or the end before this")),
        }
    }

    /// Whether the test with this id, these requirements and this hazard is selected.
    pub fn selects(&self, id: &str, requirements: &[&str], hazard: Hazard) -> bool {
        let by = |filter: &Filter| filter.selects(id, requirements, hazard);
        match self {
            Filter::All => true,
            Filter::Contains(part) => id.contains(part.as_str()),
            Filter::Exactly(exact) => id == exact,
            Filter::Requirement(pattern) => requirements.iter().any(|r| glob(pattern, r)),
            Filter::Hazard(wanted) => hazard == *wanted,
            Filter::Not(of) => !by(of),
            Filter::And(a, b) => by(a) && by(b),
            Filter::Or(a, b) => by(a) || by(b),
        }
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any text, of any length.
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The words of `text` with their places: parentheses stand alone.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let ends = c.is_whitespace() || c == '(' || c == ')';
        match start {
            Some(from) if ends => {
                words.push((from, &text[from..at]));
                start = None;
            }
            None if !ends => start = Some(at),
            _ => {}
        }
        if c == '(' || c == ')' {
            words.push((at, &text[at..=at]));
        }
    }
    words
}

struct Parser<'a> {
    text: &'a str,
    words: Vec<(usize, &'a str)>,
    at: usize,
    tests: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).map(|(_, word)| *word)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    /// An error at the next word, or at the end.
    fn error(&self, message: impl Into<String>) -> SourceError {
        let span = match self.words.get(self.at) {
            Some((at, word)) => *at..at + word.len(),
            None => self.text.len()..self.text.len(),
        };
        SourceError::new("filter", self.text, span, message)
    }

    fn or(&mut self) -> Result<Filter, SourceError> {
        let mut left = self.and()?;
        while self.take("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, SourceError> {
        let mut left = self.not()?;
        while self.take("and") {
            left = Filter::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Filter, SourceError> {
        if self.take("not") {
            return Ok(Filter::Not(Box::new(self.not()?)));
        }
        if self.take("(") {
            let opened = self.at - 1;
            let inner = self.or()?;
            if !self.take(")") {
                if self.peek().is_some() {
                    return Err(self.error("expected `and`, `or` or `)` before this"));
                }
                self.at = opened;
                return Err(self.error("this `(` is never closed"));
            }
            return Ok(inner);
        }
        self.term()
    }

    fn term(&mut self) -> Result<Filter, SourceError> {
        let word = match self.peek() {
            None => return Err(self.error("expected a test, `req:NAME` or `(` at the end")),
            Some(")" | "and" | "or") => {
                return Err(self.error("expected a test, `req:NAME` or `(` in place of this"));
            }
            Some(word) => word,
        };
        let filter = if let Some(name) = word.strip_prefix("req:") {
            self.requirement(name)?
        } else if let Some(name) = word.strip_prefix("hazard:") {
            let Some(hazard) = HAZARDS.into_iter().find(|hazard| hazard.to_string() == name) else {
                return Err(self.error("expected harmless, erasing, disruptive or irreversible"));
            };
            Filter::Hazard(hazard)
        } else if let Some(id) = word.strip_prefix('=') {
            if !self.tests.contains(&id) {
                return Err(self.error(unknown("test", id, self.tests.iter().copied())));
            }
            Filter::Exactly(id.into())
        } else {
            Filter::Contains(word.into())
        };
        self.at += 1;
        Ok(filter)
    }

    fn requirement(&self, name: &str) -> Result<Filter, SourceError> {
        // An id of the catalogue is an alias of the name.
        let pattern = spec::Req::find(name).map_or(name, |req| req.name());
        let mut names = spec::requirement::TABLE.iter().map(|r| r.name);
        if !names.any(|known| glob(pattern, known)) {
            let names = spec::requirement::TABLE.iter().map(|r| r.name);
            return Err(self.error(unknown("requirement", name, names)));
        }
        Ok(Filter::Requirement(pattern.into()))
    }
}

/// `no requirement is called X; did you mean Y?`
pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match nearest(name, known) {
        Some(near) => format!("no {what} is called `{name}`; did you mean `{near}`?"),
        None => format!("no {what} is called `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &[&str] = &["base/abort/completes", "base/identify/reports"];

    fn selected(text: &str) -> Vec<&'static str> {
        let filter = Filter::parse(text, TESTS).unwrap();
        TESTS.iter().copied().filter(|id| filter.selects(id, &[], Hazard::Harmless)).collect()
    }

    #[test]
    fn words_combine_by_their_strength() {
        assert_eq!(selected("abort"), TESTS[..1]);
        assert_eq!(selected("not abort"), TESTS[1..]);
        assert_eq!(selected("not abort and base or abort"), TESTS);
        assert_eq!(selected("not (abort or identify)"), [""; 0]);
        assert_eq!(selected("=base/identify/reports"), TESTS[1..]);
    }

    #[test]
    fn requirements_select_by_name_alias_and_pattern() {
        let req = spec::Req::find("create-io-sq.cqid-not-created").unwrap();
        for text in ["req:create-io-sq.cqid-not-created", "req:QUE-CSQ-06", "req:create-io-sq.*"] {
            let filter = Filter::parse(text, TESTS).unwrap();
            assert!(filter.selects("x", &[req.name()], Hazard::Harmless), "{text}");
            assert!(!filter.selects("x", &["csts.rdy"], Hazard::Harmless), "{text}");
        }
    }

    #[test]
    fn hazards_select_the_tests_that_do_just_so_much_harm() {
        let filter = Filter::parse("hazard:erasing", TESTS).unwrap();
        assert!(filter.selects("x", &[], Hazard::Erasing));
        assert!(!filter.selects("x", &[], Hazard::Harmless));
        assert!(!filter.selects("x", &[], Hazard::Irreversible));
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, matches) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acd", false),
            ("*b*", "abc", true),
            ("a*a", "a", false),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn errors_point_at_the_character() {
        for (text, column, message) in [
            ("", 1, "expected a part of a test's name"),
            ("a and", 6, "expected a test"),
            ("a b", 3, "expected `and`, `or` or the end"),
            ("(a or b", 1, "this `(` is never closed"),
            ("(a b)", 4, "expected `and`, `or` or `)`"),
            ("a)", 2, "this `)` was never opened"),
            ("not or", 5, "expected a test"),
            ("hazard:none", 1, "expected harmless"),
            ("a or =base/abort/complete", 6, "did you mean `base/abort/completes`?"),
            (
                "req:create-io-sq.cqid-not-create",
                1,
                "did you mean `create-io-sq.cqid-not-created`?",
            ),
        ] {
            let error = Filter::parse(text, TESTS).unwrap_err();
            assert_eq!(error.column, column, "{error}");
            assert!(error.message.contains(message), "{error}");
        }
    }
}
