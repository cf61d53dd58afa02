//! Error Information (LID 01h). Base-2.3 §5.2.12.1.2, figure 209.

use spec::log_page::ErrorInformation;
use spec::{Lid, event};

use super::LogPageDef;
use crate::config::Config;
use crate::run::Run;

pub(super) const DEFINITION: LogPageDef = LogPageDef {
    lid: Lid::ERROR_INFORMATION,
    since: (1, 0),
    bytes,
    fill,
    clears: Some(event::INVALID_DOORBELL_WRITE_VALUE.aet),
};

/// ELPE is 0's based and at most 255.
fn bytes(config: &Config) -> usize {
    (usize::from(config.elpe_z) + 1) * ErrorInformation::BYTES
}

/// Log Page Version: reserved before 2.3.
fn fill(run: &mut Run, page: &mut [u8]) {
    run.controller.error_log.write(page, u8::from(run.config.from(2, 3)));
}
