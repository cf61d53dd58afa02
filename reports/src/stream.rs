//! The event stream on disk: one JSON line an event, written before any writer sees the event.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::{Event, FORMAT};

/// Why an event stream could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It could not be written.
    #[error("cannot write the event stream {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It could not be read.
    #[error("cannot read the event stream {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is no event.
    #[error("{path}:{line}: not a run event: {source}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It is of another version.
    #[error("{path} holds run events of format {found}; this program reads format {FORMAT}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

/// The stream while the run goes on.
#[derive(Debug)]
pub struct EventStream {
    file: File,
    path: PathBuf,
    /// How many bytes whole events take.
    whole: u64,
}

impl EventStream {
    /// Starts a stream at `path`; what was there is replaced.
    pub fn create(path: &Path) -> Result<Self, StreamError> {
        let file = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| File::create(path))
            .map_err(|source| StreamError::Write { path: path.into(), source })?;
        Ok(Self { file, path: path.into(), whole: 0 })
    }

    /// Appends one event, in one write: a reader never sees half a line of a finished event. After an
    /// error the stream ends with the last event that was kept whole.
    pub fn push(&mut self, event: &Event) -> Result<(), StreamError> {
        let error = |source| StreamError::Write { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(event).map_err(|e| error(e.into()))?;
        line.push(b'\n');
        match self.file.write_all(&line) {
            Ok(()) => self.whole += line.len() as u64,
            Err(source) => {
                // Part of the line may fit. What cannot be cut off is passed over by readers.
                let _ = self.file.set_len(self.whole);
                return Err(error(source));
            }
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads a stream back. A last line that was cut off (the machine went down) is left out.
pub fn read_events(path: &Path) -> Result<Vec<Event>, StreamError> {
    let read = |source| StreamError::Read { path: path.into(), source };
    let mut lines = BufReader::new(File::open(path).map_err(read)?);
    let mut events = Vec::new();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        if lines.read_until(b'\n', &mut text).map_err(read)? == 0 {
            break;
        }
        match serde_json::from_slice(&text) {
            Ok(event) => events.push(event),
            Err(_) if text.last() != Some(&b'\n') => break,
            Err(source) => return Err(StreamError::Line { path: path.into(), line, source }),
        }
        if let Some(Event::RunStarted(started)) = events.last()
            && started.format != FORMAT
        {
            return Err(StreamError::Format { path: path.into(), found: started.format });
        }
    }
    Ok(events)
}
