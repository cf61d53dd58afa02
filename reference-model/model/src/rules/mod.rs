//! One file per command, and the table that names them all.

use spec::QueueKind;

use crate::ruling::Rule;

/// Every rule.
pub static TABLE: &[&Rule] = &[];

/// The rule for an opcode; `None`: not modelled, hence a gap.
pub fn find(queue: QueueKind, opcode: u8) -> Option<&'static Rule> {
    TABLE.iter().copied().find(|rule| rule.queue == queue && rule.opcode == opcode)
}
