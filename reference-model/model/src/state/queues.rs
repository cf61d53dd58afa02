//! The I/O queues that exist, and how many were granted.

use std::fmt;

use spec::{Addr, Qid};

use crate::truth::{Maybe, No, Truth, Yes};

/// An I/O Submission Queue that exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IoSq {
    /// Its identifier.
    pub qid: Qid,
    /// The Completion Queue it is bound to.
    pub cqid: Qid,
    /// How many slots.
    pub entries: u32,
    /// Physically contiguous.
    pub pc: bool,
    /// PRP Entry 1 of the Create command.
    pub prp1: Addr,
}

/// An I/O Completion Queue that exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IoCq {
    /// Its identifier.
    pub qid: Qid,
    /// How many slots.
    pub entries: u32,
    /// Physically contiguous.
    pub pc: bool,
    /// PRP Entry 1 of the Create command.
    pub prp1: Addr,
    /// Interrupts enabled.
    pub ien: bool,
    /// Interrupt vector.
    pub iv: u16,
}

/// The queues of one kind that exist, by identifier.
#[derive(Clone, PartialEq, Eq)]
pub struct Queues<Q>(pub Vec<Q>);

impl<Q> Default for Queues<Q> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Something with a queue identifier.
pub trait HasQid: Copy {
    /// The identifier.
    fn qid(&self) -> Qid;
}

impl HasQid for IoSq {
    fn qid(&self) -> Qid {
        self.qid
    }
}

impl HasQid for IoCq {
    fn qid(&self) -> Qid {
        self.qid
    }
}

impl<Q: HasQid> Queues<Q> {
    /// The queue `qid`.
    pub fn find(&self, qid: Qid) -> Option<&Q> {
        self.0.iter().find(|q| q.qid() == qid)
    }

    /// Whether the queue `qid` exists.
    pub fn contains(&self, qid: Qid) -> bool {
        self.find(qid).is_some()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a queue, in place of one with the same identifier.
    pub fn insert(&mut self, queue: Q) {
        self.remove(queue.qid());
        let at = self.0.partition_point(|q| q.qid() < queue.qid());
        self.0.insert(at, queue);
    }

    /// Takes a queue away.
    pub fn remove(&mut self, qid: Qid) {
        self.0.retain(|q| q.qid() != qid);
    }
}

impl<Q: HasQid> fmt::Display for Queues<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (n, queue) in self.0.iter().enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { ", " }, queue.qid())?;
        }
        f.write_str("}")
    }
}

impl<Q: HasQid> fmt::Debug for Queues<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The highest queue identifier that was granted: a range until it is known. Identifiers 1 to `low`
/// are surely inside, those above `high` surely outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Surely inside up to here.
    pub low: u32,
    /// Surely outside above.
    pub high: u32,
}

impl Range {
    /// Exactly `count` queues.
    pub const fn exactly(count: u32) -> Self {
        Self { low: count, high: count }
    }

    /// Whether `qid` lies outside. Identifier 0 is not judged here: see [`Qid::is_admin`].
    pub fn excludes(self, qid: Qid) -> Truth {
        let n = u32::from(qid.0);
        if n <= self.low {
            No
        } else if n > self.high {
            Yes
        } else {
            Maybe
        }
    }

    /// Whether `qid` lies inside (and is not 0).
    pub fn covers(self, qid: Qid) -> Truth {
        !qid.is_admin() & !self.excludes(qid)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high {
            write!(f, "{}", self.low)
        } else {
            write!(f, "{} to {}", self.low, self.high)
        }
    }
}

/// How many queues were granted (Feature 07h).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Granted {
    /// I/O Submission Queues: NSQA + 1.
    pub io_sqs: Range,
    /// I/O Completion Queues: NCQA + 1.
    pub io_cqs: Range,
}

impl Default for Granted {
    /// Nothing was answered: at least one of each, at most all identifiers.
    fn default() -> Self {
        let unknown = Range { low: 1, high: 65_535 };
        Self { io_sqs: unknown, io_cqs: unknown }
    }
}
