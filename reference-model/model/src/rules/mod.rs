//! One file per command, feature, log page and Identify structure, and the table that names them.
//!
//! A command whose answer depends on a code within it (FID, LID, CNS) has one [`Rule`] per code, so
//! that what is not modelled stays a gap and what is not defined is refused. Statements are
//! common to many commands where the specification makes them once: dword 0, NSID and reserved
//! bits in [`common`], the data pointer in [`prps`].

use spec::opcode::{admin, lookup, nvm, vendor_specific};
use spec::{QueueKind, Sqe};

use crate::ruling::Rule;

pub mod abort;
pub mod async_event_request;
pub mod blocks;
pub mod choices;
pub mod claims;
pub mod common;
pub mod create_io_cq;
pub mod create_io_sq;
pub mod delete_io_cq;
pub mod delete_io_sq;
pub mod features;
pub mod flush;
pub mod identify;
pub mod log_pages;
pub mod prps;
pub mod queue_memory;
pub mod read;
pub mod write;

/// The rules of what is modelled: first the commands that have one, then features, log pages, structures.
pub static TABLE: &[&[&Rule]] = &[
    &[
        &delete_io_sq::RULE,
        &create_io_sq::RULE,
        &delete_io_cq::RULE,
        &create_io_cq::RULE,
        &abort::RULE,
        &async_event_request::RULE,
        &flush::RULE,
        &write::RULE,
        &read::RULE,
    ],
    features::TABLE,
    log_pages::TABLE,
    identify::TABLE,
];

/// The rules of what is not defined at all, and of what is known by name alone.
static WITHOUT_CONTENT: &[&Rule] = &[
    &features::GET_BY_NAME,
    &features::GET_UNDEFINED,
    &features::SET_UNDEFINED,
    &log_pages::BY_NAME,
    &log_pages::UNDEFINED,
    &identify::UNDEFINED,
    &common::UNDEFINED_ADMIN,
    &common::UNDEFINED_NVM,
];

/// Every rule, one after the other.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    TABLE.iter().copied().chain([WITHOUT_CONTENT]).flatten().copied()
}

/// Whether the rule is of something that is modelled: it judges what a success returns and does.
pub fn is_modelled(rule: &Rule) -> bool {
    !WITHOUT_CONTENT.iter().any(|other| std::ptr::eq(*other, rule))
}

/// The rule for a command; `None`: not modelled, hence a gap.
#[inline]
pub fn find(queue: QueueKind, sqe: &Sqe) -> Option<&'static Rule> {
    match queue {
        QueueKind::Nvm => find_io(sqe),
        QueueKind::Admin => find_admin(sqe),
    }
}

fn find_io(sqe: &Sqe) -> Option<&'static Rule> {
    Some(match sqe.opcode() {
        nvm::READ => &read::RULE,
        nvm::WRITE => &write::RULE,
        nvm::FLUSH => &flush::RULE,
        opcode if is_undefined(QueueKind::Nvm, opcode) => &common::UNDEFINED_NVM,
        _ => return None,
    })
}

fn find_admin(sqe: &Sqe) -> Option<&'static Rule> {
    Some(match sqe.opcode() {
        admin::DELETE_IO_SUBMISSION_QUEUE => &delete_io_sq::RULE,
        admin::CREATE_IO_SUBMISSION_QUEUE => &create_io_sq::RULE,
        admin::GET_LOG_PAGE => return log_pages::find(sqe),
        admin::DELETE_IO_COMPLETION_QUEUE => &delete_io_cq::RULE,
        admin::CREATE_IO_COMPLETION_QUEUE => &create_io_cq::RULE,
        admin::IDENTIFY => return identify::find(sqe),
        admin::ABORT => &abort::RULE,
        admin::SET_FEATURES | admin::GET_FEATURES => return features::find(sqe),
        admin::ASYNCHRONOUS_EVENT_REQUEST => &async_event_request::RULE,
        opcode if is_undefined(QueueKind::Admin, opcode) => &common::UNDEFINED_ADMIN,
        _ => return None,
    })
}

/// Whether no known revision defines the opcode. I/O opcodes of other command sets than NVM are
/// defined somewhere, but not in this queue: 79h to 7Dh (zoned) are left alone all the same, since
/// a zoned namespace may be attached.
fn is_undefined(queue: QueueKind, opcode: u8) -> bool {
    let zoned = queue == QueueKind::Nvm && matches!(opcode, 0x79..=0x7d);
    lookup(queue, opcode).is_none() && !vendor_specific(queue, opcode) && !zoned
}
