//! Read (opcode 02h). NVM-1.0 §3.2.4.

use spec::QueueKind;
use spec::command::{Command, Read};
use spec::requirement::common;

use super::blocks;
use super::common::{DWORD_0, NSID_USED, PSDT_IO, Reserved, no_result, shows};
use crate::ruling::{Data, Rule, no_footprint};

/// The rule.
pub static RULE: Rule = Rule {
    name: Read::NAME,
    queue: QueueKind::Nvm,
    opcode: Read::OPCODE,
    tables: &[&DWORD_0, &PSDT_IO, &NSID_USED, &RESERVED, &blocks::CHECKS, &blocks::PRPS],
    succeeds: Some(common::LAST_LBA),
    data: |sqe, v| blocks::data(sqe, v, Data::Read),
    footprint: no_footprint,
    accept: |apply| {
        no_result(apply);
        let retry = Read::project(apply.sqe).lr;
        shows(apply, common::LIMITED_RETRY, retry);
    },
    refuse: no_result,
};

static RESERVED: Reserved<Read> = Reserved::and(|cmd, v| blocks::long_tags(cmd.elbtu, v).is_yes());
