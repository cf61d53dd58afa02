//! Writes that only those see who made them.

use crate::config::Config;
use crate::seam::{Defect, Scene, Transfer};

/// Whose writes are seen by nobody else.
pub(super) enum UnseenWrites {
    /// Those of every I/O queue but the first.
    Queue,
    /// Those of every controller but the first.
    Controller,
}

impl Defect for UnseenWrites {
    fn name(&self) -> &'static str {
        match self {
            Self::Queue => "writes-of-other-queues-unseen",
            Self::Controller => "writes-of-other-controllers-unseen",
        }
    }

    fn breaks(&self) -> &'static [&'static str] {
        match self {
            Self::Queue => &["data.visible-after-completion", "data.last-written"],
            Self::Controller => &["data.shared"],
        }
    }

    fn story(&self) -> &'static str {
        "A write cache for each of them, that the others do not look into; here nobody does."
    }

    fn configure(&self, config: &mut Config) {
        config.controllers = config.controllers.max(2);
    }

    fn on_dma(&self, scene: &mut Scene, transfer: &mut Transfer) {
        let unseen = match self {
            Self::Queue => scene.sqid.0 > 1,
            Self::Controller => scene.ctrl > 0,
        };
        transfer.done &= transfer.to_host || !unseen;
    }
}
