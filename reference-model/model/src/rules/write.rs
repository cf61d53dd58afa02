//! Write (opcode 01h). NVM-1.0 §3.2.6.

use spec::command::{Command, Write};
use spec::requirement::{common, write};
use spec::{QueueKind, Version};

use super::blocks;
use super::common::{DWORD_0, NSID_USED, PSDT_IO, Reserved, no_result, shows};
use crate::checks;
use crate::ruling::{Data, Rule, no_footprint};

/// The rule.
pub static RULE: Rule = Rule {
    name: Write::NAME,
    queue: QueueKind::Nvm,
    opcode: Write::OPCODE,
    tables: &[&DWORD_0, &PSDT_IO, &NSID_USED, &RESERVED, &blocks::CHECKS, &CHECKS, &blocks::PRPS],
    succeeds: Some(common::LAST_LBA),
    data: |sqe, v| blocks::data(sqe, v, Data::Write),
    footprint: no_footprint,
    accept: |apply| {
        no_result(apply);
        let cmd = Write::project(apply.sqe);
        shows(apply, common::LIMITED_RETRY, cmd.lr);
        shows(apply, write::DTYPE_IGNORED, cmd.dtype != 0);
    },
    refuse: no_result,
};

/// Directives came with 1.3. From then on a directive type is ignored while none is enabled.
static RESERVED: Reserved<Write> = Reserved::and(|cmd, v| {
    let directive = (cmd.dtype != 0 || cmd.dspec != 0) && v.version < Version::new(1, 3);
    directive || blocks::long_tags(cmd.lbtu, v).is_yes()
});

checks! {
    /// What stands in the way of a Write alone. NVM-1.0 §3.2.6.1, §2.1.1.
    static CHECKS: Write[cmd, v] in write {
        PROTECTED         NAMESPACE_IS_WRITE_PROTECTED
                          if blocks::may_be_protected(v, cmd.nsid) => "NSATTR bit 0 = 1";
        THIN_PROVISIONING CAPACITY_EXCEEDED
                          if blocks::may_run_out(v, cmd.nsid) => "NSFEAT bit 0 = 1";
    }
}
