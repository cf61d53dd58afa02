//! A tail that is written before a command was fetched for the one before it is lost.

use spec::Sqe;
use spec::register::{DoorbellKind, doorbell_at};

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct SecondTailLost;

impl Defect for SecondTailLost {
    fn name(&self) -> &'static str {
        "second-tail-lost"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["queue.tail-replaces-tail", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "A doorbell taken for an event with room for one: the host that rings twice in a row \
         waits for its last command until it rings again."
    }

    fn on_reg_write(&self, scene: &mut Scene, offset: u32, value: u32) -> Option<u32> {
        let Some((DoorbellKind::SqTail, qid)) = doorbell_at(offset, 0) else { return Some(value) };
        let (word, bit) = (scene.ctrl % 8, 1 << (qid % 64));
        let rung = scene.notes[word] & bit != 0;
        scene.notes[word] |= bit;
        (!rung).then_some(value)
    }

    fn on_fetch(&self, scene: &mut Scene, _: &mut Sqe) {
        scene.notes[scene.ctrl % 8] &= !(1 << (scene.sqid.0 % 64));
    }

    fn on_reset(&self, scene: &mut Scene, _: &mut ResetWork) {
        scene.notes[scene.ctrl % 8] = 0;
    }
}
