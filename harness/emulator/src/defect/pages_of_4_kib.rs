//! Memory pages are of 4 KiB, whatever CC.MPS says.

use log::ResetKind;
use spec::register::{CC, Cc};

use crate::config::Config;
use crate::seam::{Defect, ResetWork, Scene};

pub(super) struct PagesOf4Kib;

impl Defect for PagesOf4Kib {
    fn name(&self) -> &'static str {
        "pages-of-4-kib"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["prp.page-size", "prp.page-size-selected", "register.mps-each", "common.last-lba"]
    }

    fn story(&self) -> &'static str {
        "NVMeVirt uses the page size of its own kernel and never looks at CC.MPS; a \
         controller that was only tried with hosts of 4 KiB pages does the same."
    }

    fn configure(&self, config: &mut Config) {
        (config.mpsmin, config.mpsmax) = (0, config.mpsmax.max(1));
    }

    fn on_reg_write(&self, scene: &mut Scene, offset: u32, value: u32) -> Option<u32> {
        if offset != CC {
            return Some(value);
        }
        let cc = Cc::from_bits(value);
        scene.notes[scene.ctrl % 8] = cc.mps().into();
        Some(cc.with_mps(0).into_bits())
    }

    fn on_reg_read(&self, scene: &mut Scene, offset: u32, value: u32) -> u32 {
        let mps = scene.notes[scene.ctrl % 8] as u8;
        if offset == CC { Cc::from_bits(value).with_mps(mps).into_bits() } else { value }
    }

    fn on_reset(&self, scene: &mut Scene, work: &mut ResetWork) {
        if work.kind != ResetKind::Controller {
            scene.notes[scene.ctrl % 8] = 0;
        }
    }
}
