//! I/O commands of the NVM command set: one file each. NVM-1.0 §3.

mod flush;
mod read;
mod write;

use spec::command;
use spec::{Entries, Lba, Nsid, Status};

use crate::admin::CommandDef;
use crate::run::{Refusal, Run};
use crate::seam::{Bound, Check};

/// The I/O commands.
pub const TABLE: &[CommandDef] = &[
    CommandDef::of::<command::Flush>(true, flush::execute),
    CommandDef::of::<command::Write>(true, write::execute),
    CommandDef::of::<command::Read>(true, read::execute),
];

impl Run<'_> {
    /// Checks that `nsid` names a namespace attached to this controller. Base-2.3 §3.2.1.
    pub fn check_namespace(&mut self, nsid: Nsid) -> Result<u32, Refusal> {
        let broadcast = nsid == Nsid::BROADCAST;
        self.refuse_if(Check::NsidBroadcast, broadcast, Status::INVALID_FIELD_IN_COMMAND)?;
        let invalid = nsid.0 == 0 || nsid.0 > self.media.nn;
        self.refuse_if(Check::NsidValid, invalid, Status::INVALID_NAMESPACE_OR_FORMAT)?;
        let ctrl = self.controller.index;
        let attached = self.media.get(nsid.0).is_some_and(|ns| ns.is_attached_to(ctrl));
        self.refuse_if(Check::NsidActive, !attached, Status::INVALID_FIELD_IN_COMMAND)?;
        Ok(self.bound(Bound::Nsid, nsid.0.into()) as u32)
    }

    /// Checks that the blocks of a Read or Write are there and may be moved with one command, and
    /// gathers the host memory: the number of the first block. NVM-1.0 §3.2.4, §3.2.6.
    fn prepare_blocks(&mut self, nsid: u32, slba: Lba, nlb: Entries) -> Result<u64, Refusal> {
        let (blocks, shift) = self.media.get(nsid).map_or((0, 9), |ns| (ns.blocks, ns.block_shift));
        let blocks = self.bound(Bound::Blocks, blocks);
        let beyond = slba.0.checked_add(u64::from(nlb.0)).is_none_or(|end| end > blocks);
        self.refuse_if(Check::LbaRange, beyond, Status::LBA_OUT_OF_RANGE)?;
        let bytes = u64::from(nlb.0) << shift;
        self.check_mdts(bytes)?;
        self.gather(self.sqe.prp1().0, self.sqe.prp2().0, bytes, bytes)?;
        Ok(self.bound(Bound::Slba, slba.0))
    }
}
