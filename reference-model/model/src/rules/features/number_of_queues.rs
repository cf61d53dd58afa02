//! Number of Queues (FID 07h). Base-2.3 §5.2.26.2.1.

use spec::QueueKind;
use spec::command::{Command, GetFeatures, SetFeatures};
use spec::feature::NumberOfQueues;
use spec::requirement::number_of_queues;

use super::*;
use crate::state::{Granted, Range};
use crate::truth::No;

/// Get Features of the number of queues.
pub static GET: Rule = Rule {
    name: "get-features 07h",
    queue: QueueKind::Admin,
    opcode: GetFeatures::OPCODE,
    tables: get_tables!(),
    succeeds: Some(number_of_queues::DW0),
    data: no_data,
    footprint: |_, _| Footprint { reads: Cells::GRANT, writes: Cells::NONE },
    accept: accept_get,
    refuse: no_second_dword,
};

/// Set Features of the number of queues.
pub static SET: Rule = Rule {
    name: "set-features 07h",
    queue: QueueKind::Admin,
    opcode: SetFeatures::OPCODE,
    tables: set_tables!(&SET_RESERVED, &SET_OWN),
    succeeds: Some(number_of_queues::DW0),
    data: no_data,
    footprint: |_, _| Footprint { reads: Cells::ALL_QUEUES, writes: Cells::GRANT },
    accept: accept_set,
    refuse: no_second_dword,
};

static SET_RESERVED: Reserved<SetFeatures> = Reserved::and(|cmd, _| set_leftovers(cmd));

checks! {
    /// Set Features of the number of queues. Base-2.3 §5.2.26.2.1, figure 472.
    static SET_OWN: SetFeatures[cmd, v] in number_of_queues {
        AFTER_CREATION    COMMAND_SEQUENCE_ERROR
                          if after_creation(v)
                          => "I/O SQs = {}, I/O CQs = {}", v.io_sqs, v.io_cqs;
        FFFF              INVALID_FIELD_IN_COMMAND
                          if not_to_be_requested(cmd.cdw11) => "CDW11 {:08X}h", cmd.cdw11;
    }
}

/// Whether I/O queues were created. Once all of them are deleted again the text decides nothing.
fn after_creation(v: &View) -> Truth {
    match v.io_sqs.is_empty() && v.io_cqs.is_empty() {
        false => Yes,
        true if v.io_queue_was_created => Maybe,
        true => No,
    }
}

/// FFFFh in either field stands for 65,536 queues, more than there are identifiers.
fn not_to_be_requested(value: u32) -> bool {
    let value = NumberOfQueues::from_bits(value);
    value.nsq_z() == u16::MAX || value.ncq_z() == u16::MAX
}

fn told(value: u32) -> String {
    let value = NumberOfQueues::from_bits(value);
    format!("{} I/O SQs and {} I/O CQs", value.io_sqs(), value.io_cqs())
}

fn accept_set(apply: &mut Apply) {
    no_second_dword(apply);
    answered(apply, true);
    let dw0 = apply.cqe.dw0();
    apply.hold(number_of_queues::DW0, !not_to_be_requested(dw0), || {
        (told(dw0), "at most 65,535 of each".into(), "identifiers are 1 to 65,535".into())
    });
    let controller = apply.controller();
    let before = controller.number_of_queues.current.filter(|_| controller.granted_answered);
    apply.hold(number_of_queues::SECOND_SET_KEEPS, before.map(|value| value == dw0), || {
        (told(dw0), told(before.unwrap_or(0)), "allocated since the last reset".into())
    });
    let controller = apply.controller();
    controller.number_of_queues.current = Some(dw0);
    controller.granted_answered = true;
    let value = NumberOfQueues::from_bits(dw0);
    controller.granted = Granted {
        io_sqs: Range::exactly(value.io_sqs().0),
        io_cqs: Range::exactly(value.io_cqs().0),
    };
}

/// What is allocated before the first Set Features is not said, so a Get Features before it binds
/// the ones that follow, and not what a Set Features allocates.
fn accept_get(apply: &mut Apply) {
    no_second_dword(apply);
    answered(apply, true);
    let dw0 = apply.cqe.dw0();
    if asks_current(apply).is_yes() {
        let before = apply.controller().number_of_queues.current;
        apply.hold(number_of_queues::STABLE, before.map(|value| value == dw0), || {
            (told(dw0), told(before.unwrap_or(0)), "told since the last reset".into())
        });
        apply.controller().number_of_queues.current.get_or_insert(dw0);
    }
    let known = apply.controller().number_of_queues;
    apply.controller().number_of_queues = seen_other_than_current(apply, known, u32::MAX, false);
}
