//! Flush succeeds and flushes nothing.

use spec::command::{Command, Flush};

use crate::seam::{Defect, MediaChange, Scene};

pub(super) struct FlushDoesNothing;

impl Defect for FlushDoesNothing {
    fn name(&self) -> &'static str {
        "flush-does-nothing"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["flush.own-writes", "flush.durable", "power.flushed-data-kept"]
    }

    fn story(&self) -> &'static str {
        "Consumer drives have been seen to lose data that a completed flush covered."
    }

    fn on_media(&self, scene: &mut Scene, change: &mut MediaChange) {
        change.done = scene.sqe.opcode() != Flush::OPCODE;
    }
}
