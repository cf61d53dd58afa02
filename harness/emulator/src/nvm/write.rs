//! Write. NVM-1.0 §3.2.6.

use spec::command::{Command, Write};

use crate::run::{Outcome, Run};
use crate::seam::MediaChange;

/// Protection fields, LR and the access hints change nothing here: no namespace has metadata. With
/// no directive enabled DTYPE and DSPEC are ignored.
pub(super) fn execute(run: &mut Run) -> Outcome {
    let write = Write::project(&run.sqe);
    let nsid = run.check_namespace(write.nsid)?;
    let slba = run.prepare_blocks(nsid, write.slba, write.nlb)?;
    let cached = run.config.vwc && run.controller.features.volatile_write_cache.wce;
    let mut change = MediaChange { durable: !cached || write.fua, done: true };
    let defect = run.defect;
    defect.on_media(&mut run.scene(), &mut change);
    if !change.done {
        return run.success();
    }
    run.receive_blocks(nsid, slba, write.nlb.0.into(), change.durable)
}
