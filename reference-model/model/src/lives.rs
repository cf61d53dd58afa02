//! What a controller showed before, and what has happened to it since: for structures that are read again.

use std::sync::Arc;

/// How often things happened to a controller that may change what it shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lives {
    /// Controller level resets.
    pub resets: u32,
    /// Losses of main power.
    pub power_losses: u32,
    /// How often CSTS.RDY was seen to become 1.
    pub readies: u32,
    /// Enables after which CSTS.RDY was not looked at until the next reset: it may have become 1.
    pub unsure: u32,
    /// Losses of main power while CSTS.SHST was surely not 10b.
    pub sudden_losses: u32,
    /// Losses of main power of which that is not known.
    pub unsure_losses: u32,
}

/// A structure as it was read last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// What had happened to the controller by then.
    pub lives: Lives,
}

/// An entry of a log page, or the beginning of one that the host read no further.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptEntry {
    /// Its error count.
    pub count: u64,
    /// Its bytes, or the first of them.
    pub bytes: Vec<u8>,
}

/// The entries of the Error Information log that were seen, newest first, with nothing between them that
/// was not seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeptLog {
    /// The entries.
    pub entries: Vec<KeptEntry>,
    /// What had happened to the controller when the newest was read.
    pub lives: Lives,
}

/// I/O commands of one kind, and the data that they move.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Amount {
    /// Commands.
    pub commands: u64,
    /// Units of 512 bytes, without metadata.
    pub units: u64,
}

/// I/O commands since the log began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Reads.
    pub read: Amount,
    /// Writes.
    pub written: Amount,
    /// How often something happened of which it is not known what it counts as.
    pub unsure: u32,
}

/// What a controller may count by the time at which it carries a command out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counted {
    /// At least this: what had completed successfully before the command was rung.
    pub least: Traffic,
    /// At most this: what was rung before the completion was seen.
    pub most: Traffic,
    /// Record of the command's doorbell, and the one in which its completion was seen: it was carried out
    /// between them.
    pub within: (u32, u32),
}

impl Counted {
    /// Whether this command was over before the other was rung.
    pub fn is_before(&self, other: &Counted) -> bool {
        self.within.1 <= other.within.0
    }
}

/// The SMART / Health Information log as it was read last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptSmart {
    /// Its bytes.
    pub bytes: [u8; 512],
    /// The traffic by then.
    pub counted: Counted,
    /// What had happened to the controller by then.
    pub lives: Lives,
}
