//! Abort.

use crate::{Cid, Qid};

command! {
    /// Abort (opcode 08h). Base-2.3 §5.2.1, figure 146. In the completion, dword 0 bit 0 is 0 if
    /// the command was aborted.
    Abort "abort" Admin 0x08 {
        /// Submission Queue Identifier (SQID): the queue of the command to abort.
        sqid: Qid = 10 [15:0],
        /// Command Identifier (CID) of the command to abort, not of the Abort itself.
        cid: Cid = 10 [31:16],
    }
}
