//! What acceptance does, and what it is held to.

use model::rules;
use model::ruling::{Apply, Cells, Data, Held};
use model::truth::{No, Yes};
use rstest::rstest;
use spec::command::*;
use spec::requirement::*;
use spec::{Addr, Cid, Cns, Cqe, Entries, Fid, Lba, Nsid, Qid, QueueKind, Req, Sqe, Status};

use crate::claims::broken;
use crate::world::{Scene, good};

/// The command succeeded with these two dwords.
fn accept(scene: &mut Scene, sqe: impl Into<Sqe>, dw0: u32, dw1: u32) -> Vec<Held> {
    let sqe = sqe.into();
    let queue = if matches!(sqe.dw[1], 1) { QueueKind::Nvm } else { QueueKind::Admin };
    let rule = rules::find(queue, &sqe).expect("modelled");
    let mut cqe = Cqe::new(dw0, Qid(0), 0, Cid(0), Status::SUCCESSFUL_COMPLETION, false);
    cqe.dw[1] = dw1;
    let version = scene.version();
    let mut held = Vec::new();
    let Scene { world, memory, .. } = scene;
    let (sqe, cqe) = (&sqe, &cqe);
    let held_ref = &mut held;
    let mut apply =
        Apply { world, ctrl: 0, sqid: Qid(0), sqe, cqe, version, memory, held: held_ref };
    (rule.accept)(&mut apply);
    held
}

fn broken_by(scene: &mut Scene, sqe: impl Into<Sqe>, dw0: u32) -> Vec<Req> {
    broken(&accept(scene, sqe, dw0, 0))
}

#[test]
fn queues_appear_and_vanish() {
    let mut s = Scene::new();
    accept(&mut s, good::create_io_cq(), 0, 0);
    assert_eq!(s.controller().io_cqs.to_string(), "{1, 2, 3}");
    accept(&mut s, CreateIoSq { cqid: Qid(3), ..good::create_io_sq() }, 0, 0);
    assert_eq!(s.controller().io_sqs.to_string(), "{1, 2}");
    assert_eq!(s.controller().io_sqs.find(Qid(2)).unwrap().cqid, Qid(3));
    assert!(s.controller().io_queue_was_created);
    accept(&mut s, DeleteIoSq { qid: Qid(1) }, 0, 0);
    accept(&mut s, DeleteIoCq { qid: Qid(1) }, 0, 0);
    assert_eq!(s.controller().io_sqs.to_string(), "{2}");
    assert_eq!(s.controller().io_cqs.to_string(), "{2, 3}");
}

/// Dwords that a command does not define are 0.
#[rstest]
#[case::create_io_sq(good::create_io_sq().into())]
#[case::create_io_cq(good::create_io_cq().into())]
#[case::delete_io_sq(good::delete_io_sq().into())]
#[case::delete_io_cq(good::delete_io_cq().into())]
#[case::identify(good::identify(Cns::IDENTIFY_CONTROLLER, 0).into())]
#[case::get_log_page(good::get_log_page().into())]
#[case::flush(good::flush().into())]
#[case::read(good::read().into())]
#[case::write(good::write().into())]
fn undefined_dwords_are_zero(#[case] sqe: Sqe) {
    assert_eq!(broken(&accept(&mut Scene::new(), sqe, 0, 0)), []);
    assert_eq!(broken(&accept(&mut Scene::new(), sqe, 1, 0)), [cqe::RESERVED_DWORDS]);
    assert_eq!(broken(&accept(&mut Scene::new(), sqe, 0, 1)), [cqe::RESERVED_DWORDS]);
}

#[test]
fn the_answer_to_number_of_queues_is_the_grant_until_the_next_reset() {
    use number_of_queues::*;
    let set = good::set_features(Fid::NUMBER_OF_QUEUES, 0x0003_0003);
    let get = good::get_features(Fid::NUMBER_OF_QUEUES);
    let mut s = Scene::new().with(|s| {
        s.controller().granted = Default::default();
        s.controller().granted_answered = false;
        s.controller().number_of_queues.current = None;
    });
    // Before it was set nothing is said of what Get Features returns, but that it stays.
    assert_eq!(broken_by(&mut s, get, 0x0007_0007), []);
    assert_eq!(broken_by(&mut s, get, 0x0007_0007), []);
    assert_eq!(broken_by(&mut s, get, 0x0007_0006), [STABLE]);
    assert_eq!(broken_by(&mut s, set, 0x0005_0001), []);
    let granted = s.controller().granted;
    assert_eq!((granted.io_sqs.excludes(Qid(2)), granted.io_sqs.excludes(Qid(3))), (No, Yes));
    assert_eq!((granted.io_cqs.excludes(Qid(6)), granted.io_cqs.excludes(Qid(7))), (No, Yes));
    assert_eq!(broken_by(&mut s, set, 0x0005_0002), [SECOND_SET_KEEPS]);
    assert_eq!(broken_by(&mut s, get, 0x0005_0001), [STABLE], "the last answer was adopted");
    assert_eq!(broken_by(&mut s, get, 0x0005_0002), []);
    assert_eq!(broken_by(&mut s, set, 0xffff_0002), [DW0, SECOND_SET_KEEPS]);
}

#[test]
fn the_write_cache_is_what_was_set_and_after_a_reset_what_the_reset_left() {
    let set = |on: u32| good::set_features(Fid::VOLATILE_WRITE_CACHE, on);
    let get = good::get_features(Fid::VOLATILE_WRITE_CACHE);
    let mut s = Scene::new();
    assert_eq!(broken_by(&mut s, get, 1), [], "seen for the first time");
    assert!(s.controller().cache_on().is_yes());
    assert_eq!(broken_by(&mut s, set(0), 0), []);
    assert!(s.controller().cache_on().is_no());
    assert_eq!(broken_by(&mut s, get, 1), [volatile_write_cache::WCE]);
    let feature = &mut s.controller().volatile_write_cache;
    feature.current = Some(1);
    feature.since_reset = true;
    assert_eq!(broken_by(&mut s, get, 0), [reset::FEATURES_DEFAULT]);
    assert!(!s.controller().volatile_write_cache.since_reset);
    accept(&mut s, SetFeatures { sv: true, ..set(1) }, 0, 0);
    assert_eq!(s.controller().volatile_write_cache.saved, Some(1));
}

#[test]
fn select_returns_default_saved_and_capabilities() {
    let get = |sel| GetFeatures { sel, ..good::get_features(Fid::VOLATILE_WRITE_CACHE) };
    let mut s = Scene::new();
    assert_eq!(broken_by(&mut s, get(1), 1), []);
    assert_eq!(broken_by(&mut s, get(1), 0), [get_features::DEFAULT_CONSTANT]);
    assert_eq!(broken_by(&mut s, get(3), 0b110), [get_features::CAPABILITIES]);
    assert_eq!(broken_by(&mut s, get(3), 0b100), []);
    // Not saveable: the saved value is the default, 0 as it was last seen.
    assert_eq!(broken_by(&mut s, get(2), 1), [get_features::SAVED_IS_DEFAULT]);
    assert_eq!(broken_by(&mut s, get(3), 0b101), []);
    assert_eq!(broken_by(&mut s, get(2), 1), []);
    assert_eq!(broken_by(&mut s, get(2), 0), [get_features::SELECT]);
    // The current value was never looked at.
    assert_eq!(s.controller().volatile_write_cache.current, None);
    // Without ONCS bit 4 the field means nothing, and nothing is learned.
    let mut s = Scene::new().with(|s| s.claims().oncs = 0);
    accept(&mut s, get(1), 1, 0);
    assert_eq!(s.controller().volatile_write_cache, Default::default());
}

#[test]
fn an_event_is_well_formed_and_masks_its_type() {
    use async_event::*;
    let mut s = Scene::new();
    s.controller().events.error_masked = No;
    assert_eq!(broken_by(&mut s, AsyncEventRequest {}, 0x0001_0100), []);
    assert!(s.controller().events.error_masked.is_yes());
    assert_eq!(broken_by(&mut s, AsyncEventRequest {}, 0x0002_0100), [DW0, ERROR_EVENT]);
    assert_eq!(broken_by(&mut s, AsyncEventRequest {}, 0x0001_0600), [ERROR_EVENT]);
    assert_eq!(broken_by(&mut s, AsyncEventRequest {}, 0x0101_0100), [DW0]);
    assert_eq!(broken_by(&mut s, AsyncEventRequest {}, 0x0000_0005), [DW0]);
    // One-shot events came after 2.0.
    assert_eq!(broken_by(&mut s, AsyncEventRequest {}, 0x0000_0204), []);
    s.revision(2, 0);
    assert_eq!(broken_by(&mut s, AsyncEventRequest {}, 0x0000_0204), [DW0]);
    accept(&mut s, GetLogPage { rae: true, ..good::get_log_page() }, 0, 0);
    assert!(s.controller().events.error_masked.is_yes(), "RAE 1 retains it");
    accept(&mut s, good::get_log_page(), 0, 0);
    assert!(s.controller().events.error_masked.is_no());
    assert_eq!(s.controller().events.error_log_reads, 1);
}

#[test]
fn an_abort_on_a_queue_that_does_not_exist_aborts_nothing() {
    let abort = |sqid| Abort { sqid: Qid(sqid), cid: Cid(1) };
    let mut s = Scene::new();
    assert_eq!(broken_by(&mut s, abort(1), 0), []);
    assert_eq!(broken_by(&mut s, abort(2), 0), [abort::SQID_UNKNOWN]);
    assert_eq!(broken_by(&mut s, abort(2), 1), []);
    assert_eq!(broken_by(&mut s, abort(1), 2), [cqe::RESERVED_DWORDS]);
}

#[test]
fn reads_and_writes_name_their_blocks_where_the_format_is_plain() {
    let mut s = Scene::new();
    let read = good::read();
    let data =
        |s: &Scene, sqe: Sqe| (rules::find(QueueKind::Nvm, &sqe).unwrap().data)(&sqe, &s.view());
    let Data::Read(blocks) = data(&s, read.into()) else { panic!("a Read reads") };
    assert_eq!((blocks.nsid, blocks.slba, blocks.count, blocks.block_bytes), (Nsid(1), 8, 8, 512));
    assert!(matches!(data(&s, good::write().into()), Data::Write(_)));
    assert!(matches!(data(&s, good::flush().into()), Data::Flush(Nsid(1))));
    // Where the second page lies is not defined.
    let across = Read { prp1: Addr(0x20_0800), prp2: Addr(0x21_0000), ..read };
    assert!(matches!(data(&s, across.into()), Data::Read(_)));
    let astray = Read { prp2: Addr(0x21_0010), ..across };
    assert!(!matches!(data(&s, astray.into()), Data::Read(b) if b.placed));
    // Metadata.
    s.world.namespace_mut(Nsid(1)).claims.as_mut().unwrap().ms = 8;
    assert!(matches!(data(&s, read.into()), Data::Unknown));
    let far = Read { slba: Lba(5), nlb: Entries(1), nsid: Nsid(9), ..read };
    assert!(matches!(data(&s, far.into()), Data::Unknown));
}

#[test]
fn footprints_conflict_where_the_order_matters() {
    let s = Scene::new();
    let of = |sqe: Sqe| {
        let rule = rules::find(QueueKind::Admin, &sqe).unwrap();
        (rule.footprint)(&sqe, &s.view())
    };
    let create_cq = of(good::create_io_cq().into());
    let create_sq = |cqid| of(CreateIoSq { cqid: Qid(cqid), ..good::create_io_sq() }.into());
    assert!(create_cq.conflicts(create_sq(3)));
    assert!(!create_cq.conflicts(create_sq(1)));
    let delete_cq = |qid| of(DeleteIoCq { qid: Qid(qid) }.into());
    let delete_sq = of(good::delete_io_sq().into());
    assert!(delete_cq(1).conflicts(delete_sq), "SQ 1 is bound to CQ 1");
    assert!(!delete_cq(2).conflicts(delete_sq));
    let grant = of(good::set_features(Fid::NUMBER_OF_QUEUES, 0).into());
    assert!(grant.conflicts(create_cq) && grant.conflicts(create_sq(1)));
    assert!(!grant.conflicts(of(good::identify(Cns::IDENTIFY_CONTROLLER, 0).into())));
    let cache = |on| of(good::set_features(Fid::VOLATILE_WRITE_CACHE, on).into());
    assert!(cache(0).conflicts(cache(1)));
    assert!(!cache(0).conflicts(grant));
    assert_eq!(of(AsyncEventRequest {}.into()).writes, Cells::NONE);
}
