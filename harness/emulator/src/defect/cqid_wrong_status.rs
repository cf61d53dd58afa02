//! A Completion Queue that was never created is refused with Invalid Queue Identifier.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct CqidWrongStatus;

impl Defect for CqidWrongStatus {
    fn name(&self) -> &'static str {
        "cqid-wrong-status"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["create-io-sq.cqid-not-created"]
    }

    fn story(&self) -> &'static str {
        "The behaviour that revision 1.2 asked for, kept in controllers that report a \
         newer one."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        match check {
            Check::CqidExists => found.map(|_| Status::INVALID_QUEUE_IDENTIFIER),
            _ => found,
        }
    }
}
