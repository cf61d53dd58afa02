//! The effects log says that Write changes no data.

use spec::Lid;
use spec::command::{Command, Write};

use super::reads_page;
use crate::seam::{Defect, Scene};

pub(super) struct WriteWithoutEffects;

impl Defect for WriteWithoutEffects {
    fn name(&self) -> &'static str {
        "write-without-effects"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["commands-supported.effects"]
    }

    fn story(&self) -> &'static str {
        "CSUPP in every entry and nothing else: nobody looks at the other bits."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let entry = 1024 + 4 * usize::from(Write::OPCODE);
        let asked = reads_page(scene, Lid::COMMANDS_SUPPORTED_AND_EFFECTS);
        if asked && let Some(bits) = data.get_mut(entry) {
            *bits &= !2;
        }
    }
}
