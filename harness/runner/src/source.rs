//! Errors in a text that the user wrote: what is wrong, where, and the line with a caret.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// An error at a place of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceError {
    /// What the text is: a path, or `filter`.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// The line's text.
    pub text: String,
    /// How many characters are at fault; at least 1.
    pub width: usize,
    /// What is wrong, and what to use.
    pub message: String,
}

impl SourceError {
    /// The error of `text[span]` (bytes; cut to what there is).
    pub fn new(
        name: impl Into<String>,
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let floor = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (floor(span.start), floor(span.end));
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let stop = text[start..].find('\n').map_or(text.len(), |at| start + at);
        Self {
            name: name.into(),
            line: text[..start].matches('\n').count() + 1,
            column: text[begin..start].chars().count() + 1,
            text: text[begin..stop].to_string(),
            width: text[start..end.clamp(start, stop)].chars().count().max(1),
            message: message.into(),
        }
    }

    /// The error that `toml` gave for `text`.
    pub fn toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let message = error.message().trim_end().replace('\n', "; ");
        Self::new(path.display().to_string(), text, error.span().unwrap_or(0..0), message)
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, line, column, text, width, message } = self;
        let margin = " ".repeat(line.to_string().len());
        writeln!(f, "{name}:{line}:{column}: {message}")?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{line} | {text}")?;
        // A tab before the caret stays a tab, or the caret would stand elsewhere.
        let indent: String =
            text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "{margin} | {indent}{}", "^".repeat(*width))
    }
}

impl std::error::Error for SourceError {}

/// Why a file of the user's could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be read.
    #[error("cannot read the {what} {}: {source}", path.display())]
    Read {
        /// What it should be: `profile`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its text is wrong.
    #[error("{0}")]
    Text(#[from] SourceError),
}

/// Reads a text file of the user's; `what` is what it should be.
pub fn read(what: &'static str, path: &Path) -> Result<String, FileError> {
    std::fs::read_to_string(path).map_err(|source| FileError::Read {
        what,
        path: path.into(),
        source,
    })
}

/// The known name that is nearest to `name`, if one is near: for "did you mean".
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |other: &&str| distance(name, other) <= 1 + name.len() / 4;
    known.into_iter().filter(near).min_by_key(|other| distance(name, other))
}

/// Edits that turn one name into the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_fault() {
        let text = "one\n\ttwo = thrée\nfour";
        let at = text.find("thrée").unwrap();
        let error = SourceError::new("p.toml", text, at..at + 6, "no number");
        assert_eq!(
            error.to_string(),
            "p.toml:2:8: no number\n  |\n2 | \ttwo = thrée\n  | \t      ^^^^^"
        );
    }

    #[test]
    fn a_span_beyond_the_text_points_at_its_end() {
        let error = SourceError::new("f", "ab", 7..9, "more expected");
        assert_eq!((error.line, error.column, error.width), (1, 3, 1));
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["create-io-sq.qid-range", "delete-io-sq.order"];
        assert_eq!(nearest("create-io-sq.qid-rang", known), Some(known[0]));
        assert_eq!(nearest("identify", known), None);
    }
}
