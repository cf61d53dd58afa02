//! Get Log Page returns whole pages of the log, whatever NUMD asks for.

use spec::command::{Command, GetLogPage};

use crate::seam::{Bound, Defect, Scene};

pub(super) struct LogReadRoundedUp;

impl Defect for LogReadRoundedUp {
    fn name(&self) -> &'static str {
        "log-read-rounded-up"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["get-log-page.numd", "get-log-page.buffer-bounds", "dma.write-within-prps"]
    }

    fn story(&self) -> &'static str {
        "NVMeVirt fills 4096 bytes from PRP1 on, as for Identify: what lies behind a short buffer is \
         overwritten."
    }

    fn on_bound(&self, scene: &mut Scene, bound: Bound, value: u64) -> u64 {
        let asks = scene.sqid.is_admin() && scene.sqe.opcode() == GetLogPage::OPCODE;
        if bound == Bound::Returned && asks { value.next_multiple_of(1024) } else { value }
    }
}
