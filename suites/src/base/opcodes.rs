//! Opcodes that nothing defines. Base-2.3 §4.2.3.1.

use lab::{Lab, Outcome, conformance};
use spec::requirement::common;
use spec::{Entries, Fid, Qid, Sqe};

use super::given::FLUSH;

/// A reserved opcode is refused on the admin queue, and the next command is carried out.
#[conformance(req = common::OPCODE, hazard = irreversible)]
fn refuses_a_reserved_admin_opcode(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.admin(Sqe::new(0xbf))?.refused_by(common::OPCODE)?;
    ctrl.get_feature(Fid::NUMBER_OF_QUEUES)?.accepted()
}

/// A reserved opcode is refused on an I/O queue, and the next command is carried out.
#[conformance(req = common::OPCODE, hazard = irreversible)]
fn refuses_a_reserved_io_opcode(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(16))?;
    let unknown = Sqe::from(FLUSH).with_opcode(0x7e);
    ctrl.io(Qid(1), unknown)?.refused_by(common::OPCODE)?;
    ctrl.io(Qid(1), FLUSH)?.ruled()
}
