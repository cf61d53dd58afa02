//! A Write with FUA goes to the volatile write cache.

use spec::command::{Command, Flush};

use crate::seam::{Defect, MediaChange, Scene};

pub(super) struct FuaIgnored;

impl Defect for FuaIgnored {
    fn name(&self) -> &'static str {
        "fua-ignored"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["write.fua", "data.write-through"]
    }

    fn story(&self) -> &'static str {
        "QEMU ignores FUA; with a volatile back end that loses data."
    }

    fn on_media(&self, scene: &mut Scene, change: &mut MediaChange) {
        let fua = scene.sqe.dw[12] >> 30 & 1 != 0;
        change.durable &= scene.sqe.opcode() == Flush::OPCODE || !fua;
    }
}
