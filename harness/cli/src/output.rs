//! The terminal: colours only where they are wanted, progress only where it can be overwritten.

use std::io::{BufWriter, IsTerminal, Write};

use anstyle::AnsiColor;
use reports::Progress;

/// Standard output; styles are stripped for pipes and under `NO_COLOR`.
pub fn stdout() -> impl Write {
    BufWriter::new(anstream::AutoStream::auto(std::io::stdout()))
}

/// Writes an error to standard error.
pub fn error(text: &str) {
    let style = AnsiColor::Red.on_default().bold();
    // There is nowhere else to complain.
    let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {text}");
}

/// A line on standard error that is overwritten; nothing, if that is no terminal.
pub struct ProgressLine {
    shown: bool,
    terminal: bool,
}

impl ProgressLine {
    /// Nothing is shown yet.
    pub fn new() -> Self {
        Self { shown: false, terminal: std::io::stderr().is_terminal() }
    }
}

impl Progress for ProgressLine {
    fn show(&mut self, text: &str) {
        if self.terminal {
            // A longer line would wrap, and a wrapped line cannot be taken away.
            let cut: String = text.chars().take(78).collect();
            let _ = write!(std::io::stderr(), "\r{cut}\x1b[K");
            self.shown = true;
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
