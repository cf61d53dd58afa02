//! For each check of each rule, one command that fails exactly this check. That the command next to
//! it passes is tested for all of them by the good command of the case.

use std::collections::BTreeSet;

use model::rules;
use model::ruling::Decision;
use model::state::{Feature, Temperatures};
use spec::command::*;
use spec::requirement::*;
use spec::{
    Addr, Cid, Cns, Entries, Fid, Lba, Lid, Nsid, Qid, QueueKind, Req, Sqe, Status, Version,
};

use crate::world::{Scene, good};

mod admin;
mod data;
mod values;

/// How a check answers to the bad command.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    /// It fails surely.
    Sure,
    /// It may fail: a refusal is borne, an acceptance too.
    Possible,
}
use Fault::{Possible, Sure};

struct Case {
    queue: QueueKind,
    req: Req,
    fault: Fault,
    good: Sqe,
    bad: Sqe,
    /// The scene of the bad command.
    scene: Scene,
    /// The scene of the good command.
    before: Scene,
}

/// The cases, with what many of them share.
struct Cases(Vec<Case>);

impl Cases {
    /// `bad` fails `req`, `good` fails nothing, in the same scene.
    fn add(&mut self, req: Req, good: impl Into<Sqe>, bad: impl Into<Sqe>) {
        self.add_in(req, Sure, good, bad, |_| {});
    }

    fn add_in(
        &mut self,
        req: Req,
        fault: Fault,
        good: impl Into<Sqe>,
        bad: impl Into<Sqe>,
        change: impl FnOnce(&mut Scene),
    ) {
        let scene = Scene::new().with(change);
        self.push(req, fault, (good.into(), scene.clone()), (bad.into(), scene));
    }

    /// The same command, which fails `req` after the scene has changed.
    fn changed(
        &mut self,
        req: Req,
        fault: Fault,
        cmd: impl Into<Sqe>,
        change: impl FnOnce(&mut Scene),
    ) {
        let sqe = cmd.into();
        self.push(req, fault, (sqe, Scene::new()), (sqe, Scene::new().with(change)));
    }

    fn push(&mut self, req: Req, fault: Fault, good: (Sqe, Scene), bad: (Sqe, Scene)) {
        // In these tests an I/O command is told by its NSID field in use and its opcode.
        let io = |sqe: &Sqe| sqe.dw[3] == IO_MARK;
        let queue = if io(&good.0) { QueueKind::Nvm } else { QueueKind::Admin };
        let strip = |mut sqe: Sqe| {
            sqe.dw[3] &= !IO_MARK;
            sqe
        };
        self.0.push(Case {
            queue,
            req,
            fault,
            good: strip(good.0),
            bad: strip(bad.0),
            scene: bad.1,
            before: good.1,
        });
    }
}

/// Marks the SQE of an I/O command within this file.
const IO_MARK: u32 = 0xffff_0000;

/// Where the PRP lists of these cases lie.
const LIST: Addr = Addr(0x2f_0000);

fn io(cmd: impl Into<Sqe>) -> Sqe {
    let mut sqe: Sqe = cmd.into();
    sqe.dw[3] |= IO_MARK;
    sqe
}

fn cases() -> Vec<Case> {
    let mut c = Cases(Vec::new());
    admin::dword_0(&mut c);
    admin::nsids(&mut c);
    admin::create_sq(&mut c);
    admin::create_cq(&mut c);
    admin::deletes(&mut c);
    admin::features(&mut c);
    values::of_all(&mut c);
    values::own(&mut c);
    data::returned_data(&mut c);
    data::structures(&mut c);
    data::pages(&mut c);
    data::by_name(&mut c);
    data::events_and_aborts(&mut c);
    data::blocks(&mut c);
    data::prps(&mut c);
    data::undefined(&mut c);
    c.0
}

/// One good command of every rule that uses the tables of dword 0 and reserved bits.
fn good_commands() -> Vec<Sqe> {
    let features = values::VALUES.iter().flat_map(|(fid, set, _)| {
        [Sqe::from(good::get_features(*fid)), good::set_features(*fid, *set).into()]
    });
    let mut all = vec![
        good::create_io_sq().into(),
        good::create_io_cq().into(),
        good::delete_io_sq().into(),
        good::delete_io_cq().into(),
        good::identify(Cns::IDENTIFY_NAMESPACE, 1).into(),
        good::identify(Cns::IDENTIFY_CONTROLLER, 0).into(),
        good::identify(Cns::ACTIVE_NAMESPACE_ID_LIST, 0).into(),
        good::identify(Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST, 1).into(),
        good::identify(Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE, 1).into(),
        good::identify(Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_CONTROLLER, 0).into(),
        good::identify(Cns::IO_COMMAND_SET_SPECIFIC_ACTIVE_NAMESPACE_ID_LIST, 0).into(),
        good::identify(Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE, 1).into(),
        good::get_features(Fid::VOLATILE_WRITE_CACHE).into(),
        good::get_features(Fid::NUMBER_OF_QUEUES).into(),
        good::set_features(Fid::VOLATILE_WRITE_CACHE, 1).into(),
        good::get_log_page().into(),
        good::page(Lid::SUPPORTED_LOG_PAGES).into(),
        good::page(Lid::SMART_HEALTH_INFORMATION).into(),
        good::page(Lid::FIRMWARE_SLOT_INFORMATION).into(),
        good::page(Lid::COMMANDS_SUPPORTED_AND_EFFECTS).into(),
        good::page(Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS).into(),
        good::page(Lid::NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS).into(),
        good::page(Lid::DEVICE_SELF_TEST).into(),
        good::get_features(Fid::TIMESTAMP).into(),
        Abort { sqid: Qid(1), cid: Cid(7) }.into(),
        AsyncEventRequest {}.into(),
        io(good::flush()),
        io(good::read()),
        io(good::write()),
    ];
    all.extend(features);
    all
}

#[test]
fn every_bad_command_fails_its_check_and_no_other_and_the_good_one_none() {
    for case in cases() {
        let told = format!("{} {:?}", case.req, case.bad);
        let good = case.before.ruled(case.queue, &case.good);
        assert_eq!(good.failing(), [], "good command of {told}");
        let bad = case.scene.ruled(case.queue, &case.bad);
        match case.fault {
            Sure => assert_eq!(bad.failing(), [case.req], "{told}"),
            Possible => {
                assert_eq!(bad.failing(), [], "{told}");
                assert!(bad.undecided().contains(&case.req), "{told}");
            }
        }
    }
}

#[test]
fn a_listed_status_agrees_and_a_good_command_must_not_be_refused() {
    for case in cases() {
        let told = format!("{} {:?}", case.req, case.bad);
        let bad = case.scene.ruled(case.queue, &case.bad);
        let n = (0..64).find(|n| has_check(bad.rule, *n) && bad.rule.check(*n).0 == case.req);
        for status in bad.rule.check(n.expect("the rule has the check")).1 {
            match (case.fault, bad.decide(*status)) {
                (Sure, Decision::Agrees { by }) if by != 0 => {}
                (Possible, Decision::Tolerated) => {}
                (fault, decision) => panic!("{told}: {status} is {decision:?}, {fault:?}"),
            }
        }
        let good = case.before.ruled(case.queue, &case.good);
        if good.undecided().is_empty() {
            let refused = good.decide(Status::COMMAND_SEQUENCE_ERROR);
            assert_eq!(refused, Decision::Diverges { by: 0 }, "good command of {told}");
        }
        assert_eq!(
            good.decide(Status::SUCCESSFUL_COMPLETION),
            Decision::Agrees { by: 0 },
            "{told}"
        );
    }
}

fn has_check(rule: &model::ruling::Rule, n: u32) -> bool {
    (n as usize) < rule.tables.iter().map(|table| table.count()).sum()
}

/// Checks of rules for which no command of one fault can be built here, and why.
const NOT_ALONE: &[(&str, Req)] = &[
    // An undefined code is a fault already.
    ("(undefined)", common::CID_CONFLICT),
    ("(undefined)", common::FUSE_UNSUPPORTED),
    ("(undefined)", common::FUSE_UNPAIRED),
    ("(undefined)", common::FUSE_RESERVED),
    ("(undefined)", common::PSDT_RESERVED),
    ("(undefined)", common::PSDT_ADMIN),
    // 4,096 bytes are never more than MDTS, which counts in pages of at least 4 KiB, and never
    // take a list.
    ("identify", common::MDTS),
    ("identify", prp::LIST_POINTER_UNALIGNED),
    ("identify", prp::LIST_ENTRY_OFFSET),
    ("identify", prp::LIST_CHAIN_OFFSET),
];

#[test]
fn every_check_of_every_rule_has_a_case() {
    let tested: BTreeSet<(&str, Req)> = cases()
        .iter()
        .map(|case| (rules::find(case.queue, &case.bad).expect("modelled").name, case.req))
        .collect();
    let mut missing = Vec::new();
    for rule in rules::all() {
        let name = rule.name;
        let undefined = name.contains("undefined");
        for n in (0..64).filter(|n| has_check(rule, *n)) {
            let req = rule.check(n).0;
            let excused = NOT_ALONE.iter().any(|(which, r)| {
                let of_rule = name.contains(which) || undefined && *which == "(undefined)";
                of_rule && *r == req
            });
            if !excused && !tested.contains(&(name, req)) {
                missing.push(format!("{name}: {req}"));
            }
        }
    }
    assert!(missing.is_empty(), "checks without a case: {missing:#?}");
}

/// One rule never names a requirement twice, so that a finding leads to one line of one table.
#[test]
fn the_checks_of_a_rule_name_distinct_requirements() {
    for rule in rules::all() {
        let all: Vec<Req> =
            (0..64).filter(|n| has_check(rule, *n)).map(|n| rule.check(n).0).collect();
        let distinct: BTreeSet<Req> = all.iter().copied().collect();
        assert_eq!(all.len(), distinct.len(), "{}: {all:?}", rule.name);
        assert!(all.len() <= 64, "{} has more checks than a ruling has bits", rule.name);
    }
}

#[test]
fn every_rule_is_found_by_its_own_opcode_and_its_name_is_its_own() {
    let names: BTreeSet<&str> = rules::all().map(|rule| rule.name).collect();
    assert_eq!(names.len(), rules::all().count());
    for rule in rules::all() {
        let found = (0..=u8::MAX).any(|code| {
            let mut sqe = Sqe::new(rule.opcode);
            sqe.dw[10] = u32::from(code);
            rules::find(rule.queue, &sqe).is_some_and(|found| std::ptr::eq(found, rule))
        });
        assert!(found, "{}", rule.name);
    }
}

#[test]
fn what_is_defined_and_not_modelled_has_no_rule() {
    assert!(rules::find(QueueKind::Admin, &Sqe::new(0x80)).is_none(), "Format NVM");
    assert!(rules::find(QueueKind::Nvm, &Sqe::new(0x09)).is_none(), "Dataset Management");
    assert!(rules::find(QueueKind::Admin, &Sqe::new(0xc5)).is_none(), "vendor specific");
    let set = good::set_features(Fid::TIMESTAMP, 0);
    assert!(rules::find(QueueKind::Admin, &set.into()).is_none());
    let id = good::identify(Cns::CONTROLLER_LIST, 0);
    assert!(rules::find(QueueKind::Admin, &id.into()).is_none());
    let get = good::get_features(Fid::LBA_STATUS_INFORMATION_REPORT_INTERVAL);
    assert!(rules::find(QueueKind::Admin, &get.into()).is_none());
    let log = GetLogPage { lid: Lid(0xc0), ..good::get_log_page() };
    assert!(rules::find(QueueKind::Admin, &log.into()).is_none());
}

/// The revision decides: one experiment, four answers.
#[test]
fn a_completion_queue_never_created_is_judged_by_the_revision() {
    let bad: Sqe = CreateIoSq { cqid: Qid(3), ..good::create_io_sq() }.into();
    let at = |major, minor| {
        Scene::new().with(|s| s.revision(major, minor)).ruled(QueueKind::Admin, &bad)
    };
    let (invalid, identifier) =
        (Status::COMPLETION_QUEUE_INVALID, Status::INVALID_QUEUE_IDENTIFIER);
    let success = Status::SUCCESSFUL_COMPLETION;
    assert!(matches!(at(2, 3).decide(success), Decision::Diverges { by } if by != 0));
    assert!(matches!(at(2, 0).decide(success), Decision::Warns { .. }));
    assert!(matches!(at(2, 3).decide(invalid), Decision::Agrees { .. }));
    assert!(matches!(at(2, 3).decide(identifier), Decision::Diverges { by } if by != 0));
    assert!(matches!(at(2, 0).decide(identifier), Decision::Warns { .. }));
    // In 1.2 the text asks for the other status: nobody is accused either way.
    assert_eq!(at(1, 2).decide(identifier), Decision::Tolerated);
    assert_eq!(at(1, 2).decide(success), Decision::Agrees { by: 0 });
}

/// Several faults: the status of any of them agrees, an unlisted one does not.
#[test]
fn two_faults_have_two_right_answers() {
    let bad: Sqe = CreateIoSq { qid: Qid(1), cqid: Qid(3), ..good::create_io_sq() }.into();
    let ruled = Scene::new().ruled(QueueKind::Admin, &bad);
    assert_eq!(ruled.failing(), [create_io_sq::QID_IN_USE, create_io_sq::CQID_NOT_CREATED]);
    for status in [Status::COMPLETION_QUEUE_INVALID, Status::INVALID_QUEUE_IDENTIFIER] {
        assert!(matches!(ruled.decide(status), Decision::Agrees { .. }));
    }
    // The status of the first fault is only recommended, so another error is a warning.
    assert!(matches!(ruled.decide(Status::INVALID_QUEUE_SIZE), Decision::Warns { .. }));
}

/// Until Set Features (Number of Queues) was answered, no identifier is in or out of range.
#[test]
fn before_the_grant_no_range_accuses() {
    let scene = Scene::new().with(|s| s.controller().granted = Default::default());
    let far: Sqe = CreateIoSq { qid: Qid(4000), ..good::create_io_sq() }.into();
    let ruled = scene.ruled(QueueKind::Admin, &far);
    assert_eq!(ruled.failing(), []);
    assert_eq!(ruled.decide(Status::INVALID_QUEUE_IDENTIFIER), Decision::Tolerated);
    assert_eq!(ruled.decide(Status::SUCCESSFUL_COMPLETION), Decision::Agrees { by: 0 });
}

/// NSID FFFFFFFFh: up to 2.1 its refusal is recommended, and so is the status: another one is a warning. It
/// is no invalid identifier at any revision.
#[test]
fn the_broadcast_value_is_judged_by_the_revision() {
    let all = Sqe::from(good::read()).with_nsid(Nsid::BROADCAST);
    let at = |v: Version| {
        Scene::new().with(|s| s.revision(v.major, v.minor)).ruled(QueueKind::Nvm, &all)
    };
    let invalid = Status::INVALID_NAMESPACE_OR_FORMAT;
    let field = Status::INVALID_FIELD_IN_COMMAND;
    for version in [Version::new(1, 4), Version::new(2, 0), Version::new(2, 1)] {
        assert_eq!(at(version).failing(), [common::NSID_BROADCAST]);
        assert!(matches!(at(version).decide(invalid), Decision::Warns { by } if by != 0));
        assert!(matches!(at(version).decide(field), Decision::Agrees { by } if by != 0));
    }
    assert_eq!(at(Version::new(2, 3)).failing(), [common::NSID_BROADCAST]);
    assert!(matches!(at(Version::new(2, 3)).decide(invalid), Decision::Diverges { .. }));
}
