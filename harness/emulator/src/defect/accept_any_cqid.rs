//! A Submission Queue may be bound to a Completion Queue that was never created.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct AcceptAnyCqid;

impl Defect for AcceptAnyCqid {
    fn name(&self) -> &'static str {
        "accept-any-cqid"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["create-io-sq.cqid-not-created"]
    }

    fn story(&self) -> &'static str {
        "A range check on the identifier in place of a look into the table of queues."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::CqidExists)
    }
}
