//! Data stays volatile although the volatile write cache is off.

use spec::command::{Command, Flush};

use crate::seam::{Defect, MediaChange, Scene};

pub(super) struct WceIgnored;

impl Defect for WceIgnored {
    fn name(&self) -> &'static str {
        "wce-ignored"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["data.write-through"]
    }

    fn story(&self) -> &'static str {
        "Feature 06h accepted, read back and used by nobody."
    }

    fn on_media(&self, scene: &mut Scene, change: &mut MediaChange) {
        let fua = scene.sqe.dw[12] >> 30 & 1 != 0;
        change.durable &= scene.sqe.opcode() == Flush::OPCODE || fua;
    }
}
