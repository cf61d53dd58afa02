//! Log pages: one file each. Base-2.3 figure 206.

mod error_information;

use spec::Lid;

use crate::config::Config;
use crate::run::{Outcome, Run};

/// A log page.
pub struct LogPageDef {
    /// Its identifier.
    pub lid: Lid,
    /// Its size in bytes.
    pub bytes: fn(&Config) -> u64,
    /// Returns it from a byte offset on, for PRPs that describe so many bytes.
    pub read: fn(&mut Run, u64, u64) -> Outcome,
    /// It was read with RAE = 0.
    pub clear: fn(&mut Run),
}

/// The log pages.
pub const TABLE: &[LogPageDef] = &[error_information::DEFINITION];

/// The log page of an identifier.
pub fn find(lid: Lid) -> Option<&'static LogPageDef> {
    TABLE.iter().find(|page| page.lid == lid)
}
