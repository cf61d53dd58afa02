//! Supported Log Pages (LID 00h). Base-2.3 §5.2.12.1.1, figures 207 and 208.

use spec::Lid;
use spec::log_page::{LidSupported, SupportedLogPages};

use super::{LogPageDef, TABLE};
use crate::run::Run;

pub(super) const DEFINITION: LogPageDef = LogPageDef {
    lid: Lid::SUPPORTED_LOG_PAGES,
    since: (2, 0),
    bytes: |_| SupportedLogPages::BYTES,
    fill,
    clears: None,
};

/// No page takes an index offset.
fn fill(run: &mut Run, to: &mut [u8]) {
    let mut pages = SupportedLogPages::zeroed();
    for page in TABLE.iter().filter(|page| run.config.from(page.since.0, page.since.1)) {
        pages.set_lids(page.lid, LidSupported::new().with_lsupp(true));
    }
    to.copy_from_slice(pages.bytes());
}
