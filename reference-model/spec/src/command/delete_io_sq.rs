//! Delete I/O Submission Queue.

use crate::Qid;

command! {
    /// Delete I/O Submission Queue (opcode 00h). Base-2.3 §5.3.4, figure 513.
    DeleteIoSq "delete-io-sq" Admin 0x00 {
        /// Queue Identifier (QID): the I/O Submission Queue to delete.
        qid: Qid = 10 [15:0],
    }
}
