//! The words of one line, and what was wrong with one of them.

use std::fmt;

/// Why a text is no sequence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextError {
    /// The line, from 1.
    pub line: usize,
    /// The column of the word at fault, from 1, in characters.
    pub column: usize,
    /// The line itself.
    pub text: String,
    /// The word at fault; empty at the end of a line.
    pub word: String,
    /// What was expected in its place.
    pub expected: String,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column, expected) = (self.line, self.column, &self.expected);
        writeln!(f, "line {line}, column {column}: expected {expected}")?;
        writeln!(f, "  {}", self.text)?;
        let under = self.word.chars().count().max(1);
        write!(f, "  {}{}", " ".repeat(column - 1), "^".repeat(under))
    }
}

impl std::error::Error for TextError {}

/// The words of one line, with their columns, to be taken one after the other.
pub(super) struct Words<'t> {
    line: usize,
    text: &'t str,
    words: Vec<(usize, &'t str)>,
    next: usize,
}

impl<'t> Words<'t> {
    /// Splits a line at blanks, outside of quotes; `#` begins a comment.
    pub fn of(line: usize, text: &'t str) -> Self {
        let mut words = Vec::new();
        let (mut start, mut quoted, mut escaped) = (None, false, false);
        for (at, c) in text.char_indices() {
            if c == '#' && !quoted && start.is_none() {
                return Self { line, text, words, next: 0 };
            }
            if c.is_whitespace() && !quoted {
                if let Some(from) = start.take() {
                    words.push((from, &text[from..at]));
                }
                continue;
            }
            start.get_or_insert(at);
            quoted ^= c == '"' && !escaped;
            escaped = quoted && c == '\\' && !escaped;
        }
        if let Some(from) = start {
            words.push((from, &text[from..]));
        }
        Self { line, text, words, next: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.next == self.words.len()
    }

    /// The next word, left in place.
    pub fn peek(&self) -> Option<&'t str> {
        self.words.get(self.next).map(|(_, word)| *word)
    }

    /// The next word.
    pub fn take(&mut self, expected: &str) -> Result<&'t str, TextError> {
        match self.peek() {
            Some(word) => {
                self.next += 1;
                Ok(word)
            }
            None => Err(self.error_at(self.next, expected)),
        }
    }

    /// The value of the word `key=value`, wherever it stands among the rest; `None` if it is missing.
    pub fn option(&mut self, key: &str) -> Option<(usize, &'t str)> {
        let has_key = |(_, word): &(usize, &'t str)| {
            word.strip_prefix(key).is_some_and(|rest| rest.starts_with('='))
        };
        let found = self.words[self.next..].iter().position(has_key)? + self.next;
        let (column, word) = self.words[found];
        // It moves to the front, so that what is left stays together.
        self.words.copy_within(self.next..found, self.next + 1);
        self.words[self.next] = (column, word);
        self.next += 1;
        Some((self.next - 1, &word[key.len() + 1..]))
    }

    /// The words that are left, with their indices.
    pub fn rest(&mut self) -> Vec<(usize, &'t str)> {
        let rest = (self.next..self.words.len()).map(|n| (n, self.words[n].1)).collect();
        self.next = self.words.len();
        rest
    }

    /// That nothing is left.
    pub fn end(&self) -> Result<(), TextError> {
        if self.is_empty() { Ok(()) } else { Err(self.error_at(self.next, "nothing more")) }
    }

    /// An error at the word that was taken last.
    pub fn error(&self, expected: &str) -> TextError {
        self.error_at(self.next.saturating_sub(1), expected)
    }

    /// An error at the word with this index, or at the end of the line.
    pub fn error_at(&self, index: usize, expected: &str) -> TextError {
        let (at, word) = self.words.get(index).copied().unwrap_or((self.text.len(), ""));
        TextError {
            line: self.line,
            column: self.text[..at].chars().count() + 1,
            text: self.text.to_string(),
            word: word.to_string(),
            expected: expected.to_string(),
        }
    }
}
