//! Create I/O Submission Queue (opcode 01h). Base-2.3 §5.3.2.

use spec::command::{Command, CreateIoSq};
use spec::requirement::create_io_sq;
use spec::{QueueKind, Sqe, Version};

use super::common::{DWORD_0, NSID_UNUSED, PSDT_ADMIN, Reserved, no_result};
use super::queue_memory::{bad_page_offset, first_entry_has_low_bits};
use crate::checks;
use crate::ruling::{Apply, Cells, Footprint, Rule, View, no_data};
use crate::state::IoSq;
use crate::truth::Maybe;

/// The rule.
pub static RULE: Rule = Rule {
    name: CreateIoSq::NAME,
    queue: QueueKind::Admin,
    opcode: CreateIoSq::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &NSID_UNUSED, &RESERVED, &CHECKS, &super::queue_memory::SQ],
    succeeds: Some(create_io_sq::SUCCEEDS),
    data: no_data,
    footprint,
    accept,
    refuse: no_result,
};

/// CDW12 is reserved before 1.4. The controller looks at NVMSETID only with SQ associations.
static RESERVED: Reserved<CreateIoSq> =
    Reserved::and(|cmd, v| cmd.nvmsetid != 0 && v.version < Version::new(1, 4));

checks! {
    /// Create I/O Submission Queue. Base-2.3 §5.3.2, figures 506 to 510.
    static CHECKS: CreateIoSq[cmd, v] in create_io_sq {
        // PRP Entry 1
        PRP1_OFFSET       PRP_OFFSET_INVALID
                          if bad_page_offset(v, cmd.prp1, cmd.pc, bytes(cmd, v))
                          => "PRP1 {}, PC {}, memory page {} bytes",
                             cmd.prp1, u8::from(cmd.pc), v.page_bytes();
        // CDW10.QSIZE and QID
        QSIZE             INVALID_QUEUE_SIZE
                          if cmd.entries.0 < 2 || v.max_entries().is_some_and(|m| cmd.entries.0 > m)
                          => "{} entries, {}", cmd.entries, super::queue_memory::sizes(v);
        BEFORE_IOSQES     INVALID_QUEUE_SIZE
                          if v.cc_known && v.cc.iosqes() == 0 => "CC.IOSQES = 0";
        QID_ADMIN         INVALID_QUEUE_IDENTIFIER
                          if cmd.qid.is_admin() => "QID 0 is the admin queue";
        QID_RANGE         INVALID_QUEUE_IDENTIFIER
                          if v.granted.io_sqs.excludes(cmd.qid)
                          => "QID {}, granted {}", cmd.qid, v.granted.io_sqs;
        QID_IN_USE        INVALID_QUEUE_IDENTIFIER
                          if v.io_sqs.contains(cmd.qid) => "I/O SQs = {}", v.io_sqs;
        // CDW11.CQID and PC
        CQID_ADMIN        INVALID_QUEUE_IDENTIFIER
                          if cmd.cqid.is_admin() => "CQID 0 is the admin queue";
        CQID_RANGE        INVALID_QUEUE_IDENTIFIER | COMPLETION_QUEUE_INVALID
                          if v.granted.io_cqs.excludes(cmd.cqid)
                          => "CQID {}, granted {}", cmd.cqid, v.granted.io_cqs;
        CQID_NOT_CREATED  COMPLETION_QUEUE_INVALID
                          if v.granted.io_cqs.covers(cmd.cqid) & !v.io_cqs.contains(cmd.cqid)
                          => "I/O CQs = {}, granted {}", v.io_cqs, v.granted.io_cqs;
        PC_WITH_CQR       INVALID_FIELD_IN_COMMAND
                          if !cmd.pc => "PC 0, CAP.CQR = 1";
        // CDW12.NVMSETID: which sets exist is not followed.
        NVMSETID          INVALID_FIELD_IN_COMMAND
                          if (cmd.nvmsetid != 0) & Maybe => "NVMSETID {}", cmd.nvmsetid;
    }
}

/// How many bytes the queue has in memory: entries of 2^CC.IOSQES bytes.
fn bytes(cmd: &CreateIoSq, v: &View) -> u64 {
    u64::from(cmd.entries.0) << v.cc.iosqes()
}

/// PRP-02 for PRP Entry 1.
pub(super) fn low_bits(cmd: &CreateIoSq, _: &View) -> bool {
    first_entry_has_low_bits(cmd.prp1)
}

fn footprint(sqe: &Sqe, _: &View) -> Footprint {
    let cmd = CreateIoSq::project(sqe);
    Footprint { reads: Cells::io_cq(cmd.cqid).and(Cells::GRANT), writes: Cells::io_sq(cmd.qid) }
}

fn accept(apply: &mut Apply) {
    no_result(apply);
    let CreateIoSq { qid, cqid, entries, pc, prp1, .. } = CreateIoSq::project(apply.sqe);
    let controller = apply.controller();
    controller.io_queue_was_created = true;
    controller.io_sqs.insert(IoSq { qid, cqid, entries: entries.0, pc, prp1 });
}
