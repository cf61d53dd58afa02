//! Flush (opcode 00h). Base-2.3 §7.2.

use spec::QueueKind;
use spec::command::{Command, Flush};
use spec::requirement::flush;

use super::common::{DWORD_0, NSID_OR_BROADCAST, PSDT_IO, Reserved, no_result};
use crate::checks;
use crate::ruling::{Data, Rule, no_footprint};
use crate::truth::Maybe;
use spec::Nsid;

/// The rule.
pub static RULE: Rule = Rule {
    name: Flush::NAME,
    queue: QueueKind::Nvm,
    opcode: Flush::OPCODE,
    tables: &[&DWORD_0, &PSDT_IO, &NSID_OR_BROADCAST, &RESERVED, &CHECKS],
    succeeds: Some(flush::WITHOUT_CACHE),
    data: |sqe, _| Data::Flush(Flush::project(sqe).nsid),
    footprint: no_footprint,
    accept: no_result,
    refuse: no_result,
};

static RESERVED: Reserved<Flush> = Reserved::ALWAYS;

checks! {
    /// Flush. Base-2.3 §7.2.
    static CHECKS: Flush[cmd, v] in flush {
        BROADCAST_UNSUPPORTED  INVALID_NAMESPACE_OR_FORMAT
                          if cmd.nsid == Nsid::BROADCAST => "VWC bits 2:1 = 10b";
        BROADCAST_OPEN    INVALID_NAMESPACE_OR_FORMAT | INVALID_FIELD_IN_COMMAND
                          if (cmd.nsid == Nsid::BROADCAST) & Maybe => "VWC bits 2:1 do not tell";
    }
}
