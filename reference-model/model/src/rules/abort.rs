//! Abort (opcode 08h). Base-2.3 §5.2.1.

use spec::command::{Abort, Command};
use spec::requirement::{abort, cqe};
use spec::{QueueKind, Sqe};

use super::common::{DWORD_0, NSID_UNUSED, PSDT_ADMIN, Reserved, no_second_dword};
use crate::checks;
use crate::ruling::{Apply, Cells, Footprint, Rule, View, no_data};
use crate::state::Controller;
use crate::truth::Maybe;

/// The rule. What becomes of the victim is the judge's to follow.
pub static RULE: Rule = Rule {
    name: Abort::NAME,
    queue: QueueKind::Admin,
    opcode: Abort::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &NSID_UNUSED, &RESERVED, &CHECKS],
    succeeds: Some(abort::NOT_ABORTED),
    data: no_data,
    footprint,
    accept,
    refuse: no_second_dword,
};

static RESERVED: Reserved<Abort> = Reserved::ALWAYS;

checks! {
    /// Abort. Base-2.3 §5.2.1, figures 146 to 148.
    static CHECKS: Abort[cmd, v] in abort {
        LIMIT             ABORT_COMMAND_LIMIT_EXCEEDED
                          if v.claims.map(|c| v.others.aborts > u32::from(c.acl))
                          => "{} others outstanding, ACL = {} (0's based)",
                             v.others.aborts, v.claims.map_or(0, |c| c.acl);
        // No sentence covers a queue that does not exist: "not aborted" is expected, an error is
        // borne.
        SQID_UNKNOWN      INVALID_FIELD_IN_COMMAND | INVALID_QUEUE_IDENTIFIER
                          if no_such_queue(cmd, v) & Maybe
                          => "SQID {}, I/O SQs = {}", cmd.sqid, v.io_sqs;
    }
}

fn no_such_queue(cmd: &Abort, v: &View) -> bool {
    is_unknown(cmd, v.controller)
}

fn is_unknown(cmd: &Abort, controller: &Controller) -> bool {
    !cmd.sqid.is_admin() && !controller.io_sqs.contains(cmd.sqid)
}

/// An Abort may be answered by whether its queue exists.
fn footprint(sqe: &Sqe, _: &View) -> Footprint {
    let sqid = Abort::project(sqe).sqid;
    let reads = if sqid.is_admin() { Cells::NONE } else { Cells::io_sq(sqid) };
    Footprint { reads, writes: Cells::NONE }
}

/// Immediate Abort Not Performed (IANP): bit 0 of dword 0.
const NOT_PERFORMED: u32 = 1;

fn accept(apply: &mut Apply) {
    no_second_dword(apply);
    let cmd = Abort::project(apply.sqe);
    let dw0 = apply.cqe.dw0();
    apply.hold(cqe::RESERVED_DWORDS, dw0 & !NOT_PERFORMED == 0, || {
        (format!("dword 0 {dw0:08X}h"), "0 or 1".into(), "bits 31:1 are reserved".into())
    });
    if is_unknown(&cmd, apply.controller()) {
        apply.hold(abort::SQID_UNKNOWN, dw0 & NOT_PERFORMED != 0, || {
            (
                "dword 0 bit 0 = 0: aborted".into(),
                "1: nothing was aborted".into(),
                format!("submission queue {} does not exist", cmd.sqid),
            )
        });
    }
}
