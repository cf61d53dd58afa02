//! Read. NVM-1.0 §3.2.4.

use spec::Status;
use spec::command::{Command, Read};

use crate::run::{Outcome, Refusal, Run};

/// Protection fields, FUA, LR and the access hints change nothing here: no namespace has metadata,
/// and a Read returns the newest data, cached or not.
pub(super) fn execute(run: &mut Run) -> Outcome {
    let read = Read::project(&run.sqe);
    let nsid = run.check_namespace(read.nsid)?;
    let slba = run.prepare_blocks(nsid, read.slba, read.nlb)?;
    if read.fua {
        // "Committed to media before it is returned": what the cache holds of it, or all of it.
        run.commit(nsid, slba, u64::from(read.nlb.0))?;
    }
    run.send_blocks(nsid, slba, read.nlb.0.into())
}

impl Run<'_> {
    /// Makes blocks durable as they are.
    fn commit(&mut self, nsid: u32, slba: u64, count: u64) -> Result<(), Refusal> {
        let namespace = self.media.get_mut(nsid);
        let done = namespace.map_or(Ok(()), |namespace| namespace.commit(slba, count));
        done.map_err(|_| Refusal(Status::WRITE_FAULT))
    }
}
