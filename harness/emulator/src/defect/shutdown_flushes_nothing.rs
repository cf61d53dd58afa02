//! A shutdown completes while data is in the volatile write cache alone.

use spec::Sqe;

use crate::seam::{Defect, MediaChange, Scene};

pub(super) struct ShutdownFlushesNothing;

impl Defect for ShutdownFlushesNothing {
    fn name(&self) -> &'static str {
        "shutdown-flushes-nothing"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["shutdown.keeps-data", "flush.durable"]
    }

    fn story(&self) -> &'static str {
        "Capacitors that were to bring the cache home after the shutdown, left out of the cheaper product."
    }

    fn on_media(&self, scene: &mut Scene, change: &mut MediaChange) {
        // A shutdown is no command's.
        change.done &= *scene.sqe != Sqe::default();
    }
}
