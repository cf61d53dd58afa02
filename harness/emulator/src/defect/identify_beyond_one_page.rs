//! A structure that begins inside a page runs on into the next page of memory: PRP2 is not used.

use spec::command::{Command, Identify};

use crate::seam::{Bound, Defect, Scene};

pub(super) struct IdentifyBeyondOnePage;

impl Defect for IdentifyBeyondOnePage {
    fn name(&self) -> &'static str {
        "identify-beyond-one-page"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["identify.prp2-no-list", "dma.write-within-prps"]
    }

    fn story(&self) -> &'static str {
        "NVMeVirt maps the page of PRP1 and fills 4096 bytes from there on, for Identify as \
         for Get Log Page; it works with the buffers of its own driver, which begin at a \
         page."
    }

    fn on_bound(&self, scene: &mut Scene, bound: Bound, value: u64) -> u64 {
        let identifies = scene.sqid.is_admin() && scene.sqe.opcode() == Identify::OPCODE;
        let next = (scene.sqe.prp1().0 | 0xfff).wrapping_add(1);
        if bound == Bound::Prp2 && identifies { next } else { value }
    }
}
