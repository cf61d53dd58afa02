//! Delete I/O Submission Queue (opcode 00h). Base-2.3 §5.3.4.

use spec::command::{Command, DeleteIoSq};
use spec::requirement::delete_io_sq;
use spec::{QueueKind, Sqe};

use super::common::{DWORD_0, NSID_UNUSED, PSDT_ADMIN, Reserved, no_result};
use crate::checks;
use crate::ruling::{Apply, Cells, Footprint, Rule, View, no_data};

/// The rule. That nothing of the queue is completed or done afterwards is the judge's to watch.
pub static RULE: Rule = Rule {
    name: DeleteIoSq::NAME,
    queue: QueueKind::Admin,
    opcode: DeleteIoSq::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &NSID_UNUSED, &RESERVED, &CHECKS],
    succeeds: Some(delete_io_sq::SUCCEEDS),
    data: no_data,
    footprint,
    accept,
    refuse: no_result,
};

static RESERVED: Reserved<DeleteIoSq> = Reserved::ALWAYS;

checks! {
    /// Delete I/O Submission Queue. Base-2.3 §5.3.4, figures 513 and 514.
    static CHECKS: DeleteIoSq[cmd, v] in delete_io_sq {
        QID               INVALID_QUEUE_IDENTIFIER
                          if !v.io_sqs.contains(cmd.qid)
                          => "QID {}, I/O SQs = {}", cmd.qid, v.io_sqs;
    }
}

fn footprint(sqe: &Sqe, _: &View) -> Footprint {
    let cell = Cells::io_sq(DeleteIoSq::project(sqe).qid);
    Footprint { reads: Cells::NONE, writes: cell }
}

fn accept(apply: &mut Apply) {
    no_result(apply);
    let cmd = DeleteIoSq::project(apply.sqe);
    apply.controller().io_sqs.remove(cmd.qid);
}
