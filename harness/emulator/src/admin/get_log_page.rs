//! Get Log Page. Base-2.3 §5.2.12, figures 200 to 207.

use spec::command::{Command, GetLogPage};
use spec::{Nsid, Status};

use crate::log_page::{self, MAX_BYTES};
use crate::run::{Outcome, Run};
use crate::seam::{Bound, Check};

/// Up to 2.2 an unsupported page may be an invalid field or an invalid log page; 2.3 has only the
/// latter. The bytes beyond the end of the page are left as they are.
pub(super) fn execute(run: &mut Run) -> Outcome {
    let cmd = GetLogPage::project(&run.sqe);
    let found = log_page::find(cmd.lid, run.config);
    let unsupported = match run.config.from(2, 0) {
        true => Status::INVALID_LOG_PAGE,
        false => Status::INVALID_FIELD_IN_COMMAND,
    };
    run.refuse_if(Check::Lid, found.is_none(), unsupported)?;
    let Some(page) = found else { return run.success() };
    let foreign = cmd.nsid.0 != 0 && cmd.nsid != Nsid::BROADCAST;
    run.refuse_if(Check::NsidUnused, foreign, Status::INVALID_FIELD_IN_COMMAND)?;
    let by_index = cmd.ot && run.config.from(2, 0);
    let size = (page.bytes)(run.config).min(MAX_BYTES);
    let impossible = by_index || cmd.lpo % 4 != 0 || cmd.lpo > size as u64;
    run.refuse_if(Check::LogOffset, impossible, Status::INVALID_FIELD_IN_COMMAND)?;
    run.check_mdts(cmd.bytes().0)?;
    let mut buffer = [0; MAX_BYTES];
    let whole = &mut buffer[..size];
    (page.fill)(run, whole);
    let offset = usize::try_from(cmd.lpo).map_or(size, |offset| offset.min(size));
    run.return_structure(&mut whole[offset..], cmd.bytes().0)?;
    if let Some(aet) = page.clears
        && run.bound(Bound::Retain, u64::from(cmd.rae)) == 0
    {
        run.controller.events.clear(aet);
    }
    run.success()
}
