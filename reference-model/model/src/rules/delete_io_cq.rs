//! Delete I/O Completion Queue (opcode 04h). Base-2.3 §5.3.3.

use spec::command::{Command, DeleteIoCq};
use spec::requirement::delete_io_cq;
use spec::{Qid, QueueKind, Sqe};

use super::common::{DWORD_0, NSID_UNUSED, PSDT_ADMIN, Reserved, no_result};
use crate::checks;
use crate::ruling::{Apply, Cells, Footprint, Rule, View, no_data};

/// The rule.
pub static RULE: Rule = Rule {
    name: DeleteIoCq::NAME,
    queue: QueueKind::Admin,
    opcode: DeleteIoCq::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &NSID_UNUSED, &RESERVED, &CHECKS],
    succeeds: Some(delete_io_cq::SUCCEEDS),
    data: no_data,
    footprint,
    accept,
    refuse: no_result,
};

static RESERVED: Reserved<DeleteIoCq> = Reserved::ALWAYS;

checks! {
    /// Delete I/O Completion Queue. Base-2.3 §5.3.3, figures 511 and 512.
    static CHECKS: DeleteIoCq[cmd, v] in delete_io_cq {
        QID               INVALID_QUEUE_IDENTIFIER
                          if !v.io_cqs.contains(cmd.qid)
                          => "QID {}, I/O CQs = {}", cmd.qid, v.io_cqs;
        SQ_ATTACHED       INVALID_QUEUE_DELETION
                          if attached(cmd.qid, v).next().is_some()
                          => "I/O CQ {} serves I/O SQs {{{}}}",
                              cmd.qid, listed(attached(cmd.qid, v));
    }
}

/// The submission queues that post to completion queue `cqid`.
fn attached<'a>(cqid: Qid, v: &'a View) -> impl Iterator<Item = Qid> + use<'a> {
    v.io_sqs.0.iter().filter(move |sq| sq.cqid == cqid).map(|sq| sq.qid)
}

fn listed(qids: impl Iterator<Item = Qid>) -> String {
    qids.map(|qid| qid.to_string()).collect::<Vec<_>>().join(", ")
}

fn footprint(sqe: &Sqe, v: &View) -> Footprint {
    let cqid = DeleteIoCq::project(sqe).qid;
    let sqs = attached(cqid, v).fold(Cells::NONE, |all, sq| all.and(Cells::io_sq(sq)));
    Footprint { reads: sqs, writes: Cells::io_cq(cqid) }
}

fn accept(apply: &mut Apply) {
    no_result(apply);
    let cmd = DeleteIoCq::project(apply.sqe);
    apply.controller().io_cqs.remove(cmd.qid);
}
