//! The files that `replay`, `judge` and `shrink` read.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use lab::{HEADER, Sequence, TraceHeader};
use log::trace::Trace;
use model::Profile;

/// A trace, or a sequence.
pub enum Input {
    /// What a host did and saw.
    Trace(Box<Trace>),
    /// What a host is to do.
    Sequence(Sequence),
}

/// Reads a trace or a sequence: whichever the file begins as.
pub fn read(path: &Path) -> anyhow::Result<Input> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.starts_with(b"LOCKSTEP") {
        return Ok(Input::Trace(Box::new(trace_of(path, &bytes)?)));
    }
    let name = path.display();
    let Ok(text) = std::str::from_utf8(&bytes) else {
        bail!(
            "{name} is neither a trace nor a sequence: it is no text and does not begin as a trace"
        )
    };
    if !text.contains(HEADER) {
        bail!("{name} is neither a trace nor a sequence: a sequence begins with `{HEADER}`");
    }
    let sequence = Sequence::from_text(text).map_err(|error| anyhow!("{name}: {error}"))?;
    Ok(Input::Sequence(sequence))
}

/// Reads a trace.
pub fn trace(path: &Path) -> anyhow::Result<Trace> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    trace_of(path, &bytes)
}

fn trace_of(path: &Path, bytes: &[u8]) -> anyhow::Result<Trace> {
    Trace::from_bytes(bytes).map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// What a trace says about itself.
pub fn header(path: &Path, trace: &Trace) -> anyhow::Result<TraceHeader> {
    TraceHeader::from_json(&trace.header).map_err(|error| anyhow!("{}: {error}", path.display()))
}

impl Input {
    /// The profile that a trace was recorded with.
    pub fn profile(&self, path: &Path) -> anyhow::Result<Option<Profile>> {
        match self {
            Input::Sequence(_) => Ok(None),
            Input::Trace(trace) => Ok(Some(header(path, trace)?.profile)),
        }
    }

    /// What the host does in it.
    pub fn sequence(self, path: &Path) -> anyhow::Result<Sequence> {
        match self {
            Input::Sequence(sequence) => Ok(sequence),
            Input::Trace(trace) if trace.sequence.is_empty() => {
                bail!("{} holds no sequence: it can be judged, not replayed", path.display())
            }
            Input::Trace(trace) => lab::sequence_of(&trace)
                .map_err(|error| anyhow!("{}, its sequence: {error}", path.display())),
        }
    }
}
