//! Delete I/O Completion Queue.

use crate::Qid;

command! {
    /// Delete I/O Completion Queue (opcode 04h). Base-2.3 §5.3.3, figure 511.
    DeleteIoCq "delete-io-cq" Admin 0x04 {
        /// Queue Identifier (QID): the I/O Completion Queue to delete.
        qid: Qid = 10 [15:0],
    }
}
