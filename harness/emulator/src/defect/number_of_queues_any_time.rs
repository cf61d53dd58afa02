//! Number of Queues can be set while I/O queues exist.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct NumberOfQueuesAnyTime;

impl Defect for NumberOfQueuesAnyTime {
    fn name(&self) -> &'static str {
        "number-of-queues-any-time"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["number-of-queues.after-creation"]
    }

    fn story(&self) -> &'static str {
        "The rule came as a status with 1.3; older firmware just answers."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::QueueCountTime)
    }
}
