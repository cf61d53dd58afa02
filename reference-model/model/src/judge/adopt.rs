//! What an answer does to the runtime tables: the DUT's word is taken, right or wrong.

use spec::command::{Command as _, CreateIoCq, CreateIoSq, DeleteIoCq, DeleteIoSq};
use spec::{Cqe, opcode};

use super::Judge;
use super::queues::{Cq, Sq, place};

impl Judge {
    /// Command `n` completed with `cqe`.
    pub(super) fn adopt(&mut self, n: u32, cqe: Cqe) {
        let command = &self.commands[n];
        let Some(admin) = command.admin_opcode() else { return };
        let sqe = command.sqe;
        if !cqe.status().is_success() {
            if admin == DeleteIoSq::OPCODE {
                let qid = DeleteIoSq::project(&sqe).qid.0;
                if let Some(sq) = self.unit().sq(qid) {
                    sq.deleting = false;
                }
            }
            return;
        }
        let page = self.believed().page_bytes();
        match admin {
            opcode::admin::CREATE_IO_COMPLETION_QUEUE => {
                let c = CreateIoCq::project(&sqe);
                let bytes = 16 * u64::from(c.entries.0);
                let ranges = place(&self.memory, c.prp1, c.pc, bytes, page);
                self.unit().put_cq(c.qid.0, Cq::new(c.entries.0, ranges, c.ien, c.iv));
            }
            opcode::admin::CREATE_IO_SUBMISSION_QUEUE => {
                let c = CreateIoSq::project(&sqe);
                let bytes = 64 * u64::from(c.entries.0);
                let ranges = place(&self.memory, c.prp1, c.pc, bytes, page);
                self.unit().put_sq(c.qid.0, Sq::new(c.cqid.0, c.entries.0, ranges));
            }
            opcode::admin::DELETE_IO_SUBMISSION_QUEUE => {
                let qid = DeleteIoSq::project(&sqe).qid.0;
                if qid != 0 {
                    self.delete_sq(qid);
                }
            }
            opcode::admin::DELETE_IO_COMPLETION_QUEUE => {
                let qid = DeleteIoCq::project(&sqe).qid.0;
                let at = self.now.when.seen;
                if qid != 0
                    && let Some(cq) = self.unit().cq(qid)
                {
                    cq.dead_since = Some(at);
                }
            }
            opcode::admin::ABORT => self.on_abort(n, cqe.dw0()),
            _ => {}
        }
    }
}
