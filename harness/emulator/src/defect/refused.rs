//! Good commands that are refused: one family, since all of it happens at the same seam.

use spec::command::{
    Command, DeleteIoCq, DeleteIoSq, Flush, GetFeatures, GetLogPage, Identify, Read, Write,
};
use spec::{Cns, Fid, Lid, Status};

use super::{identifies, is_admin, told};
use crate::seam::{Check, Defect, Scene};

/// Commands that are refused with Invalid Field in Command.
pub(super) struct Refused {
    name: &'static str,
    breaks: &'static [&'static str],
    story: &'static str,
    /// Whether the command at hand is one of them.
    which: fn(&mut Scene) -> bool,
}

impl Defect for Refused {
    told!();

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        // A check that every command comes by.
        let wrong = check == Check::Psdt && (self.which)(scene);
        found.or(wrong.then_some(Status::INVALID_FIELD_IN_COMMAND))
    }
}

/// Every one.
pub(super) const TABLE: &[&dyn Defect] = &[
    &Refused {
        name: "delete-io-cq-refused",
        breaks: &["delete-io-cq.succeeds"],
        story: "Queues that are taken away by a reset alone: the first drivers did nothing else.",
        which: |scene| is_admin(scene, DeleteIoCq::OPCODE),
    },
    &Refused {
        name: "delete-io-sq-refused",
        breaks: &["delete-io-sq.succeeds"],
        story: "Queues that are taken away by a reset alone: the first drivers did nothing else.",
        which: |scene| is_admin(scene, DeleteIoSq::OPCODE),
    },
    &Refused {
        name: "descriptors-refused",
        breaks: &["identify.cns-known"],
        story: "Linux has a quirk for controllers that fail CNS 03h (NVME_QUIRK_NO_NS_DESC_LIST).",
        which: |scene| identifies(scene, Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST),
    },
    &Refused {
        name: "command-set-structures-refused",
        breaks: &["identify.mandatory"],
        story: "VS went up to 2.0 without the structures that it made mandatory.",
        which: |scene| identifies(scene, Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_CONTROLLER),
    },
    &Refused {
        name: "arbitration-refused",
        breaks: &["get-features.mandatory"],
        story: "A feature that does nothing with one queue per core, and was left out.",
        which: |scene| {
            is_admin(scene, GetFeatures::OPCODE)
                && GetFeatures::project(scene.sqe).fid == Fid::ARBITRATION
        },
    },
    &Refused {
        name: "flush-refused",
        breaks: &["flush.without-cache"],
        story: "Flush taken for a command of drives with a cache.",
        which: |scene| !scene.sqid.is_admin() && scene.sqe.opcode() == Flush::OPCODE,
    },
    &Refused {
        name: "smart-of-nsid-0-refused",
        breaks: &["smart.nsid-zero", "get-log-page.mandatory"],
        story: "Tools ask for FFFFFFFFh, and nothing else was ever tried.",
        which: |scene| {
            is_admin(scene, GetLogPage::OPCODE)
                && GetLogPage::project(scene.sqe).lid == Lid::SMART_HEALTH_INFORMATION
                && scene.sqe.nsid().0 == 0
        },
    },
    &Refused {
        name: "limited-retry-refused",
        breaks: &["common.limited-retry", "common.last-lba"],
        story: "A bit of dword 12 that no driver at hand ever set, taken for a reserved one.",
        which: |scene| {
            let moves = matches!(scene.sqe.opcode(), Read::OPCODE | Write::OPCODE);
            !scene.sqid.is_admin() && moves && scene.sqe.dw[12] >> 31 != 0
        },
    },
    &Refused {
        name: "identify-prp2-as-list",
        breaks: &["prp.admin-no-list", "identify.prp2-no-list", "identify.cns-known"],
        story: "One walk of PRPs for all commands: what PRP2 names is read as a list, and holds no addresses.",
        which: |scene| is_admin(scene, Identify::OPCODE) && scene.sqe.prp1().0 % 4096 != 0,
    },
];
