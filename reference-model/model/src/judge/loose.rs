//! What a loss of power may leave of one block: what was on the media, or something later.

use spec::Nsid;

use super::cell::Value;
use super::few::Few;
use super::media::Written;

/// How many unflushed values a block remembers; beyond, a loss of power leaves it unknown.
pub const MAX_LOOSE: usize = 4;

/// A completed write that a loss of power may undo.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Unflushed {
    /// What it wrote.
    pub value: Value,
    /// By which controller.
    pub ctrl: u8,
    /// Record of its doorbell.
    pub rung: u32,
    /// Record of its CQE.
    pub completed: u32,
    /// It took effect for sure.
    pub certain: bool,
}

/// What a loss of power may leave in a block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loose {
    /// Values that may be on the media, beside those below, and when their writes completed.
    pub stable: Few<(Value, u32), 2>,
    /// Writes that completed and were not flushed since.
    pub unflushed: Few<Unflushed, MAX_LOOSE>,
    /// Too many to remember.
    pub overflow: bool,
    /// A volatile cache may have held a write since this is kept: without one, nothing is lost.
    pub cached: bool,
}

/// Whether a Flush that succeeded covers `write` to `nsid`.
pub fn covered(flushed: &[(Nsid, u8, u32)], nsid: Nsid, write: &Unflushed) -> bool {
    flushed.iter().any(|(of, ctrl, rung)| {
        (*of == nsid || *of == Nsid::BROADCAST) && *ctrl == write.ctrl && write.completed < *rung
    })
}

impl Loose {
    /// Drops what a flushed write has surely replaced on the media.
    pub fn prune(&mut self, covered: impl Fn(&Unflushed) -> bool) {
        let surely = |write: &Unflushed| write.certain && covered(write);
        let Some(flushed) = self.unflushed.iter().rev().find(surely) else { return };
        self.overflow = false;
        // A write that ran beside the flushed one may have been the later of the two.
        let later = |completed: u32| completed > flushed.rung;
        self.stable.retain(|(_, completed)| later(*completed));
        for write in self.unflushed.iter() {
            if covered(&write) && later(write.completed) {
                self.stable.push((write.value, write.completed));
            }
        }
        self.unflushed.retain(|write| !covered(write) && later(write.completed));
    }

    /// A write went through to the media.
    pub fn write_through(&mut self, value: Value, how: Written) {
        self.overflow = false;
        self.stable.retain(|(_, completed)| *completed > how.rung);
        self.stable.push((value, how.completed));
        self.unflushed.retain(|write| write.completed > how.rung);
    }
}
