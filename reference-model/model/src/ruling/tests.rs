use spec::command::CreateIoSq;
use spec::requirement::{abort, delete_io_sq};

use super::*;
use crate::truth::Maybe;

checks! {
    /// One check, of a requirement whose status is exact.
    static CHECKS: CreateIoSq[cmd, v] in create_io_sq {
        CQID_NOT_CREATED INVALID_FIELD_IN_COMMAND
            if v.granted.io_cqs.covers(cmd.cqid) & !v.io_cqs.contains(cmd.cqid)
            => "I/O CQs = {}, granted {}", v.io_cqs, v.granted.io_cqs;
    }
}

static RULE: Rule = Rule {
    name: "create-io-sq",
    queue: QueueKind::Admin,
    opcode: 1,
    tables: &[&CHECKS],
    succeeds: None,
    data: no_data,
    footprint: no_footprint,
    accept: no_effect,
    refuse: no_effect,
};

fn rule_on(granted: u32, cqid: u16, status: Status) -> (Decision, String) {
    let mut world = World::default();
    let mut controller = Controller { vs: Some(0x2_0300), ..Controller::default() };
    controller.granted.io_cqs = crate::state::Range { low: 1, high: granted };
    let forces = Forces::new(&controller, controller.version());
    world.controllers.push(controller);
    let view = View {
        world: &world,
        controller: &world.controllers[0],
        ctrl: 0,
        sqid: Qid::ADMIN,
        version: Version::new(2, 3),
        memory: &Memory::default(),
        others: Others::default(),
    };
    let sqe = Sqe::from(CreateIoSq { cqid: Qid(cqid), ..CreateIoSq::default() });
    let ruling = RULE.in_force(RULE.evaluate(&sqe, &view), &forces);
    (RULE.decide(ruling, status, &forces), RULE.because(0, &sqe, &view))
}

#[test]
fn a_failing_must_check_forbids_success_and_allows_its_status_only() {
    let (decision, because) = rule_on(1, 1, Status::SUCCESSFUL_COMPLETION);
    assert_eq!(decision, Decision::Diverges { by: 1 });
    assert_eq!(because, "I/O CQs = {}, granted 1"); // The braces are the empty set.
    let refused = rule_on(1, 1, Status::INVALID_FIELD_IN_COMMAND).0;
    assert_eq!(refused, Decision::Agrees { by: 1 });
    let other = rule_on(1, 1, Status::INVALID_COMMAND_OPCODE).0;
    assert_eq!(other, Decision::Diverges { by: 1 });
    assert_eq!(rule_on(1, 1, Status::new(0, 6)).0, Decision::Ambient);
}

#[test]
fn between_two_bounds_neither_answer_is_accused() {
    assert_eq!(Maybe, crate::state::Range { low: 1, high: 4 }.covers(Qid(3)));
    assert_eq!(rule_on(4, 3, Status::SUCCESSFUL_COMPLETION).0, Decision::Agrees { by: 0 });
    assert_eq!(rule_on(4, 3, Status::INVALID_FIELD_IN_COMMAND).0, Decision::Tolerated);
}

#[test]
fn without_a_fault_any_refusal_diverges() {
    let refused = rule_on(1, 2, Status::INVALID_FIELD_IN_COMMAND).0;
    assert_eq!(refused, Decision::Diverges { by: 0 });
}

#[test]
fn a_status_that_nothing_lists_is_judged_by_the_checks_that_leave_theirs_open_alone() {
    // An exact status (1h/01h) and an open one (0h/02h or 1h/01h), both at fault.
    static EXACT: Table<CreateIoSq> = Table {
        project: <CreateIoSq as Project>::of,
        checks: &[
            Check {
                req: delete_io_sq::QID,
                statuses: &[Status::INVALID_QUEUE_IDENTIFIER],
                fault: |_, _| Yes,
                because: |_, _| String::new(),
            },
            Check {
                req: abort::SQID_UNKNOWN,
                statuses: &[Status::INVALID_FIELD_IN_COMMAND],
                fault: |_, _| Yes,
                because: |_, _| String::new(),
            },
        ],
    };
    static BOTH: Rule = Rule { tables: &[&EXACT], ..RULE };
    let controller = Controller { vs: Some(0x2_0300), ..Controller::default() };
    let forces = Forces::new(&controller, controller.version());
    let ruling = BOTH.in_force(Ruling { failing: 0b11, undecided: 0 }, &forces);
    assert_eq!(ruling.failing, 0b11);
    let decide = |status| BOTH.decide(ruling, status, &forces);
    assert_eq!(decide(Status::INVALID_COMMAND_OPCODE), Decision::Agrees { by: 0b10 });
    assert_eq!(decide(Status::INVALID_QUEUE_IDENTIFIER), Decision::Agrees { by: 0b01 });
}
