//! Commands that have to be refused and end with another status, which may be success: one family, since
//! all of it happens at the same seam. The command does nothing more.

use spec::Status;
use spec::command::{Command, CreateIoCq, CreateIoSq};

use super::{is_admin, told};
use crate::seam::{Check, Defect, Scene};

/// Checks whose failure is told otherwise.
pub(super) struct Misrefused {
    name: &'static str,
    breaks: &'static [&'static str],
    story: &'static str,
    /// Whether the check is one of them.
    which: fn(&Scene, Check) -> bool,
    /// What the command ends with.
    status: Status,
}

impl Defect for Misrefused {
    told!();

    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        match (self.which)(scene, check) {
            true => found.map(|_| self.status),
            false => found,
        }
    }
}

const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;

/// Every one.
pub(super) const TABLE: &[&dyn Defect] = &[
    &Misrefused {
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
        status: SUCCESS,
        which: |scene, check| {
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
    &Misrefused {
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
        status: SUCCESS,
        which: |scene, check| {
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
    &Misrefused {
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
        status: SUCCESS,
        which: |_, check| matches!(check, Check::NsidValid | Check::NsidBroadcast),
    },
    &Misrefused {
        name: "unused-nsid-unchecked",
        breaks: &["common.nsid-unused", "smart.nsid"],
        story: "Up to 1.4 the field was reserved, and what stood there did not matter.",
        status: SUCCESS,
        which: |_, check| check == Check::NsidUnused,
    },
    &Misrefused {
        name: "unknown-features-succeed",
        breaks: &["get-features.fid-unknown", "set-features.fid-unknown"],
        story: "A switch over the features whose default does nothing, successfully.",
        status: SUCCESS,
        which: |_, check| check == Check::Fid,
    },
    &Misrefused {
        name: "unknown-select-succeeds",
        breaks: &["get-features.sel-reserved"],
        story: "Three bits of Select of which two are looked at.",
        status: SUCCESS,
        which: |_, check| check == Check::Select,
    },
    &Misrefused {
        name: "unknown-log-pages-succeed",
        breaks: &["get-log-page.lid-unknown"],
        story: "A switch over the log pages whose default returns nothing, successfully.",
        status: SUCCESS,
        which: |_, check| check == Check::Lid,
    },
    &Misrefused {
        name: "log-offset-unchecked",
        breaks: &["get-log-page.offset-beyond"],
        story: "Nothing is left beyond the end of a page, so nothing is returned: without an error.",
        status: SUCCESS,
        which: |_, check| check == Check::LogOffset,
    },
    &Misrefused {
        name: "unknown-cns-succeeds",
        breaks: &["identify.cns-unknown"],
        story: "A switch over CNS whose default returns nothing, successfully.",
        status: SUCCESS,
        which: |_, check| check == Check::Cns,
    },
    &Misrefused {
        name: "prp-offsets-unchecked",
        breaks: &["prp.prp2-offset", "prp.list-entry-offset", "prp.list-chain-offset"],
        story: "Offsets of PRP entries cut off instead of refused, and the data left out.",
        status: SUCCESS,
        which: |scene, check| !scene.sqid.is_admin() && check == Check::PrpOffset,
    },
    &Misrefused {
        name: "any-number-of-queues",
        breaks: &["number-of-queues.ffff"],
        story: "65,536 queues cut down to what there is, like any other number that is too large.",
        status: SUCCESS,
        which: |_, check| check == Check::QueueCount,
    },
    &Misrefused {
        name: "unknown-opcode-succeeds",
        breaks: &["common.opcode"],
        story: "A dispatch table whose default does nothing, successfully.",
        status: SUCCESS,
        which: |_, check| check == Check::Opcode,
    },
    &Misrefused {
        name: "unmapped-succeeds",
        breaks: &["prp.unmapped"],
        story: "QEMU 7.2 answers Identify into memory that an IOMMU refuses with Successful Completion.",
        status: SUCCESS,
        which: |_, check| check == Check::HostMemory,
    },
    &Misrefused {
        name: "queue-zero-deletable",
        breaks: &["delete-io-sq.qid", "delete-io-cq.qid"],
        story: "A queue table where the admin queue is entry 0 like any other.",
        status: SUCCESS,
        which: |scene, check| check == Check::QidExists && scene.sqe.dw[10] & 0xffff == 0,
    },
    &Misrefused {
        name: "cqid-wrong-status",
        breaks: &["create-io-sq.cqid-not-created"],
        story: "The behaviour that revision 1.2 asked for, kept in controllers that report a newer one.",
        status: Status::INVALID_QUEUE_IDENTIFIER,
        which: |_, check| check == Check::CqidExists,
    },
    &Misrefused {
        name: "low-bits-refused-otherwise",
        breaks: &["prp.low-bits"],
        story: "One check of all reserved bits before the pointers are looked at, with the status of \
                reserved bits.",
        status: Status::INVALID_FIELD_IN_COMMAND,
        which: |scene, check| check == Check::PrpOffset && scene.sqe.prp1().0 & 3 != 0,
    },
];
