//! Why the program could not do what it was asked, and the exit code that says so.

use std::fmt;
use std::path::Path;

use reports::Exit;

/// An error with its exit code.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong, in words.
    pub error: anyhow::Error,
}

impl Failure {
    /// The user's input is wrong.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into() }
    }

    /// Whether the reader of our output went away.
    pub fn is_broken_pipe(&self) -> bool {
        let io = self.error.downcast_ref::<std::io::Error>();
        io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// A file that could not be written.
    pub fn unwritten(path: &Path, error: std::io::Error) -> Self {
        let what = format!("cannot write {}", path.display());
        Self::harness(anyhow::Error::new(error).context(what))
    }

    /// The machine or the harness failed.
    pub fn harness(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Harness, error: error.into() }
    }
}

/// The error and its causes. A cause whose words the error quotes is not told twice.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = String::new();
        for cause in self.error.chain().map(ToString::to_string) {
            if told.contains(&cause) {
                continue;
            }
            let colon = if told.is_empty() { "" } else { ": " };
            told.extend([colon, &cause]);
        }
        f.write_str(&told)
    }
}

/// Writing to the terminal, a pipe or a file.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::harness(anyhow::Error::new(error).context("cannot write the output"))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use runner::source::FileError;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let source = std::io::Error::other("no such thing");
        let quoted = FileError::Read { what: "profile", path: "x".into(), source };
        let quoted = Failure::usage(quoted);
        assert_eq!(quoted.to_string(), "cannot read the profile x: no such thing");
        let context = Failure::usage(anyhow!("no such thing").context("cannot read x"));
        assert_eq!(context.to_string(), "cannot read x: no such thing");
    }
}
