//! Flush. Base-2.3 §7.2.

use spec::command::{Command, Flush};
use spec::{Nsid, Status};

use crate::run::{Outcome, Refusal, Run};
use crate::seam::{Check, MediaChange};

/// Without an active cache there is nothing to do, and Flush succeeds.
pub(super) fn execute(run: &mut Run) -> Outcome {
    let flush = Flush::project(&run.sqe);
    let all = flush.nsid == Nsid::BROADCAST;
    if all {
        let unsupported = !run.config.broadcast_flush;
        run.refuse_if(Check::NsidBroadcast, unsupported, Status::INVALID_NAMESPACE_OR_FORMAT)?;
    }
    let nsid = if all { Nsid::BROADCAST.0 } else { run.check_namespace(flush.nsid)? };
    let mut change = MediaChange { durable: true, done: true };
    let defect = run.defect;
    defect.on_media(&mut run.scene(), &mut change);
    if change.done {
        let ctrl = run.controller.index;
        let chosen = run.media.iter_mut().filter(|ns| ns.is_attached_to(ctrl));
        for namespace in chosen.filter(|ns| all || ns.nsid == nsid) {
            // The same status as for a Write whose data does not get to the media.
            namespace.flush().map_err(|_| Refusal(Status::WRITE_FAULT))?;
        }
    }
    run.success()
}
