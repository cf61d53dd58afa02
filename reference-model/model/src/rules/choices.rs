//! Which reading of a named choice the status of a command shows.

use spec::command::{Command, CreateIoSq, GetLogPage};
use spec::opcode::admin;
use spec::requirement::{abort, common, create_io_sq, get_log_page, number_of_queues, prp};
use spec::{Req, Sqe, Status};

use super::common::uses_data_pointer;
use super::log_pages::page_bytes;
use crate::choices::ChoiceId;
use crate::ruling::View;
use crate::truth::{Truth, Yes};

/// A choice that a status shows.
pub struct Chosen {
    /// The choice.
    pub choice: ChoiceId,
    /// The checks that stand for it. The choice is shown only where nothing else may be wrong.
    pub checks: &'static [Req],
    /// Whether it is the text that leaves them open, and not something that was not read.
    pub applies: fn(&Sqe, &View) -> bool,
    /// The reading that a status shows.
    pub reading: fn(Status) -> Option<usize>,
}

/// A refusal shows the first reading, success the second.
fn refused_by(status: Status, refusals: &[Status]) -> Option<usize> {
    match status {
        _ if status.is_success() => Some(1),
        _ if refusals.contains(&status) => Some(0),
        _ => None,
    }
}

const FIELD: &[Status] = &[Status::INVALID_FIELD_IN_COMMAND];

/// Every choice that shows in a status.
pub static TABLE: &[Chosen] = &[
    Chosen {
        choice: ChoiceId::AbsentCqidBeyondGrant,
        checks: &[create_io_sq::CQID_RANGE],
        applies: |sqe, v| v.granted.io_cqs.excludes(CreateIoSq::project(sqe).cqid) == Yes,
        reading: |status| match status {
            Status::INVALID_QUEUE_IDENTIFIER => Some(0),
            Status::COMPLETION_QUEUE_INVALID => Some(1),
            _ => None,
        },
    },
    Chosen {
        choice: ChoiceId::PrpLowBits,
        checks: &[prp::LOW_BITS],
        applies: |sqe, _| sqe.prp1().0 & 3 != 0 || sqe.prp2().0 & 3 != 0,
        reading: |status| refused_by(status, &[Status::PRP_OFFSET_INVALID]),
    },
    Chosen {
        choice: ChoiceId::NumberOfQueuesAfterDeletion,
        checks: &[number_of_queues::AFTER_CREATION],
        applies: |_, v| v.io_queue_was_created,
        reading: |status| refused_by(status, &[Status::COMMAND_SEQUENCE_ERROR]),
    },
    Chosen {
        choice: ChoiceId::AbortUnknownQueue,
        checks: &[abort::SQID_UNKNOWN],
        applies: |_, _| true,
        reading: |status| {
            let field = Status::INVALID_FIELD_IN_COMMAND;
            refused_by(status, &[field, Status::INVALID_QUEUE_IDENTIFIER])
        },
    },
    Chosen {
        choice: ChoiceId::LogOffsetAtEnd,
        checks: &[get_log_page::OFFSET_AT_END],
        applies: |sqe, v| {
            let cmd = GetLogPage::project(sqe);
            page_bytes(v, cmd.lid).is_some_and(|size| size == cmd.lpo) && !cmd.ot
        },
        reading: |status| refused_by(status, FIELD),
    },
    Chosen {
        choice: ChoiceId::PsdtWithoutData,
        checks: &[common::PSDT_ADMIN, common::PSDT_RESERVED, common::PSDT_WITHOUT_SGL],
        applies: |sqe, _| uses_data_pointer(sqe) == Truth::Maybe,
        reading: |status| refused_by(status, FIELD),
    },
    Chosen {
        choice: ChoiceId::FeatureNsidAboveNn,
        checks: &[common::NSID_INVALID],
        applies: |sqe, v| {
            matches!(sqe.opcode(), admin::GET_FEATURES | admin::SET_FEATURES)
                && v.sqid.is_admin()
                && v.valid_nsid(sqe.nsid()).is_no()
        },
        reading: |status| {
            let field = Status::INVALID_FIELD_IN_COMMAND;
            refused_by(status, &[Status::INVALID_NAMESPACE_OR_FORMAT, field])
        },
    },
    Chosen {
        choice: ChoiceId::DatasetHints,
        checks: &[common::DSM_HINTS],
        applies: |_, _| true,
        reading: |status| {
            let field = Status::INVALID_FIELD_IN_COMMAND;
            refused_by(status, &[Status::CONFLICTING_ATTRIBUTES, field])
        },
    },
];
