//! AQA, ASQ and ACQ stay what they were when the controller was first enabled.

use spec::register::{AQA, CC, Cc};

use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct AdminQueueOfFirstEnable;

impl Defect for AdminQueueOfFirstEnable {
    fn name(&self) -> &'static str {
        "admin-queue-of-first-enable"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["ready.new-admin-queue", "register.admin-queue-programmed", "queue.owed-completion"]
    }

    fn story(&self) -> &'static str {
        "Registers latched once, at the first enable after power on: a second driver, whose \
         queues lie elsewhere, gets no answer."
    }

    fn on_reg_write(&self, scene: &mut Scene, offset: u32, value: u32) -> Option<u32> {
        let enabled = &mut scene.notes[scene.ctrl % 8];
        *enabled |= u64::from(offset == CC && Cc::from_bits(value).en());
        let lost = *enabled != 0 && (AQA..0x38).contains(&offset);
        (!lost).then_some(value)
    }

    fn on_reset(&self, scene: &mut Scene, work: &mut ResetWork) {
        if work.clears_admin_registers {
            scene.notes[scene.ctrl % 8] = 0;
        }
    }
}
