//! What a check found.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong, and what to do instead.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Problem {
    /// The file, relative to the root of the repository.
    pub path: PathBuf,
    /// The line in it, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to use or do instead.
    pub instead: String,
}

impl Problem {
    /// A problem at `line` of `path`.
    pub fn new(
        path: impl Into<PathBuf>,
        line: usize,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), line, what: what.into(), instead: instead.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { path, line, what, instead } = self;
        write!(f, "{}:{line}: error: {what}, use {instead}", path.display())
    }
}

/// Panics with the list if there is any problem: how a test ends.
pub fn fail_on(mut problems: Vec<Problem>) {
    problems.sort();
    let list: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert!(list.is_empty(), "{} problems\n{}", list.len(), list.join("\n"));
}
