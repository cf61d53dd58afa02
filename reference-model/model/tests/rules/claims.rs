//! Predicates over returned structures: a good structure breaks none, and each change breaks one.

use std::collections::BTreeSet;

use model::rules::identify::{controller as rule_01h, namespace as rule_00h};
use model::rules::{self, log_pages::error_information};
use model::ruling::{Apply, Data, Held};
use model::state::Controller;
use spec::command::*;
use spec::identify::*;
use spec::log_page::ErrorInformation;
use spec::requirement::*;
use spec::structure::Text;
use spec::{Cns, Cqe, Nsid, Qid, QueueKind, Req, Sqe};

use crate::world::{Scene, good};

/// Shows `bytes` as what the successful command `sqe` returned; what was held against it.
pub fn show(scene: &mut Scene, ctrl: u8, sqe: Sqe, bytes: &[u8]) -> Vec<Held> {
    let rule = rules::find(QueueKind::Admin, &sqe).expect("modelled");
    let Data::Returns { seen, bytes: length } = (rule.data)(&sqe, &scene.view()) else {
        panic!("{} returns no data", rule.name)
    };
    assert_eq!(length as usize, bytes.len(), "{}", rule.name);
    let version = scene.version();
    let mut held = Vec::new();
    let cqe = Cqe::default();
    let Scene { world, memory, .. } = scene;
    let (sqe, cqe) = (&sqe, &cqe);
    seen(
        &mut Apply { world, ctrl, sqid: Qid(0), sqe, cqe, version, memory, held: &mut held },
        bytes,
    );
    held
}

/// What does not agree.
pub fn broken(held: &[Held]) -> Vec<Req> {
    held.iter().filter(|held| held.broken.is_some()).map(|held| held.req).collect()
}

pub fn identify_controller() -> IdentifyController {
    let mut id = IdentifyController::zeroed();
    id.set()
        .vid(0x1b36)
        .sn(Text::padded("SERIAL 1", b' '))
        .mn(Text::padded("a controller", b' '))
        .fr(Text::padded("1.0", b' '))
        .ieee([1, 2, 3])
        .mdts(3)
        .ver(0x0002_0300)
        .bpcap(1)
        .cntrltype(1)
        .acl(3)
        .aerl(3)
        .frmw(2)
        .lpa(4)
        .elpe(15)
        .npss(1)
        .wctemp(340)
        .cctemp(350)
        .sqes(0x66)
        .cqes(0x44)
        .nn(4)
        .oncs(1 << 4)
        .vwc(7)
        .awun(7)
        .subnqn(Text::padded("nqn.2019-08.org.example:one", 0));
    let mut states = [0; 1024];
    // State 0: 25 W, active power 10 W under workload 1. State 1: 5 W.
    states[..2].copy_from_slice(&2500u16.to_le_bytes());
    states[20..22].copy_from_slice(&1000u16.to_le_bytes());
    states[22] = 0b1000_0001;
    states[32..34].copy_from_slice(&500u16.to_le_bytes());
    id.set().psd(states);
    id
}

pub fn identify_namespace() -> IdentifyNamespace {
    let mut ns = IdentifyNamespace::zeroed();
    let mut formats = [LbaFormat::new(); 64];
    formats[0] = LbaFormat::new().with_lbads(9);
    formats[1] = LbaFormat::new().with_lbads(12).with_ms(8);
    ns.set().nsze(1000).ncap(1000).nuse(10).nlbaf(1).dlfeat(1).lbaf(formats).nguid([7; 16]);
    ns
}

fn of_controller(change: impl FnOnce(&mut IdentifyController)) -> Vec<Req> {
    let mut id = identify_controller();
    change(&mut id);
    let sqe = good::identify(Cns::IDENTIFY_CONTROLLER, 0).into();
    broken(&show(&mut Scene::new(), 0, sqe, id.bytes()))
}

fn of_namespace(nsid: u32, change: impl FnOnce(&mut IdentifyNamespace)) -> Vec<Req> {
    let mut ns = identify_namespace();
    change(&mut ns);
    let sqe = good::identify(Cns::IDENTIFY_NAMESPACE, nsid).into();
    broken(&show(&mut Scene::new(), 0, sqe, ns.bytes()))
}

fn psd(id: &mut IdentifyController, at: usize, byte: u8) {
    let mut states = id.psd();
    states[at] = byte;
    id.set().psd(states);
}

/// Ends a chain of setters.
fn done<T>(_: T) {}

type ChangeController = fn(&mut IdentifyController);

/// For each predicate of Identify Controller, a change that breaks it and no other.
const CONTROLLER: &[(Req, ChangeController)] = {
    use spec::requirement::identify_controller::*;
    &[
        (STRINGS, |id| done(id.set().sn(Text::padded("tab\there", b' ')))),
        (STRINGS, |id| done(id.set().mn(Text::padded(" right", b' ')))),
        (IEEE, |id| done(id.set().ieee([0; 3]))),
        (CMIC, |id| done(id.set().cmic(0x10))),
        (VER, |id| done(id.set().ver(0x0002_0000))),
        (CTRATT_GRANULARITY, |id| done(id.set().ctratt(1 << 7))),
        (CTRATT_FDP, |id| done(id.set().ctratt(1 << 19 | 1 << 11))),
        (CTRATT_SETS, |id| done(id.set().ctratt(1 << 2))),
        (RRLS, |id| done(id.set().ctratt(1 << 3).rrls(0x10))),
        (BPCAP, |id| done(id.set().bpcap(0))),
        (CNTRLTYPE, |id| done(id.set().cntrltype(0))),
        (VWCI, |id| done(id.set().vwci(1))),
        (ACL, |id| done(id.set().acl(2))),
        (FRMW, |id| done(id.set().frmw(0))),
        (NPSS, |id| done(id.set().npss(32))),
        (TEMPERATURES, |id| done(id.set().wctemp(0))),
        (HMPRE, |id| done(id.set().hmpre(1).hmmin(2))),
        (CAPACITY, |id| done(id.set().oacs(1 << 3).tnvmcap(1).unvmcap(2))),
        (RPMB, |id| done(id.set().rpmbs(1))),
        (DSTO, |id| done(id.set().dsto(2))),
        (SANICAP, |id| done(id.set().sanicap(2))),
        (SANICAP, |id| done(id.set().sanicap(1 << 30))),
        (SANICAP_VERIFICATION, |id| done(id.set().sanicap(1 << 30 | 4 | 8))),
        (ANA, |id| done(id.set().anatt(1))),
        (DOMAIN, |id| done(id.set().did(1))),
        (MPTFAWR, |id| done(id.set().mptfawr(1))),
        (SQES, |id| done(id.set().sqes(0x56))),
        (CQES, |id| done(id.set().cqes(0x43))),
        (FUSES, |id| done(id.set().fuses(2))),
        (FNA, |id| done(id.set().oacs(2).fna(9))),
        (VWC_FLUSH, |id| done(id.set().vwc(1))),
        (AWUPF, |id| done(id.set().awupf(8))),
        (NWPC, |id| done(id.set().nwpc(2))),
        (ACWU, |id| done(id.set().acwu(1))),
        (MNAN, |id| done(id.set().cmic(8).mnan(5).anatt(1).anagrpmax(1).nanagrpid(1))),
        (MAXCNA, |id| done(id.set().maxcna(5))),
        (TRATTR, |id| done(id.set().rhiri(1))),
        (SUBNQN, |id| done(id.set().subnqn(Text::padded("iqn.2019", 0)))),
        (POWER_ORDER, |id| psd(id, 33, 0x40)),
        (POWER_NOPS, |id| psd(id, 3, 2)),
        (POWER_RELATIVE, |id| psd(id, 12, 2)),
        (POWER_ACTIVE, |id| psd(id, 22, 1)),
        (identify::RESERVED_ZERO, |id| done(id.set().oncs(1 << 15))),
        (identify::RESERVED_ZERO, |id| id.0[1500] = 1),
    ]
};

/// Whether the catalogue's condition lets the requirement apply to a controller that says so: a
/// predicate is evaluated, and may be broken, where it does not.
fn applies(req: Req, id: &IdentifyController) -> bool {
    let mut controller = Scene::new().world.controllers.remove(0);
    if let Some(claims) = &mut controller.claims {
        *claims = model::state::ControllerClaims {
            cmic: id.cmic(),
            ctratt: id.ctratt(),
            oacs: id.oacs(),
            fuses: id.fuses(),
            ..*claims
        };
    }
    req.info().when.holds(&controller) == Some(true)
}

fn those_that_apply(all: Vec<Req>, change: ChangeController) -> Vec<Req> {
    let mut id = identify_controller();
    change(&mut id);
    all.into_iter().filter(|req| applies(*req, &id)).collect()
}

#[test]
fn a_good_controller_breaks_nothing_and_each_change_one_predicate() {
    let untouched: ChangeController = |_| {};
    assert_eq!(those_that_apply(of_controller(untouched), untouched), []);
    for (req, change) in CONTROLLER {
        assert_eq!(those_that_apply(of_controller(change), *change), [*req], "{req}");
    }
}

#[test]
fn every_predicate_of_a_controller_has_a_change() {
    let tested: BTreeSet<Req> = CONTROLLER.iter().map(|(req, _)| *req).collect();
    let open = [identify_controller::ONCS_WRITE_ZEROES];
    let missing: Vec<_> = rule_01h::CLAIMS
        .iter()
        .map(|claim| claim.req)
        .filter(|req| !tested.contains(req) && !open.contains(req))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

type ChangeNamespace = fn(&mut IdentifyNamespace);

const NAMESPACE: &[(Req, ChangeNamespace)] = {
    use spec::requirement::identify_namespace::*;
    &[
        (CAPACITY_ORDER, |ns| done(ns.set().nuse(1001))),
        (NCAP, |ns| done(ns.set().ncap(999))),
        (NLBAF, |ns| done(ns.set().nlbaf(64))),
        (LBADS, |ns| done(ns.set().lbaf([LbaFormat::new().with_lbads(8); 64]))),
        (METADATA_CAPABILITIES, |ns| done(ns.set().flbas(1))),
        (PROTECTION_LOCATION, |ns| done(ns.set().dps(8))),
        (PROTECTION_TYPE, |ns| done(ns.set().dps(1))),
        (DLFEAT, |ns| done(ns.set().dlfeat(3))),
        (ATOMIC_SIZES, |ns| done(ns.set().nsfeat(2).nawun(6))),
        (ATOMIC_BOUNDARIES, |ns| done(ns.set().nsfeat(2).nawun(8).nabsn(7))),
        (NABO, |ns| done(ns.set().nabo(1))),
        (identify::RESERVED_ZERO, |ns| ns.0[100 - 2] = 1),
    ]
};

#[test]
fn a_good_namespace_breaks_nothing_and_each_change_one_predicate() {
    let copy = identify_namespace::COPY_LIMITS; // Applies with ONCS bit 8 only.
    let without = |all: Vec<Req>| all.into_iter().filter(|req| *req != copy).collect::<Vec<_>>();
    assert_eq!(without(of_namespace(1, |_| {})), []);
    for (req, change) in NAMESPACE {
        let mut scene = Scene::new();
        scene.claims().awun = 7;
        let mut ns = identify_namespace();
        change(&mut ns);
        let sqe = good::identify(Cns::IDENTIFY_NAMESPACE, 1).into();
        assert_eq!(without(broken(&show(&mut scene, 0, sqe, ns.bytes()))), [*req], "{req}");
    }
    let tested: BTreeSet<Req> = NAMESPACE.iter().map(|(req, _)| *req).chain([copy]).collect();
    let missing: Vec<_> =
        rule_00h::CLAIMS.iter().map(|c| c.req).filter(|req| !tested.contains(req)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn an_inactive_namespace_is_all_zero() {
    let inactive = 3;
    assert_eq!(of_namespace(inactive, |_| {}), [identify_namespace::NSID_INACTIVE]);
    assert_eq!(of_namespace(inactive, |ns| *ns = IdentifyNamespace::zeroed()), []);
}

#[test]
fn what_was_not_known_to_be_active_is_learned_from_the_structure() {
    let fresh = || Scene::new().with(|s| s.controller().active = Default::default());
    let sqe: Sqe = good::identify(Cns::IDENTIFY_NAMESPACE, 3).into();
    let mut scene = fresh();
    show(&mut scene, 0, sqe, &[0; 4096]);
    assert!(scene.controller().active.is_active(Nsid(3)).is_no());
    let mut scene = fresh();
    show(&mut scene, 0, sqe, identify_namespace().bytes());
    assert!(scene.controller().active.is_active(Nsid(3)).is_yes());
    assert_eq!(scene.world.namespace(Nsid(3)).unwrap().claims.unwrap().block_bytes, 512);
}

fn list(nsids: &[u32]) -> NamespaceList {
    NamespaceList::of(nsids.iter().map(|n| Nsid(*n)))
}

fn of_list(after: u32, list: &NamespaceList) -> (Vec<Req>, Scene) {
    let mut scene = Scene::new().with(|s| s.controller().active = Default::default());
    let sqe = good::identify(Cns::ACTIVE_NAMESPACE_ID_LIST, after).into();
    (broken(&show(&mut scene, 0, sqe, &list.0)), scene)
}

#[test]
fn an_active_list_rises_above_nsid_and_ends_in_zeroes() {
    use identify_active_list::ORDER;
    let (held, mut scene) = of_list(0, &list(&[1, 4]));
    assert_eq!(held, []);
    assert!(scene.controller().active.is_active(Nsid(2)).is_no());
    assert!(scene.controller().active.is_active(Nsid(4)).is_yes());
    assert_eq!(of_list(0, &list(&[2, 1])).0, [ORDER]);
    assert_eq!(of_list(0, &list(&[1, 1])).0, [ORDER]);
    assert_eq!(of_list(1, &list(&[1, 2])).0, [ORDER]);
    assert_eq!(of_list(1, &list(&[2, 3])).0, []);
    assert_eq!(of_list(0, &list(&[1, 5])).0, [identify_controller::NN]);
    let mut holed = list(&[1]);
    holed.0[8] = 2;
    assert_eq!(of_list(0, &holed).0, [identify::LIST_ZERO_FILLED]);
}

#[test]
fn controllers_of_one_subsystem_agree_and_differ_where_they_must() {
    let sqe: Sqe = good::identify(Cns::IDENTIFY_CONTROLLER, 0).into();
    let both = || {
        let mut scene = Scene::new();
        scene.world.controllers.push(scene.world.controllers[0].clone());
        scene.world.controllers[1].claims = None;
        let mut first = identify_controller();
        first.set().cmic(2);
        show(&mut scene, 0, sqe, first.bytes());
        scene
    };
    let second = |change: ChangeController| {
        let mut id = identify_controller();
        id.set().cmic(2).cntlid(1);
        change(&mut id);
        let together: Vec<Req> = rule_01h::TOGETHER.iter().map(|claim| claim.req).collect();
        let mut held = broken(&show(&mut both(), 1, sqe, id.bytes()));
        held.retain(|req| together.contains(req));
        held
    };
    assert_eq!(second(|_| {}), []);
    assert_eq!(second(|id| done(id.set().cmic(0))), [controller::CMIC]);
    assert_eq!(second(|id| done(id.set().cntlid(0))), [controller::OWN_CNTLID]);
    assert_eq!(second(|id| done(id.set().nn(5))), [controller::SAME_NN]);
    let other = |id: &mut IdentifyController| done(id.set().sn(Text::padded("OTHER", b' ')));
    assert_eq!(second(other), [controller::SAME_SERIAL_AND_MODEL]);
    let other = |id: &mut IdentifyController| done(id.set().subnqn(Text::padded("nqn.two", 0)));
    assert_eq!(second(other), [controller::SAME_SUBNQN]);
}

#[test]
fn a_namespace_shared_by_two_controllers_looks_the_same_through_both() {
    let sqe: Sqe = good::identify(Cns::IDENTIFY_NAMESPACE, 1).into();
    let through_second = |change: ChangeNamespace| {
        let mut scene = Scene::new();
        scene.world.controllers.push(scene.world.controllers[0].clone());
        let mut ns = identify_namespace();
        ns.set().nmic(1);
        show(&mut scene, 0, sqe, ns.bytes());
        change(&mut ns);
        let held = show(&mut scene, 1, sqe, ns.bytes());
        let shared = [controller::SHARED_MARKED, controller::SAME_NAMESPACE_DATA];
        broken(&held).into_iter().filter(|req| shared.contains(req)).collect::<Vec<_>>()
    };
    assert_eq!(through_second(|_| {}), []);
    assert_eq!(through_second(|ns| done(ns.set().nuse(11))), []);
    assert_eq!(through_second(|ns| done(ns.set().nsze(999))), [controller::SAME_NAMESPACE_DATA]);
    // Whether it is write protected may have changed in between.
    assert_eq!(through_second(|ns| done(ns.set().nsattr(1))), []);
    let other = through_second(|ns| done(ns.set().nguid([8; 16]).nsze(999)));
    assert_eq!(other, [], "another identifier: another namespace");
}

fn entry(ecnt: u64) -> ErrorInformation {
    let mut entry = ErrorInformation::zeroed();
    entry.set().ecnt(ecnt).sqid(1).cid(2).lpver(1);
    entry
}

fn of_log(controller: impl FnOnce(&mut Controller), entries: &[ErrorInformation]) -> Vec<Req> {
    let mut scene = Scene::new().with(|s| controller(s.controller()));
    let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.0).collect();
    let sqe = GetLogPage { numdl_z: (bytes.len() / 4 - 1) as u16, ..good::get_log_page() }.into();
    broken(&show(&mut scene, 0, sqe, &bytes))
}

#[test]
fn an_error_log_falls_from_the_newest_entry_and_is_empty_after_a_reset() {
    use error_log::*;
    assert_eq!(error_information::CLAIMS.len(), 5, "each predicate is broken below");
    let nothing = |_: &mut Controller| {};
    let log = [entry(9), entry(7), entry(0), entry(1)];
    assert_eq!(of_log(nothing, &log), []);
    assert_eq!(of_log(nothing, &[entry(7), entry(9)]), [ORDER]);
    assert_eq!(of_log(nothing, &[entry(1), entry(u64::MAX)]), [], "the count wraps");
    let reset = |c: &mut Controller| c.error_log.count = 9;
    assert_eq!(of_log(reset, &[entry(10), entry(9)]), [EMPTIED]);
    assert_eq!(of_log(reset, &[entry(10), entry(0)]), []);
    let odd = |change: fn(&mut ErrorInformation)| {
        let mut one = entry(5);
        change(&mut one);
        of_log(nothing, &[one])
    };
    assert_eq!(odd(|e| done(e.set().sqid(0xffff))), [NO_COMMAND]);
    assert_eq!(odd(|e| done(e.set().sqid(0xffff).cid(0xffff).pel(0xffff))), []);
    assert_eq!(odd(|e| done(e.set().lpver(0))), [VERSION]);
    assert_eq!(odd(|e| done(e.set().pel(0x0800))), [RESERVED_ZERO]);
    assert_eq!(odd(|e| e.0[50] = 1), [RESERVED_ZERO]);
}

/// A read with an offset in the middle of an entry is judged from the next entry on.
#[test]
fn a_part_of_the_error_log_is_judged_by_its_whole_entries() {
    let mut bytes = vec![0xff; 32];
    bytes.extend([entry(3), entry(5)].iter().flat_map(|e| e.0));
    let sqe = GetLogPage { numdl_z: (bytes.len() / 4 - 1) as u16, lpo: 32, ..good::get_log_page() };
    let held = show(&mut Scene::new(), 0, sqe.into(), &bytes);
    assert_eq!(broken(&held), [error_log::ORDER]);
}
