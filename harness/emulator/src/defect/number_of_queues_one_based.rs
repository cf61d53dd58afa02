//! Set Features (Number of Queues) returns counts that are not 0's based.

use spec::Fid;
use spec::command::{Command, SetFeatures};

use crate::seam::{Defect, Posting, Scene};

pub(super) struct NumberOfQueuesOneBased;

impl Defect for NumberOfQueuesOneBased {
    fn name(&self) -> &'static str {
        "number-of-queues-one-based"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &[
            "number-of-queues.stable",
            "number-of-queues.all-creatable",
            "create-io-cq.succeeds",
            "create-io-sq.succeeds",
        ]
    }

    fn story(&self) -> &'static str {
        "The commonest mistake of the specification's readers: a host that believes it \
         creates one queue too many."
    }

    fn on_cqe(&self, scene: &mut Scene, posting: &mut Posting) {
        let set = SetFeatures::project(scene.sqe);
        let asked = scene.sqe.opcode() == SetFeatures::OPCODE && set.fid == Fid::NUMBER_OF_QUEUES;
        if scene.sqid.is_admin() && asked && posting.cqe.status().is_success() {
            posting.cqe.dw[0] = posting.cqe.dw[0].wrapping_add(0x0001_0001);
        }
    }
}
