//! Create I/O Completion Queue (opcode 05h). Base-2.3 §5.3.1, PCIe Transport §3.5.

use spec::command::{Command, CreateIoCq};
use spec::requirement::create_io_cq;
use spec::{QueueKind, Sqe};

use super::common::{DWORD_0, NSID_UNUSED, PSDT_ADMIN, Reserved, no_result};
use super::queue_memory::{bad_first_offset, bad_list_offset, first_entry_has_low_bits};
use crate::checks;
use crate::ruling::{Apply, Cells, Footprint, Rule, View, no_data};
use crate::state::IoCq;
use crate::truth::{Maybe, No, Truth};

/// The rule.
pub static RULE: Rule = Rule {
    name: CreateIoCq::NAME,
    queue: QueueKind::Admin,
    opcode: CreateIoCq::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &NSID_UNUSED, &RESERVED, &CHECKS, &super::queue_memory::CQ],
    succeeds: Some(create_io_cq::SUCCEEDS),
    data: no_data,
    footprint,
    accept,
    refuse: no_result,
};

static RESERVED: Reserved<CreateIoCq> = Reserved::ALWAYS;

checks! {
    /// Create I/O Completion Queue. Base-2.3 §5.3.1, figures 502 to 505.
    static CHECKS: CreateIoCq[cmd, v] in create_io_cq {
        // PRP Entry 1
        PRP1_OFFSET       PRP_OFFSET_INVALID
                          if bad_first_offset(v, cmd.prp1)
                          => "PRP1 {}, memory page {} bytes", cmd.prp1, v.page_bytes();
        PRP_LIST_OFFSET   PRP_OFFSET_INVALID
                          if bad_list_offset(v, cmd.prp1, cmd.pc, bytes(cmd, v))
                          => "an entry of the PRP list at {} has an offset", cmd.prp1;
        // CDW10.QSIZE and QID
        QSIZE_ZERO        INVALID_QUEUE_SIZE
                          if cmd.entries.0 < 2 => "QSIZE 0h is one entry";
        QSIZE_ABOVE_MQES  INVALID_QUEUE_SIZE
                          if v.max_entries().map(|most| cmd.entries.0 > most)
                          => "{} entries, {}", cmd.entries, super::queue_memory::sizes(v);
        BEFORE_IOCQES     INVALID_QUEUE_SIZE
                          if v.cc_known && v.cc.iocqes() == 0 => "CC.IOCQES = 0";
        QID_ADMIN         INVALID_QUEUE_IDENTIFIER
                          if cmd.qid.is_admin() => "QID 0 is the admin queue";
        QID_RANGE         INVALID_QUEUE_IDENTIFIER
                          if v.granted.io_cqs.excludes(cmd.qid)
                          => "QID {}, granted {}", cmd.qid, v.granted.io_cqs;
        QID_IN_USE        INVALID_QUEUE_IDENTIFIER
                          if v.io_cqs.contains(cmd.qid) => "I/O CQs = {}", v.io_cqs;
        // CDW11.IV and PC
        IV_RANGE          INVALID_INTERRUPT_VECTOR
                          if above_messages(cmd.iv, v)
                          => "IV {}, {}", cmd.iv, messages(v);
        IV_WITHOUT_MESSAGES  INVALID_INTERRUPT_VECTOR | INVALID_FIELD_IN_COMMAND
                          if cmd.iv != 0 && v.msix.is_none() => "IV {} without MSI-X", cmd.iv;
        PC_WITH_CQR       INVALID_FIELD_IN_COMMAND
                          if !cmd.pc => "PC 0, CAP.CQR = 1";
    }
}

/// The most messages that a function can have with MSI-X.
const MESSAGES_MAX: u16 = 2048;

/// Whether the vector is greater than the number of messages. A vector equal to that number is not
/// clearly covered by the text, so it decides nothing.
fn above_messages(iv: u16, v: &View) -> Truth {
    let (surely_below, surely_above) = match v.msix_vectors {
        Some(vectors) => (vectors, vectors),
        None => (v.msix.unwrap_or(0).max(1), MESSAGES_MAX),
    };
    if iv < surely_below {
        No
    } else if iv > surely_above {
        Truth::Yes
    } else {
        Maybe
    }
}

fn messages(v: &View) -> String {
    v.msix_vectors.map_or("at most 2048 vectors".into(), |n| format!("{n} vectors"))
}

/// How many bytes the queue has in memory: entries of 2^CC.IOCQES bytes.
fn bytes(cmd: &CreateIoCq, v: &View) -> u64 {
    u64::from(cmd.entries.0) << v.cc.iocqes()
}

/// PRP-02 for PRP Entry 1.
pub(super) fn low_bits(cmd: &CreateIoCq, _: &View) -> bool {
    first_entry_has_low_bits(cmd.prp1)
}

fn footprint(sqe: &Sqe, _: &View) -> Footprint {
    let cmd = CreateIoCq::project(sqe);
    Footprint { reads: Cells::GRANT, writes: Cells::io_cq(cmd.qid) }
}

fn accept(apply: &mut Apply) {
    no_result(apply);
    let CreateIoCq { qid, entries, pc, prp1, ien, iv } = CreateIoCq::project(apply.sqe);
    let controller = apply.controller();
    controller.io_queue_was_created = true;
    controller.io_cqs.insert(IoCq { qid, entries: entries.0, pc, prp1, ien, iv });
}
