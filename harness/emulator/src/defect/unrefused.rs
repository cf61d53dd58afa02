//! Commands that have to be refused and are not: one family, since all of it happens at the same seam. The
//! command ends with success and does nothing more.

use spec::Status;
use spec::command::{Command, CreateIoCq, CreateIoSq};

use super::{is_admin, told};
use crate::seam::{Check, Defect, Scene};

/// Checks whose failure does not show.
pub(super) struct Unrefused {
    name: &'static str,
    breaks: &'static [&'static str],
    story: &'static str,
    /// Whether the check is one of them.
    skipped: fn(&Scene, Check) -> bool,
}

impl Defect for Unrefused {
    told!();

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        match (self.skipped)(scene, check) {
            true => found.map(|_| Status::SUCCESSFUL_COMPLETION),
            false => found,
        }
    }
}

/// Every one.
pub(super) const TABLE: &[&dyn Defect] = &[
    &Unrefused {
        name: "create-io-cq-unchecked",
        breaks: &[
            "create-io-cq.before-iocqes",
            "create-io-cq.iv-range",
            "create-io-cq.prp1-offset",
            "create-io-cq.qid-admin",
            "create-io-cq.qid-in-use",
            "create-io-cq.qid-range",
            "create-io-cq.qsize-above-mqes",
            "create-io-cq.qsize-zero",
        ],
        story: "Firmware that trusts the one driver that it was written with; NVMeVirt looks at no field \
                of the command.",
        skipped: |scene, check| {
            is_admin(scene, CreateIoCq::OPCODE)
                && matches!(
                    check,
                    Check::QidRange
                        | Check::QidInUse
                        | Check::QueueSize
                        | Check::EntrySize
                        | Check::Vector
                        | Check::PrpOffset
                )
        },
    },
    &Unrefused {
        name: "create-io-sq-unchecked",
        breaks: &[
            "create-io-sq.cqid-admin",
            "create-io-sq.cqid-range",
            "create-io-sq.prp1-offset",
            "create-io-sq.qid-admin",
            "create-io-sq.qid-in-use",
            "create-io-sq.qid-range",
            "create-io-sq.qsize",
        ],
        story: "Firmware that trusts the one driver that it was written with; NVMeVirt looks at no field \
                of the command.",
        skipped: |scene, check| {
            is_admin(scene, CreateIoSq::OPCODE)
                && matches!(
                    check,
                    Check::QidRange
                        | Check::QidInUse
                        | Check::QueueSize
                        | Check::CqidAdmin
                        | Check::CqidRange
                        | Check::PrpOffset
                )
        },
    },
    &Unrefused {
        name: "namespaces-unchecked",
        breaks: &[
            "common.nsid-invalid",
            "common.nsid-broadcast",
            "features.nsid-namespace-scope",
            "get-features.broadcast",
            "identify-active-list.nsid-range",
            "identify-descriptors.nsid-range",
        ],
        story: "A product with one namespace, whose firmware does not look for which one a command is.",
        skipped: |_, check| matches!(check, Check::NsidValid | Check::NsidBroadcast),
    },
    &Unrefused {
        name: "unused-nsid-unchecked",
        breaks: &["common.nsid-unused", "smart.nsid"],
        story: "Up to 1.4 the field was reserved, and what stood there did not matter.",
        skipped: |_, check| check == Check::NsidUnused,
    },
    &Unrefused {
        name: "unknown-features-succeed",
        breaks: &["get-features.fid-unknown", "set-features.fid-unknown"],
        story: "A switch over the features whose default does nothing, successfully.",
        skipped: |_, check| check == Check::Fid,
    },
    &Unrefused {
        name: "unknown-select-succeeds",
        breaks: &["get-features.sel-reserved"],
        story: "Three bits of Select of which two are looked at.",
        skipped: |_, check| check == Check::Select,
    },
    &Unrefused {
        name: "unknown-log-pages-succeed",
        breaks: &["get-log-page.lid-unknown"],
        story: "A switch over the log pages whose default returns nothing, successfully.",
        skipped: |_, check| check == Check::Lid,
    },
    &Unrefused {
        name: "log-offset-unchecked",
        breaks: &["get-log-page.offset-beyond"],
        story: "Nothing is left beyond the end of a page, so nothing is returned: without an error.",
        skipped: |_, check| check == Check::LogOffset,
    },
    &Unrefused {
        name: "unknown-cns-succeeds",
        breaks: &["identify.cns-unknown"],
        story: "A switch over CNS whose default returns nothing, successfully.",
        skipped: |_, check| check == Check::Cns,
    },
    &Unrefused {
        name: "prp-offsets-unchecked",
        breaks: &["prp.prp2-offset", "prp.list-entry-offset", "prp.list-chain-offset"],
        story: "Offsets of PRP entries cut off instead of refused, and the data left out.",
        skipped: |scene, check| !scene.sqid.is_admin() && check == Check::PrpOffset,
    },
    &Unrefused {
        name: "any-number-of-queues",
        breaks: &["number-of-queues.ffff"],
        story: "65,536 queues cut down to what there is, like any other number that is too large.",
        skipped: |_, check| check == Check::QueueCount,
    },
];
