//! Create I/O Completion Queue. Base-2.3 §5.3.1, figures 502 to 505.

use spec::Status;
use spec::command::{Command, CreateIoCq};

use crate::queue::Cq;
use crate::run::{Outcome, Run};
use crate::seam::Check;

/// CC.IOCQES that this controller works with: 16-byte entries.
const IOCQES: u8 = 4;

pub(super) fn execute(run: &mut Run) -> Outcome {
    let cmd = CreateIoCq::project(&run.sqe);
    let granted = run.controller.features.number_of_queues.io_cqs;
    let outside = cmd.qid.is_admin() || cmd.qid.0 > granted;
    run.refuse_if(Check::QidRange, outside, Status::INVALID_QUEUE_IDENTIFIER)?;
    let used = run.controller.cq(cmd.qid.0).is_some();
    run.refuse_if(Check::QidInUse, used, Status::INVALID_QUEUE_IDENTIFIER)?;
    run.check_queue_size(cmd.entries)?;
    let unset = run.controller.cc.iocqes() != IOCQES;
    run.refuse_if(Check::EntrySize, unset, Status::INVALID_QUEUE_SIZE)?;
    // PCIe Transport §3.2, §3.5: whether or not interrupts are enabled for this queue.
    let no_vector = cmd.iv >= run.controller.vectors(run.config);
    run.refuse_if(Check::Vector, no_vector, Status::INVALID_INTERRUPT_VECTOR)?;
    let ring = run.queue_ring(cmd.entries, u32::from(IOCQES), cmd.pc, cmd.prp1)?;
    if let Some(place) = run.controller.cqs.get_mut(usize::from(cmd.qid.0)) {
        *place = Some(Cq { ring, phase: true, ien: cmd.ien, iv: cmd.iv, ..Cq::default() });
    }
    run.success()
}
