//! What structure a command touches.

use spec::{Fid, Qid};

/// The structural cells that a command reads and writes. Commands in flight whose footprints
/// conflict are judged together; disjoint footprints commute.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Footprint {
    /// Cells that its answer depends on.
    pub reads: Cells,
    /// Cells that its acceptance changes.
    pub writes: Cells,
}

/// A set of structural cells, as bits. Queue identifiers share bits (modulo 32): that may only
/// make two commands conflict that do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cells(pub u128);

impl Cells {
    /// None.
    pub const NONE: Cells = Cells(0);
    /// The number of queues granted (Feature 07h).
    pub const GRANT: Cells = Cells(1 << 64);
    /// Feature 06h.
    pub const WRITE_CACHE: Cells = Cells(1 << 65);
    /// The Error Information log.
    pub const ERROR_LOG: Cells = Cells(1 << 66);
    /// Attached namespaces and their formats.
    pub const NAMESPACES: Cells = Cells(1 << 67);
    /// Every I/O Submission and Completion Queue.
    pub const ALL_QUEUES: Cells = Cells(u64::MAX as u128);

    /// The values of one feature (identifiers 00h to 1Fh).
    pub const fn feature(fid: Fid) -> Cells {
        Cells(1 << (96 + fid.0 % 32))
    }

    /// The existence of one I/O Submission Queue.
    pub const fn io_sq(qid: Qid) -> Cells {
        Cells(1 << (qid.0 % 32))
    }

    /// The existence of one I/O Completion Queue.
    pub const fn io_cq(qid: Qid) -> Cells {
        Cells(1 << (32 + qid.0 % 32))
    }

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Cells) -> Cells {
        Cells(self.0 | other.0)
    }
}

impl Footprint {
    /// Touches no structure that another command could change.
    pub const NONE: Footprint = Footprint { reads: Cells::NONE, writes: Cells::NONE };

    /// Whether the order of two commands with these footprints can matter.
    pub const fn conflicts(self, other: Footprint) -> bool {
        self.writes.0 & (other.reads.0 | other.writes.0) != 0
            || other.writes.0 & (self.reads.0 | self.writes.0) != 0
    }
}
