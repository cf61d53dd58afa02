//! Log pages: one file each. Base-2.3 figure 206.

mod commands_supported_and_effects;
mod error_information;
mod feature_identifiers_supported_and_effects;
mod firmware_slot;
mod nvme_mi_commands_supported_and_effects;
mod smart_health;
mod supported_log_pages;

use spec::Lid;

use crate::config::Config;
use crate::run::Run;

/// The largest page: 256 entries of the error log.
pub const MAX_BYTES: usize = 256 * 64;

/// A log page.
pub struct LogPageDef {
    /// Its identifier.
    pub lid: Lid,
    /// The revision that it came with: major, minor.
    pub since: (u16, u8),
    /// Its size in bytes, at most [`MAX_BYTES`].
    pub bytes: fn(&Config) -> usize,
    /// Fills it: so many bytes, all 0.
    pub fill: fn(&mut Run, &mut [u8]),
    /// The type (AET) of the events that reading it with RAE = 0 clears.
    pub clears: Option<u8>,
}

/// The log pages.
pub const TABLE: &[LogPageDef] = &[
    supported_log_pages::DEFINITION,
    error_information::DEFINITION,
    smart_health::DEFINITION,
    firmware_slot::DEFINITION,
    commands_supported_and_effects::DEFINITION,
    feature_identifiers_supported_and_effects::DEFINITION,
    nvme_mi_commands_supported_and_effects::DEFINITION,
];

/// The log page of an identifier, if the controllers' revision has it.
pub fn find(lid: Lid, config: &Config) -> Option<&'static LogPageDef> {
    TABLE.iter().find(|page| page.lid == lid && config.from(page.since.0, page.since.1))
}
