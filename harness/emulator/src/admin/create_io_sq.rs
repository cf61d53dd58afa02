//! Create I/O Submission Queue. Base-2.3 §5.3.2, figures 506 to 510.

use spec::command::{Command, CreateIoSq};
use spec::{Addr, Entries, Status};

use crate::queue::{Ring, Sq};
use crate::run::{Outcome, Refusal, Run};
use crate::seam::Check;

/// CC.IOSQES that this controller works with: 64-byte entries.
const IOSQES: u8 = 6;

/// QPRIO is ignored: weighted round robin is not supported. NVMSETID is ignored: there are no sets.
pub(super) fn execute(run: &mut Run) -> Outcome {
    let cmd = CreateIoSq::project(&run.sqe);
    let granted = run.controller.features.number_of_queues;
    let outside = cmd.qid.is_admin() || cmd.qid.0 > granted.io_sqs;
    run.refuse_if(Check::QidRange, outside, Status::INVALID_QUEUE_IDENTIFIER)?;
    let used = run.controller.sq(cmd.qid.0).is_some();
    run.refuse_if(Check::QidInUse, used, Status::INVALID_QUEUE_IDENTIFIER)?;
    run.check_queue_size(cmd.entries)?;
    let unset = run.controller.cc.iosqes() != IOSQES;
    run.refuse_if(Check::EntrySize, unset, Status::INVALID_QUEUE_SIZE)?;
    let admin = cmd.cqid.is_admin();
    run.refuse_if(Check::CqidAdmin, admin, Status::INVALID_QUEUE_IDENTIFIER)?;
    let outside = cmd.cqid.0 > granted.io_cqs;
    run.refuse_if(Check::CqidRange, outside, Status::INVALID_QUEUE_IDENTIFIER)?;
    let absent = run.controller.cq(cmd.cqid.0).is_none();
    run.refuse_if(Check::CqidExists, absent, Status::COMPLETION_QUEUE_INVALID)?;
    let ring = run.queue_ring(cmd.entries, u32::from(IOSQES), cmd.pc, cmd.prp1)?;
    if let Some(place) = run.controller.sqs.get_mut(usize::from(cmd.qid.0)) {
        *place = Some(Sq { ring, cqid: cmd.cqid.0, ..Sq::default() });
    }
    if let Some(cq) = run.controller.cq_mut(cmd.cqid.0) {
        cq.sqs += 1;
    }
    run.success()
}

impl Run<'_> {
    /// QSIZE: at least two entries, at most what CAP.MQES says. Base-2.3 figures 503 and 507.
    pub(super) fn check_queue_size(&mut self, entries: Entries) -> Result<(), Refusal> {
        let impossible = !(2..=self.config.max_queue_entries).contains(&entries.0);
        self.refuse_if(Check::QueueSize, impossible, Status::INVALID_QUEUE_SIZE)
    }

    /// PC and PRP1: where the entries of a new queue lie.
    pub(super) fn queue_ring(
        &mut self,
        entries: Entries,
        entry_shift: u32,
        contiguous: bool,
        prp1: Addr,
    ) -> Result<Ring, Refusal> {
        let scattered = !contiguous && self.config.cqr;
        self.refuse_if(Check::Contiguous, scattered, Status::INVALID_FIELD_IN_COMMAND)?;
        let base = self.page_entry(prp1.0)?;
        let bytes = u64::from(entries.0) << entry_shift;
        let pages = if contiguous { Vec::new() } else { self.queue_pages(base, bytes)? };
        let page_shift = 12 + u32::from(self.controller.cc.mps());
        Ok(Ring { entries: entries.0, entry_shift, page_shift, base, pages })
    }
}
