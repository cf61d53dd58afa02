//! Identify Controller reports another version than VS.

use spec::Cns;
use spec::command::{Command, Identify};

use crate::seam::{Defect, Scene};

pub(super) struct VerDiffersFromVs;

impl Defect for VerDiffersFromVs {
    fn name(&self) -> &'static str {
        "ver-differs-from-vs"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["identify-controller.ver"]
    }

    fn story(&self) -> &'static str {
        "The version written down in two places, one of them updated."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let asked = Identify::project(scene.sqe).cns == Cns::IDENTIFY_CONTROLLER;
        if scene.sqe.opcode() == Identify::OPCODE && asked && data.len() > 83 {
            data[80..84].copy_from_slice(&0x0001_0200u32.to_le_bytes());
        }
    }
}
