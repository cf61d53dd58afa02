//! A counter over the life of the controller is lower in the next read.

use spec::Lid;
use spec::log_page::SmartHealth;

use super::reads_page;
use crate::seam::{Defect, Scene};

pub(super) struct LifetimeCounterGoesBack;

impl Defect for LifetimeCounterGoesBack {
    fn name(&self) -> &'static str {
        "lifetime-counter-goes-back"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["smart.lifetime"]
    }

    fn story(&self) -> &'static str {
        "Media errors counted over two banks that are read in turn."
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        if reads_page(scene, Lid::SMART_HEALTH_INFORMATION)
            && let Some(bytes) = data.first_chunk_mut()
        {
            let mut page: SmartHealth = SmartHealth(*bytes);
            scene.notes[0] += 1;
            page.set().mdie(if scene.notes[0] % 2 == 1 { 7 } else { 3 });
            *bytes = page.0;
        }
    }
}
