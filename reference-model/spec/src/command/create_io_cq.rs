//! Create I/O Completion Queue.

use crate::{Addr, Entries, Qid};

command! {
    /// Create I/O Completion Queue (opcode 05h). Base-2.3 §5.3.1, figures 502 to 504.
    CreateIoCq "create-io-cq" Admin 0x05 {
        /// PRP Entry 1: base address of the queue (PC = 1), or of its PRP list (PC = 0).
        prp1: Addr = 6 [63:0],
        /// Queue Identifier (QID).
        qid: Qid = 10 [15:0],
        /// Queue Size (QSIZE), 0's based in the field: raw 63 is 64 entries.
        entries: Entries = 10 [31:16],
        /// Physically Contiguous (PC).
        pc: bool = 11 [0:0],
        /// Interrupts Enabled (IEN) for this queue.
        ien: bool = 11 [1:1],
        /// Interrupt Vector (IV): the MSI-X or multiple message MSI vector; 0 with INTx and single
        /// message MSI. PCIe Transport §3.5.
        iv: u16 = 11 [31:16],
    }
}
