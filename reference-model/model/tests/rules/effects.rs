//! What acceptance does, and what it is held to.

use model::rules;
use model::ruling::{Apply, Cells, Data, Held};
use model::state::Temperatures;
use model::truth::{No, Yes};
use rstest::rstest;
use spec::command::*;
use spec::requirement::*;
use spec::{Addr, Cid, Cns, Cqe, Entries, Fid, Lba, Lid, Nsid, Qid, QueueKind, Req, Sqe, Status};

use crate::claims::broken;
use crate::world::{Scene, good};

/// The command succeeded with these two dwords.
fn accept(scene: &mut Scene, sqe: impl Into<Sqe>, dw0: u32, dw1: u32) -> Vec<Held> {
    let sqe = sqe.into();
    // Of the commands here those with these opcodes and a namespace are I/O commands.
    let io = sqe.dw[1] == 1 && sqe.opcode() <= 2;
    let queue = if io { QueueKind::Nvm } else { QueueKind::Admin };
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

#[test]
fn a_health_event_masks_its_type_until_its_page_is_read() {
    let page = good::page(Lid::SMART_HEALTH_INFORMATION);
    let mut s = Scene::new();
    s.controller().events.health_masked = No;
    assert_eq!(broken_by(&mut s, AsyncEventRequest {}, 0x0002_0101), []);
    let events = s.controller().events;
    assert!(events.health_masked.is_yes() && !events.error_masked.is_yes());
    accept(&mut s, good::get_log_page(), 0, 0);
    accept(&mut s, GetLogPage { rae: true, ..page }, 0, 0);
    assert!(s.controller().events.health_masked.is_yes(), "another page, and RAE 1");
    accept(&mut s, page, 0, 0);
    assert!(s.controller().events.health_masked.is_no());
    assert_eq!(broken_by(&mut s, AsyncEventRequest {}, 0x0001_0101), [async_event::DW0]);
}

/// What a Get with this SEL returns.
fn get(s: &mut Scene, fid: Fid, sel: u8, dw0: u32) -> Vec<Req> {
    broken_by(s, GetFeatures { sel, ..good::get_features(fid) }, dw0)
}

#[rstest]
#[case::arbitration(Fid::ARBITRATION, 3, 5, set_features::EFFECTIVE_AT_COMPLETION)]
#[case::power_management(Fid::POWER_MANAGEMENT, 1, 2, power_management::STATE)]
#[case::temperature_threshold(Fid::TEMPERATURE_THRESHOLD, 300, 310, temperature_threshold::OVER)]
#[case::error_recovery(Fid::ERROR_RECOVERY, 10, 11, error_recovery::VALUE)]
#[case::coalescing(Fid::INTERRUPT_COALESCING, 0x0504, 0x0501, interrupt_coalescing::VALUE)]
#[case::vector(Fid::INTERRUPT_VECTOR_CONFIGURATION, 0x1_0001, 0x0_0001, interrupt_vector::VALUE)]
#[case::atomicity(Fid::WRITE_ATOMICITY_NORMAL, 1, 0, write_atomicity::VALUE)]
#[case::events(Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 0x1f, 0x1d, event_configuration::VALUE)]
fn a_value_is_what_was_set(
    #[case] fid: Fid,
    #[case] value: u32,
    #[case] other: u32,
    #[case] by: Req,
) {
    let set = |cdw11: u32| good::set_features(fid, cdw11);
    let mut s = Scene::new();
    assert_eq!(get(&mut s, fid, 0, other), [], "seen for the first time");
    assert_eq!(get(&mut s, fid, 0, value), [by], "it changed by itself");
    assert_eq!(get(&mut s, fid, 0, value), [], "what was seen is adopted");
    assert_eq!(broken_by(&mut s, set(other), 0), []);
    assert_eq!(get(&mut s, fid, 0, other), []);
    assert_eq!(get(&mut s, fid, 0, value), [by]);
    assert_eq!(broken(&accept(&mut s, set(value), 0, 1)), [cqe::RESERVED_DWORDS]);
    // An Abort may have come before or after the change.
    s.controller().forget_feature(&set(other).into());
    assert_eq!(get(&mut s, fid, 0, other), []);
    let reserved = rules::features::value::of(fid).expect("of one dword").reserved;
    if reserved != 0 {
        let bit = reserved & reserved.wrapping_neg();
        assert_eq!(get(&mut s, fid, 0, other | bit), [cqe::RESERVED_DWORDS]);
    }
}

/// Values after a reset: `by` is the requirement that the default is back, where a text was read that
/// says so.
#[rstest]
#[case::arbitration(Fid::ARBITRATION, 3, 5, Some(reset::FEATURES_DEFAULT))]
#[case::power_management(Fid::POWER_MANAGEMENT, 1, 2, None)]
#[case::temperature(Fid::TEMPERATURE_THRESHOLD, 300, 310, Some(reset::FEATURES_DEFAULT))]
#[case::error_recovery(Fid::ERROR_RECOVERY, 10, 11, None)]
#[case::coalescing(Fid::INTERRUPT_COALESCING, 0, 5, Some(interrupt_coalescing::RESET))]
#[case::vector(Fid::INTERRUPT_VECTOR_CONFIGURATION, 1, 0x1_0001, Some(interrupt_vector::DEFAULT))]
#[case::atomicity(Fid::WRITE_ATOMICITY_NORMAL, 1, 0, None)]
#[case::events(Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 0x1f, 0x1d, Some(reset::FEATURES_DEFAULT))]
fn a_reset_leaves_the_default_or_what_was_saved(
    #[case] fid: Fid,
    #[case] default: u32,
    #[case] other: u32,
    #[case] by: Option<Req>,
) {
    let specific = if fid == Fid::ERROR_RECOVERY { 0b010 } else { 0 };
    let mut s = Scene::new();
    assert_eq!(get(&mut s, fid, 3, 0b100 | specific), []);
    assert_eq!(get(&mut s, fid, 3, 0b100 | !specific & 0b010), [get_features::CAPABILITIES]);
    assert_eq!(get(&mut s, fid, 3, 0b100 | specific), []);
    assert_eq!(get(&mut s, fid, 1, default), []);
    let set = good::set_features(fid, other);
    accept(&mut s, set, 0, 0);
    s.controller().features.reset(false);
    let mut right = s.clone();
    assert_eq!(get(&mut right, fid, 0, default), []);
    assert_eq!(get(&mut s, fid, 0, other), by.into_iter().collect::<Vec<_>>());
    // What can be saved, and was, comes back; of a namespace's value another controller may decide.
    let mut s = Scene::new();
    assert_eq!(get(&mut s, fid, 3, 0b101 | specific), []);
    assert_eq!(get(&mut s, fid, 1, default), []);
    accept(&mut s, SetFeatures { sv: true, ..set }, 0, 0);
    s.controller().features.reset(false);
    let kept = (fid != Fid::ERROR_RECOVERY).then_some(reset::SAVED_FEATURES);
    assert_eq!(get(&mut s, fid, 0, default), kept.into_iter().collect::<Vec<_>>());
}

#[test]
fn the_text_gives_some_defaults() {
    use temperature_threshold::{OVER, SENSOR_DEFAULTS};
    let mut s = Scene::new().with(|s| s.claims().wctemp = 340);
    assert_eq!(get(&mut s, Fid::TEMPERATURE_THRESHOLD, 1, 339), [OVER]);
    assert_eq!(get(&mut s, Fid::TEMPERATURE_THRESHOLD, 1, 340), [get_features::DEFAULT_CONSTANT]);
    assert_eq!(get(&mut s, Fid::INTERRUPT_COALESCING, 1, 5), [interrupt_coalescing::RESET]);
    let vector = Fid::INTERRUPT_VECTOR_CONFIGURATION;
    assert_eq!(get(&mut s, vector, 1, 0x1_0001), [interrupt_vector::DEFAULT]);
    assert_eq!(get(&mut s, Fid::ERROR_RECOVERY, 1, 1 << 16), [error_recovery::VALUE]);
    let sensors = [0, 310, 0, 0, 0, 0, 0, 0];
    s.controller().temperatures = Some(Temperatures { composite: 310, sensors });
    let of = |tmpsel: u32, thsel: u32| GetFeatures {
        sel: 1,
        cdw11: tmpsel << 16 | thsel << 20,
        ..good::get_features(Fid::TEMPERATURE_THRESHOLD)
    };
    assert_eq!(broken_by(&mut s, of(2, 0), 0xfffe), [SENSOR_DEFAULTS]);
    assert_eq!(broken_by(&mut s, of(2, 1), 1), [SENSOR_DEFAULTS]);
    assert_eq!(broken_by(&mut s, of(1, 0), 5), [], "a sensor that is not there");
}

#[test]
fn each_temperature_has_its_thresholds() {
    use temperature_threshold::{ALL_SENSORS, OVER, SENSORS, UNDER};
    let fid = Fid::TEMPERATURE_THRESHOLD;
    let select = |tmpsel: u32, thsel: u32| tmpsel << 16 | thsel << 20;
    let set = |of: u32, kelvins: u32| good::set_features(fid, of | kelvins);
    let seen = |s: &mut Scene, of: u32, kelvins: u32| {
        broken_by(s, GetFeatures { cdw11: of, ..good::get_features(fid) }, kelvins)
    };
    let (composite, under) = (select(0, 0), select(0, 1));
    let mut s = Scene::new().with(|s| s.claims().wctemp = 340);
    let sensors = [305, 310, 0, 0, 0, 0, 0, 0];
    s.controller().temperatures = Some(Temperatures { composite: 310, sensors });
    for (of, kelvins) in [(composite, 330), (under, 280), (select(1, 0), 331), (select(2, 0), 332)]
    {
        accept(&mut s, set(of, kelvins), 0, 0);
    }
    assert_eq!(seen(&mut s.clone(), composite, 280), [OVER]);
    assert_eq!(seen(&mut s.clone(), under, 330), [UNDER]);
    assert_eq!(seen(&mut s.clone(), select(1, 0), 332), [SENSORS]);
    assert_eq!(seen(&mut s.clone(), select(2, 0), 332), []);
    // All sensors at once, and no other temperature.
    accept(&mut s, set(select(15, 0), 333), 0, 0);
    assert_eq!(seen(&mut s.clone(), select(1, 0), 331), [ALL_SENSORS]);
    assert_eq!(seen(&mut s.clone(), select(2, 0), 333), []);
    assert_eq!(seen(&mut s.clone(), composite, 333), [OVER]);
    // One of them again.
    accept(&mut s, set(select(2, 0), 334), 0, 0);
    assert_eq!(seen(&mut s.clone(), select(2, 0), 333), [SENSORS]);
    assert_eq!(seen(&mut s.clone(), select(1, 0), 333), []);
    // Of a sensor that is not there nothing is said.
    accept(&mut s, set(select(3, 0), 335), 0, 0);
    assert_eq!(seen(&mut s, select(3, 0), 1), []);
}

#[test]
fn features_of_namespaces_and_vectors_have_a_value_for_each() {
    let mut s = Scene::new();
    let recovery =
        |nsid: u32| GetFeatures { nsid: Nsid(nsid), ..good::get_features(Fid::ERROR_RECOVERY) };
    let set = |nsid: u32, value: u32| SetFeatures {
        nsid: Nsid(nsid),
        ..good::set_features(Fid::ERROR_RECOVERY, value)
    };
    accept(&mut s, set(1, 5), 0, 0);
    accept(&mut s, set(2, 6), 0, 0);
    assert_eq!(broken_by(&mut s.clone(), recovery(1), 6), [error_recovery::VALUE]);
    assert_eq!(broken_by(&mut s.clone(), recovery(2), 6), []);
    accept(&mut s, set(u32::MAX, 7), 0, 0);
    assert_eq!(broken_by(&mut s, recovery(2), 6), [set_features::BROADCAST]);
    let vector = |iv: u32| GetFeatures {
        cdw11: iv,
        ..good::get_features(Fid::INTERRUPT_VECTOR_CONFIGURATION)
    };
    let set = |value: u32| good::set_features(Fid::INTERRUPT_VECTOR_CONFIGURATION, value);
    accept(&mut s, set(0x1_0001), 0, 0);
    accept(&mut s, set(0x0_0002), 0, 0);
    assert_eq!(broken_by(&mut s.clone(), vector(1), 0x1_0001), []);
    assert_eq!(broken_by(&mut s.clone(), vector(2), 0x1_0002), [interrupt_vector::VALUE]);
    assert_eq!(broken_by(&mut s, vector(2), 0x0_0001), [interrupt_vector::VALUE], "whose is it");
}

#[test]
fn a_controller_leaves_a_power_state_by_itself_where_it_may() {
    let (set, get) =
        (good::set_features(Fid::POWER_MANAGEMENT, 3), good::get_features(Fid::POWER_MANAGEMENT));
    let left = |change: fn(&mut Scene)| {
        let mut s = Scene::new().with(change);
        accept(&mut s, set, 0, 0);
        broken_by(&mut s, get, 0)
    };
    assert_eq!(left(|_| {}), [power_management::STATE]);
    assert_eq!(left(|s| s.claims().nops = 1 << 3), []);
    assert_eq!(left(|s| s.claims().apsta = 1), []);
    assert_eq!(left(|s| s.controller().claims = None), []);
}

/// Bits that mean nothing to this controller need not come back as they were set.
#[test]
fn only_what_means_something_comes_back() {
    use spec::register::Cap;
    let weights = |ams: u8| {
        let mut s = Scene::new().with(|s| s.controller().cap = Some(Cap::new().with_ams(ams)));
        accept(&mut s, good::set_features(Fid::ARBITRATION, 0x0201_0003), 0, 0);
        get(&mut s, Fid::ARBITRATION, 0, 3)
    };
    assert_eq!(weights(0), []);
    assert_eq!(weights(1), [set_features::EFFECTIVE_AT_COMPLETION]);
    let notices = |oaes: u32| {
        let mut s = Scene::new().with(|s| s.claims().oaes = oaes);
        accept(&mut s, good::set_features(Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 0x102), 0, 0);
        get(&mut s, Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 0, 2)
    };
    assert_eq!(notices(0), []);
    assert_eq!(notices(1 << 8), [event_configuration::VALUE]);
}
