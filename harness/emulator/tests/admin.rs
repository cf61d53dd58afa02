//! Admin commands other than those for queues.

mod common;

use common::{DATA, ENTRIES, TestHost};
use dut::{Ctrl, Dut};
use lockstep_emulator::config::{Grant, NamespaceConfig};
use lockstep_emulator::{Config, Policy};
use log::ResetKind;
use spec::command::*;
use spec::feature::{NumberOfQueues, SupportedCapabilities, VolatileWriteCache};
use spec::identify::{IdentifyController, IdentifyNamespace, NamespaceList};
use spec::log_page::ErrorInformation;
use spec::register::DoorbellKind;
use spec::{Addr, Bytes, Cid, Cns, Cqe, Entries, Fid, Lba, Lid, Nsid, Qid, Sqe, Status, Version};

const OK: Status = Status::SUCCESSFUL_COMPLETION;
const INVALID_FIELD: Status = Status::INVALID_FIELD_IN_COMMAND;
const INVALID_NAMESPACE: Status = Status::INVALID_NAMESPACE_OR_FORMAT;

fn of_version(major: u16, minor: u8) -> Config {
    Config { version: Version::new(major, minor), ..Config::default() }
}

/// Namespaces 2 (both controllers) and 5 (controller 1 only), NN 7.
fn two_controllers() -> Config {
    let ns = NamespaceConfig::default();
    Config {
        controllers: 2,
        namespaces: vec![
            NamespaceConfig { nsid: Some(2), ..ns.clone() },
            NamespaceConfig { nsid: Some(5), block_bytes: 4096, controllers: vec![1], ..ns },
        ],
        nn: Some(7),
        ..Config::default()
    }
}

#[test]
fn identify_controller_follows_the_version() {
    for (major, minor) in [(1, 3), (1, 4), (2, 0), (2, 1), (2, 2), (2, 3)] {
        let mut host = TestHost::enabled(of_version(major, minor));
        let id = IdentifyController(host.identify(Cns::IDENTIFY_CONTROLLER, 0));
        let from = |a, b| Version::new(major, minor) >= Version::new(a, b);
        assert_eq!(id.ver(), Version::new(major, minor).to_raw());
        assert_eq!(id.cntrltype() != 0, from(1, 4));
        assert_eq!(id.vwc(), if from(1, 4) { 7 } else { 1 });
        assert_eq!(id.bpcap() != 0, from(2, 1));
        assert_eq!((id.sqes(), id.cqes(), id.mdts(), id.acl(), id.aerl()), (0x66, 0x44, 7, 3, 3));
        assert_eq!(id.subnqn().text(), "nqn.2026-11.org.lockstep:emulator");
    }
}

#[test]
fn identify_knows_which_namespaces_are_attached() {
    let mut host = TestHost::enabled(two_controllers());
    let list = |raw| NamespaceList(raw).iter().map(|nsid| nsid.0).collect::<Vec<_>>();
    assert_eq!(list(host.identify(Cns::ACTIVE_NAMESPACE_ID_LIST, 0)), [2]);
    assert_eq!(host.identify(Cns::IDENTIFY_NAMESPACE, 5), [0; 4096]);
    let id = IdentifyNamespace(host.identify(Cns::IDENTIFY_NAMESPACE, 2));
    assert_eq!((id.nsze(), id.nmic(), id.format().lbads()), (16384, 1, 9));
    for nsid in [0, 8, u32::MAX] {
        let cmd = Identify { nsid: Nsid(nsid), prp1: Addr(DATA), ..Identify::default() };
        assert_eq!(host.admin(cmd).status(), INVALID_NAMESPACE);
    }
    host.ctrl = Ctrl(1);
    host.enable();
    assert_eq!(list(host.identify(Cns::ACTIVE_NAMESPACE_ID_LIST, 0)), [2, 5]);
    assert_eq!(list(host.identify(Cns::ACTIVE_NAMESPACE_ID_LIST, 2)), [5]);
    let id = IdentifyNamespace(host.identify(Cns::IDENTIFY_NAMESPACE, 5));
    assert_eq!((id.nmic(), id.format().lbads()), (0, 12));
    let id = IdentifyController(host.identify(Cns::IDENTIFY_CONTROLLER, 0));
    assert_eq!((id.cntlid(), id.cmic(), id.nn()), (1, 3, 7));
    let cns = Cns::ACTIVE_NAMESPACE_ID_LIST;
    for nsid in [u32::MAX - 1, u32::MAX] {
        let cmd = Identify { cns, nsid: Nsid(nsid), prp1: Addr(DATA), ..Identify::default() };
        assert_eq!(host.admin(cmd).status(), INVALID_NAMESPACE);
    }
}

#[test]
fn identify_takes_two_pages_and_refuses_what_it_does_not_know() {
    let mut host = TestHost::enabled(Config::default());
    let whole = host.identify(Cns::IDENTIFY_CONTROLLER, 0);
    let split = Identify {
        cns: Cns::IDENTIFY_CONTROLLER,
        prp1: Addr(DATA + 0x1f00),
        prp2: Addr(DATA + 0x8000),
        ..Identify::default()
    };
    assert_eq!(host.admin(split).status(), OK);
    assert_eq!(host.data(DATA + 0x1f00, 0x100), whole[..0x100]);
    assert_eq!(host.data(DATA + 0x8000, 0xf00), whole[0x100..]);
    let wrong = [
        (Identify { cns: Cns(0x77), ..split }, INVALID_FIELD),
        (Identify { nsid: Nsid(1), ..split }, INVALID_FIELD),
        (Identify { prp1: Addr(DATA + 2), ..split }, Status::PRP_OFFSET_INVALID),
        (Identify { prp2: Addr(DATA + 0x8004), ..split }, Status::PRP_OFFSET_INVALID),
        (Identify { prp2: Addr(1 << 50), ..split }, Status::DATA_TRANSFER_ERROR),
    ];
    for (command, status) in wrong {
        assert_eq!(host.admin(command).status(), status, "{command:?}");
    }
}

#[test]
fn common_fields_are_checked() {
    let mut host = TestHost::enabled(Config::default());
    let good = Sqe::from(Identify {
        cns: Cns::IDENTIFY_CONTROLLER,
        prp1: Addr(DATA),
        ..Identify::default()
    });
    assert_eq!(host.admin(good.with_fuse(1)).status(), INVALID_FIELD);
    assert_eq!(host.admin(good.with_psdt(1)).status(), INVALID_FIELD);
    let cqe = host.admin(good.with_opcode(0x7e));
    assert_eq!((cqe.status(), cqe.dnr()), (Status::INVALID_COMMAND_OPCODE, true));
    assert_eq!(host.admin(good).status(), OK);
    // Before 2.0 FFFFFFFFh does no harm where NSID is not used.
    let mut old = TestHost::enabled(of_version(1, 4));
    assert_eq!(old.admin(good.with_nsid(Nsid::BROADCAST)).status(), OK);
    assert_eq!(host.admin(good.with_nsid(Nsid::BROADCAST)).status(), INVALID_FIELD);
}

fn get(host: &mut TestHost, fid: Fid, sel: u8) -> Cqe {
    host.admin(GetFeatures { fid, sel, ..GetFeatures::default() })
}

#[test]
fn volatile_write_cache_is_set_saved_and_restored() {
    let fid = Fid::VOLATILE_WRITE_CACHE;
    let mut host = TestHost::enabled(Config::default());
    let dw0 = |host: &mut TestHost, sel| get(host, fid, sel).dw0();
    assert_eq!([0, 1, 2].map(|sel| dw0(&mut host, sel)), [1, 1, 1]);
    let off = SetFeatures { fid, cdw11: 0, ..SetFeatures::default() };
    assert_eq!(host.admin(off).status(), OK);
    assert_eq!([0, 1, 2].map(|sel| dw0(&mut host, sel)), [0, 1, 1]);
    host.disable();
    host.enable();
    assert_eq!([0, 1, 2].map(|sel| dw0(&mut host, sel)), [1, 1, 1]);
    assert_eq!(host.admin(SetFeatures { sv: true, ..off }).status(), OK);
    let on = SetFeatures { cdw11: VolatileWriteCache::new().with_wce(true).into(), ..off };
    assert_eq!(host.admin(on).status(), OK);
    assert_eq!([0, 1, 2].map(|sel| dw0(&mut host, sel)), [1, 1, 0]);
    host.dut.reset(Ctrl(0), ResetKind::PowerCycle).unwrap();
    host.enable();
    assert_eq!([0, 1, 2].map(|sel| dw0(&mut host, sel)), [0, 1, 0]);
    let capabilities = SupportedCapabilities::from_bits(dw0(&mut host, 3));
    assert!(capabilities.changeable() && capabilities.saveable());
    assert!(!capabilities.namespace_specific());
    assert_eq!(get(&mut host, fid, 4).status(), INVALID_FIELD);
    let scoped = SetFeatures { nsid: Nsid(1), ..off };
    assert_eq!(host.admin(scoped).status(), Status::FEATURE_NOT_NAMESPACE_SPECIFIC);
    assert_eq!(host.admin(SetFeatures { nsid: Nsid::BROADCAST, ..off }).status(), OK);
    let mut host = TestHost::enabled(Config { vwc: false, ..Config::default() });
    for sel in 0..4 {
        assert_eq!(get(&mut host, fid, sel).status(), INVALID_FIELD);
    }
    assert_eq!(host.admin(off).status(), INVALID_FIELD);
}

#[test]
fn number_of_queues_is_granted_once_and_holds_until_the_reset() {
    let fid = Fid::NUMBER_OF_QUEUES;
    let mut host = TestHost::enabled(Config { io_sqs: 6, io_cqs: 4, ..Config::default() });
    let of = |sqs, cqs| NumberOfQueues::of(Entries(sqs), Entries(cqs)).into_bits();
    let set = |sqs, cqs| SetFeatures { fid, cdw11: of(sqs, cqs), ..SetFeatures::default() };
    assert_eq!(get(&mut host, fid, 0).dw0(), of(6, 4));
    assert_eq!(host.admin(set(65536, 1)).status(), INVALID_FIELD);
    assert_eq!(host.admin(set(1, 65536)).status(), INVALID_FIELD);
    let saved = SetFeatures { sv: true, ..set(2, 2) };
    assert_eq!(host.admin(saved).status(), Status::FEATURE_IDENTIFIER_NOT_SAVEABLE);
    assert_eq!(host.admin(set(3, 9)).dw0(), of(3, 4));
    assert_eq!(host.admin(set(1, 1)).dw0(), of(3, 4));
    assert_eq!([0, 1, 2].map(|sel| get(&mut host, fid, sel).dw0()), [of(3, 4), of(6, 4), of(6, 4)]);
    host.create_cq(4);
    let beyond = host.create_sq_command(4, 4);
    assert_eq!(host.admin(beyond).status(), Status::INVALID_QUEUE_IDENTIFIER);
    assert_eq!(host.admin(set(1, 1)).status(), Status::COMMAND_SEQUENCE_ERROR);
    host.disable();
    host.enable();
    assert_eq!(host.admin(set(1, 1)).dw0(), of(1, 1));
    let config = Config { grant: Grant::All, io_sqs: 6, io_cqs: 4, ..Config::default() };
    let mut host = TestHost::enabled(config);
    assert_eq!(host.admin(set(1, 1)).dw0(), of(6, 4));
    assert_eq!(get(&mut host, Fid(0xc0), 0).status(), INVALID_FIELD);
}

fn flush() -> Flush {
    Flush { nsid: Nsid(1) }
}

#[test]
fn abort_ends_commands_in_flight_first() {
    let config = Config { io_latency_ns: 1_000_000, ..Config::default() };
    let mut host = TestHost::ready(config);
    host.fill(DATA, &[1; 512]);
    let write = Write { nsid: Nsid(1), prp1: Addr(DATA), ..Write::default() };
    let victim = host.submit(1, write);
    let other = host.submit(1, flush());
    host.run_for(10_000);
    let cqe = host.admin(Abort { sqid: Qid(1), cid: victim });
    assert_eq!((cqe.status(), cqe.dw0()), (OK, 0));
    let cqe = host.take(1).expect("the victim's completion precedes the Abort's");
    assert_eq!((cqe.cid(), cqe.status()), (victim, Status::COMMAND_ABORT_REQUESTED));
    host.release(1);
    assert_eq!(host.completion(1, other).unwrap().status(), OK);
    let read = Read { nsid: Nsid(1), slba: Lba(0), prp1: Addr(DATA + 4096), ..Read::default() };
    assert_eq!(host.io(read).status(), OK);
    assert_eq!(host.data(DATA + 4096, 512), [0; 512]);
}

#[test]
fn abort_finds_nothing_where_there_is_nothing() {
    let mut host = TestHost::ready(Config::default());
    let done = host.submit(1, flush());
    host.completion(1, done).unwrap();
    for (sqid, cid) in [(1, done), (9, Cid(1)), (0, Cid(0xfff0))] {
        let cqe = host.admin(Abort { sqid: Qid(sqid), cid });
        assert_eq!((cqe.status(), cqe.dw0()), (OK, 1));
    }
}

#[test]
fn abort_reaches_unfetched_commands_from_2_1_on() {
    for (version, reached) in [(Version::new(2, 3), true), (Version::new(2, 0), false)] {
        let policy = Policy { in_flight: 1, ..Policy::default() };
        let config = Config { version, policy, io_latency_ns: 1_000_000, ..Config::default() };
        let mut host = TestHost::ready(config);
        host.submit(1, flush());
        let victim = host.submit(1, flush());
        host.run_for(10_000);
        let cqe = host.admin(Abort { sqid: Qid(1), cid: victim });
        assert_eq!(cqe.dw0(), u32::from(!reached));
        let status = host.completion(1, victim).unwrap().status();
        assert_eq!(status, if reached { Status::COMMAND_ABORT_REQUESTED } else { OK });
    }
}

#[test]
fn abort_ends_asynchronous_event_requests_too() {
    let mut host = TestHost::enabled(Config::default());
    let victim = host.submit(0, AsyncEventRequest {});
    host.settle();
    let abort = host.submit(0, Abort { sqid: Qid(0), cid: victim });
    let cqe = host.completion(0, victim).unwrap();
    assert_eq!(cqe.status(), Status::COMMAND_ABORT_REQUESTED);
    assert_eq!(host.completion(0, abort).unwrap().dw0(), 0);
}

#[test]
fn too_many_aborts_at_once_are_refused() {
    let config = Config { acl_z: 0, admin_latency_ns: 100_000, ..Config::default() };
    let mut host = TestHost::enabled(config);
    let abort = Abort { sqid: Qid(0), cid: Cid(0xffff) };
    let (first, second) = (host.place(0, abort), host.place(0, abort));
    host.ring(0);
    let refused = host.completion(0, second).unwrap().status();
    assert_eq!(refused, Status::ABORT_COMMAND_LIMIT_EXCEEDED);
    assert_eq!(host.completion(0, first).unwrap().dw0(), 1);
}

fn read_log(host: &mut TestHost, rae: bool) -> Vec<ErrorInformation> {
    let cmd =
        GetLogPage { lid: Lid::ERROR_INFORMATION, rae, prp1: Addr(DATA), ..GetLogPage::default() };
    assert_eq!(host.admin(cmd.with_bytes(Bytes(256))).status(), OK);
    let raw = host.data(DATA, 256);
    raw.as_chunks::<64>().0.iter().map(|entry| ErrorInformation(*entry)).collect()
}

/// An invalid doorbell value that harms nothing.
fn invalid_head(host: &mut TestHost) {
    host.doorbell(DoorbellKind::CqHead, 1, ENTRIES + 3);
}

#[test]
fn an_error_event_is_reported_once_until_its_log_was_read() {
    let mut host = TestHost::ready(Config::default());
    let first = host.submit(0, AsyncEventRequest {});
    let second = host.submit(0, AsyncEventRequest {});
    host.settle();
    assert!(host.peek(0).is_none());
    invalid_head(&mut host);
    let cqe = host.completion(0, first).unwrap();
    assert_eq!((cqe.status(), cqe.dw0()), (OK, 0x0001_0100));
    invalid_head(&mut host);
    host.settle();
    assert!(host.peek(0).is_none(), "masked");
    let log = read_log(&mut host, true);
    assert_eq!([log[0].ecnt(), log[1].ecnt(), log[2].ecnt()], [2, 1, 0]);
    assert_eq!((log[0].sqid(), log[0].cid(), log[0].pel()), (0xffff, 0xffff, 0xffff));
    invalid_head(&mut host);
    host.settle();
    assert!(host.peek(0).is_none(), "RAE = 1 leaves the event masked");
    read_log(&mut host, false);
    invalid_head(&mut host);
    assert!(host.completion(0, second).is_some());
}

#[test]
fn an_event_waits_for_a_request_unless_its_log_is_read_first() {
    let mut host = TestHost::ready(Config::default());
    invalid_head(&mut host);
    let request = host.submit(0, AsyncEventRequest {});
    assert_eq!(host.completion(0, request).unwrap().dw0(), 0x0001_0100);
    read_log(&mut host, false);
    invalid_head(&mut host);
    read_log(&mut host, false);
    host.submit(0, AsyncEventRequest {});
    host.settle();
    assert!(host.peek(0).is_none());
    host.disable();
    host.enable();
    let log = read_log(&mut host, false);
    assert_eq!(log[0].ecnt(), 0, "emptied by the reset");
    host.create_pair(1);
    invalid_head(&mut host);
    assert_eq!(read_log(&mut host, false)[0].ecnt(), 3, "the count goes on");
}

#[test]
fn requests_beyond_the_limit_are_refused() {
    let mut host = TestHost::enabled(Config { aerl_z: 1, ..Config::default() });
    host.submit(0, AsyncEventRequest {});
    host.submit(0, AsyncEventRequest {});
    let refused = host.admin(AsyncEventRequest {}).status();
    assert_eq!(refused, Status::ASYNCHRONOUS_EVENT_REQUEST_LIMIT_EXCEEDED);
}

#[test]
fn get_log_page_returns_parts_and_refuses_what_is_not_there() {
    let mut host = TestHost::ready(Config::default());
    invalid_head(&mut host);
    invalid_head(&mut host);
    let whole = read_log(&mut host, true);
    let good = GetLogPage {
        lid: Lid::ERROR_INFORMATION,
        prp1: Addr(DATA),
        nsid: Nsid::BROADCAST,
        ..GetLogPage::default()
    };
    assert!(host.arena().set(Addr(DATA), 4096, 0x5a));
    assert_eq!(host.admin(GetLogPage { lpo: 64, ..good }.with_bytes(Bytes(8))).status(), OK);
    assert_eq!(host.data(DATA, 8), whole[1].0[..8]);
    assert_eq!(host.data(DATA + 8, 8), [0x5a; 8]);
    let size = 64 * 64;
    // Longer than the page: the rest of the buffer stays, and PRP2 is a list because of the length.
    host.fill(DATA + 0x8000, &(DATA + 0x3000).to_le_bytes());
    host.fill(DATA + 0x8008, &(DATA + 0x5000).to_le_bytes());
    let long = GetLogPage { prp1: Addr(DATA + 0x800), prp2: Addr(DATA + 0x8000), ..good };
    assert_eq!(host.admin(long.with_bytes(Bytes(0x2400))).status(), OK);
    assert_eq!(host.data(DATA + 0x800, 64), whole[0].0);
    assert_eq!(host.data(DATA + 0x3000, 0x800), [0; 0x800]);
    let wrong = [
        (GetLogPage { lid: Lid(0xff), ..good }, Status::INVALID_LOG_PAGE),
        (GetLogPage { nsid: Nsid(1), ..good }, INVALID_FIELD),
        (GetLogPage { lpo: size + 4, ..good }, INVALID_FIELD),
        (GetLogPage { lpo: 2, ..good }, INVALID_FIELD),
        (GetLogPage { ot: true, ..good }, INVALID_FIELD),
        (GetLogPage { numdu_z: 9, ..good }, INVALID_FIELD),
    ];
    for (command, status) in wrong {
        assert_eq!(host.admin(command).status(), status, "{command:?}");
    }
    let mut old = TestHost::enabled(of_version(1, 4));
    assert_eq!(old.admin(GetLogPage { lid: Lid(0xff), ..good }).status(), INVALID_FIELD);
    assert_eq!(old.admin(GetLogPage { ot: true, ..good }).status(), OK);
}
