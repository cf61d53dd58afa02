//! Structures each of which could be right, and that contradict each other.

use spec::identify::{IdentifyController, IdentifyNamespace};
use spec::log_page::SmartHealth;
use spec::{Cns, Lid};

use super::{identifies, reads_page, told};
use crate::seam::{Defect, Scene};

/// Two structures that are filled in wrongly together.
pub(super) struct Disagreeing {
    name: &'static str,
    breaks: &'static [&'static str],
    story: &'static str,
    /// Makes the structure at hand one of the two.
    change: fn(&Scene, &mut [u8]),
}

impl Defect for Disagreeing {
    told!();

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        (self.change)(scene, data);
    }
}

/// Changes Identify Controller, if that is at hand.
fn in_controller(scene: &Scene, data: &mut [u8], change: fn(&mut IdentifyController)) {
    if identifies(scene, Cns::IDENTIFY_CONTROLLER)
        && let Some(bytes) = data.first_chunk_mut()
    {
        let mut id = IdentifyController(*bytes);
        change(&mut id);
        *bytes = id.0;
    }
}

/// Every one.
pub(super) const TABLE: &[&dyn Defect] = &[
    &Disagreeing {
        name: "nawun-below-awun",
        breaks: &["identify-namespace.atomic-sizes"],
        story: "Atomicity of the namespace worked out in other units than that of the controller.",
        change: |scene, data| {
            in_controller(scene, data, |id| _ = id.set().awun(7));
            if identifies(scene, Cns::IDENTIFY_NAMESPACE)
                && scene.sqe.nsid().0 == 1
                && let Some(bytes) = data.first_chunk_mut()
            {
                let mut ns: IdentifyNamespace = IdentifyNamespace(*bytes);
                let nsfeat = ns.nsfeat();
                ns.set().nsfeat(nsfeat | 2).nawun(3);
                *bytes = ns.0;
            }
        },
    },
    &Disagreeing {
        name: "time-above-no-threshold",
        breaks: &["smart.temperature-time"],
        story: "Minutes above a critical temperature that Identify Controller does not tell.",
        change: |scene, data| {
            in_controller(scene, data, |id| _ = id.set().cctemp(0));
            if reads_page(scene, Lid::SMART_HEALTH_INFORMATION)
                && let Some(bytes) = data.first_chunk_mut()
            {
                let mut page: SmartHealth = SmartHealth(*bytes);
                page.set().cctt(1);
                *bytes = page.0;
            }
        },
    },
];
