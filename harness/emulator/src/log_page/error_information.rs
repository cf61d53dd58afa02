//! Error Information (LID 01h). Base-2.3 §5.2.12.1.2, figure 209.

use spec::Lid;
use spec::log_page::ErrorInformation;

use super::LogPageDef;
use crate::config::Config;
use crate::run::{Outcome, Run};

pub(super) const DEFINITION: LogPageDef =
    LogPageDef { lid: Lid::ERROR_INFORMATION, bytes, read, clear };

/// ELPE is 0's based and at most 255.
const MAX_BYTES: usize = 256 * ErrorInformation::BYTES;

fn bytes(config: &Config) -> u64 {
    (u64::from(config.elpe_z) + 1) * ErrorInformation::BYTES as u64
}

fn read(run: &mut Run, offset: u64, total: u64) -> Outcome {
    let mut page = [0; MAX_BYTES];
    let page = &mut page[..bytes(run.config) as usize];
    // Log Page Version: reserved before 2.3.
    run.controller.error_log.write(page, u8::from(run.config.from(2, 3)));
    run.return_structure(&mut page[offset as usize..], total)
}

/// Clears the error event: it is no longer masked, and what waits is not reported any more.
fn clear(run: &mut Run) {
    run.controller.events.clear();
}
