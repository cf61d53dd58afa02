//! Create I/O Submission Queue.

use crate::{Addr, Entries, Qid};

command! {
    /// Create I/O Submission Queue (opcode 01h). Base-2.3 §5.3.2, figures 506 to 509.
    CreateIoSq "create-io-sq" Admin 0x01 {
        /// PRP Entry 1: base address of the queue (PC = 1), or of its PRP list (PC = 0).
        prp1: Addr = 6 [63:0],
        /// Queue Identifier (QID).
        qid: Qid = 10 [15:0],
        /// Queue Size (QSIZE), 0's based in the field: raw 63 is 64 entries.
        entries: Entries = 10 [31:16],
        /// Physically Contiguous (PC).
        pc: bool = 11 [0:0],
        /// Queue Priority (QPRIO): 00b urgent, 01b high, 10b medium, 11b low.
        qprio: u8 = 11 [2:1],
        /// Completion Queue Identifier (CQID): where this queue's completions go.
        cqid: Qid = 11 [31:16],
        /// NVM Set Identifier (NVMSETID); 0 is no set. From 1.4.
        nvmsetid: u16 = 12 [15:0],
    }
}
