//! Structures that are read again: as they were, or else.

use model::lives::Lives;
use model::ruling::{Held, Weight};
use spec::command::*;
use spec::identify::*;
use spec::log_page::ErrorInformation;
use spec::requirement::*;
use spec::{Cns, Nsid, Req, Sqe};

use crate::claims::{self, identify_controller, identify_namespace, show};
use crate::world::{Scene, good};

/// What of these requirements does not agree; others depend on claims that the scene does not hold.
fn broken(held: &[Held]) -> Vec<Req> {
    let mine = [
        identify::SAME_AGAIN,
        identify_controller::FGUID,
        identify_controller::CIU,
        identify_controller::CIRN,
        identify_descriptors::CONSTANT,
        reset::ATTACHMENTS_KEPT,
        error_log::UNIQUE,
        error_log::COUNT_CONTINUES,
    ];
    claims::broken(held).into_iter().filter(|req| mine.contains(req)).collect()
}

/// What is an anomaly: legal, and no healthy controller does it.
fn odd(held: &[Held]) -> Vec<Req> {
    held.iter()
        .filter(|held| held.broken.is_some() && held.weight == Weight::Odd)
        .map(|held| held.req)
        .collect()
}

fn happens(scene: &mut Scene, what: impl FnOnce(&mut Lives)) {
    what(&mut scene.controller().lives);
}

fn controller_again(
    happened: impl FnOnce(&mut Lives),
    change: impl FnOnce(&mut IdentifyController),
) -> Vec<Held> {
    let sqe: Sqe = good::identify(Cns::IDENTIFY_CONTROLLER, 0).into();
    let mut scene = Scene::new();
    let mut id = identify_controller();
    id.set().ciu(0xff).cirn(77);
    show(&mut scene, 0, sqe, id.bytes());
    happens(&mut scene, happened);
    change(&mut id);
    show(&mut scene, 0, sqe, id.bytes())
}

fn nothing(_: &mut Lives) {}

fn done<T>(_: T) {}

#[test]
fn a_controller_says_the_same_again_save_what_moves_by_itself() {
    assert_eq!(broken(&controller_again(nothing, |_| {})), []);
    let held = controller_again(nothing, |id| done(id.set().mdts(4)));
    assert_eq!(odd(&held), [identify::SAME_AGAIN]);
    let said =
        held.iter().filter(|held| held.weight == Weight::Odd).find_map(|held| held.broken.as_ref());
    let said = said.expect("one");
    assert_eq!(said.observed, "MDTS (byte 77) is 04h");
    let held = controller_again(nothing, |id| done(id.set().fguid([3; 16])));
    assert_eq!((odd(&held), broken(&held)), (vec![], vec![identify_controller::FGUID]));
    for moved in [4095, 3072, 240] {
        assert_eq!(broken(&controller_again(nothing, |id| id.0[moved] = 9)), [], "byte {moved}");
    }
}

#[test]
fn an_instance_of_a_controller_is_counted_and_numbered() {
    let ready_twice = |lives: &mut Lives| lives.readies += 2;
    let (ciu, cirn) = (identify_controller::CIU, identify_controller::CIRN);
    assert_eq!(broken(&controller_again(ready_twice, |id| done(id.set().ciu(2).cirn(78)))), []);
    assert_eq!(broken(&controller_again(ready_twice, |id| done(id.set().ciu(1)))), [ciu]);
    assert_eq!(broken(&controller_again(nothing, |id| done(id.set().ciu(1)))), [ciu]);
    assert_eq!(broken(&controller_again(nothing, |id| done(id.set().cirn(78)))), [cirn]);
    assert_eq!(broken(&controller_again(ready_twice, |id| done(id.set().ciu(2).cirn(0)))), [cirn]);
    // It may have become ready where nobody looked.
    let unsure = |lives: &mut Lives| lives.unsure += 1;
    assert_eq!(broken(&controller_again(unsure, |id| done(id.set().ciu(7).cirn(78)))), []);
}

fn namespace_again(
    happened: impl FnOnce(&mut Lives),
    change: impl FnOnce(&mut IdentifyNamespace),
) -> Vec<Held> {
    let sqe: Sqe = good::identify(Cns::IDENTIFY_NAMESPACE, 1).into();
    let mut scene = Scene::new();
    let mut ns = identify_namespace();
    ns.set().nguid([5; 16]);
    show(&mut scene, 0, sqe, ns.bytes());
    happens(&mut scene, happened);
    change(&mut ns);
    show(&mut scene, 0, sqe, ns.bytes())
}

#[test]
fn a_namespace_says_the_same_again_unless_it_is_another() {
    let power = |lives: &mut Lives| lives.power_losses += 1;
    let reset = |lives: &mut Lives| lives.resets += 1;
    assert_eq!(broken(&namespace_again(power, |_| {})), []);
    for happened in [nothing, power, reset] {
        let held = namespace_again(happened, |ns| done(ns.set().noiob(8)));
        assert_eq!(odd(&held), [identify::SAME_AGAIN]);
    }
    let another = |ns: &mut IdentifyNamespace| done(ns.set().nguid([6; 16]));
    assert_eq!(broken(&namespace_again(reset, another)), [identify_descriptors::CONSTANT]);
    // While power is off, an NSID may become that of another namespace.
    assert_eq!(broken(&namespace_again(power, another)), []);
    assert_eq!(broken(&namespace_again(nothing, |ns| done(ns.set().nuse(3).fpi(0x80)))), []);
    assert_eq!(broken(&namespace_again(nothing, |ns| ns.0[384] = 1)), []);
}

fn list_again(happened: impl FnOnce(&mut Lives), second: &[u32]) -> Vec<Held> {
    let sqe: Sqe = good::identify(Cns::ACTIVE_NAMESPACE_ID_LIST, 0).into();
    let mut scene = Scene::new();
    let of = |ids: &[u32]| NamespaceList::of(ids.iter().map(|id| Nsid(*id))).0;
    show(&mut scene, 0, sqe, &of(&[1, 2]));
    happens(&mut scene, happened);
    show(&mut scene, 0, sqe, &of(second))
}

#[test]
fn namespaces_stay_attached() {
    let reset = |lives: &mut Lives| lives.resets += 1;
    let power = |lives: &mut Lives| *lives = Lives { resets: 1, power_losses: 1, ..*lives };
    for happened in [nothing, reset, power] {
        assert_eq!(broken(&list_again(happened, &[1, 2])), []);
    }
    for wrong in [&[1][..], &[1, 2, 3]] {
        assert_eq!(odd(&list_again(nothing, wrong)), [identify::SAME_AGAIN]);
        let held = list_again(reset, wrong);
        assert_eq!((odd(&held), broken(&held)), (vec![], vec![reset::ATTACHMENTS_KEPT]));
        assert_eq!(broken(&list_again(power, wrong)), []);
    }
}

fn entry(ecnt: u64, cid: u16) -> ErrorInformation {
    let mut entry = ErrorInformation::zeroed();
    entry.set().ecnt(ecnt).sqid(1).cid(cid).lpver(1);
    entry
}

/// Reads of the log, one after the other; what is found at the last.
fn logs(happened: impl FnOnce(&mut Lives), reads: &[&[ErrorInformation]]) -> Vec<Held> {
    let mut scene = Scene::new();
    let mut happened = Some(happened);
    let mut held = Vec::new();
    for (n, entries) in reads.iter().enumerate() {
        if n + 1 == reads.len()
            && let Some(happened) = happened.take()
        {
            happens(&mut scene, happened);
        }
        let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.0).collect();
        let numdl_z = (bytes.len() / 4 - 1) as u16;
        let sqe = GetLogPage { numdl_z, ..good::get_log_page() }.into();
        held = show(&mut scene, 0, sqe, &bytes);
    }
    held
}

#[test]
fn an_error_count_names_one_error() {
    let [e3, e4, e5, e9] = [(3, 30), (4, 40), (5, 50), (9, 90)].map(|(n, cid)| entry(n, cid));
    let again = |reads: &[&[ErrorInformation]]| logs(nothing, reads);
    let unique = [error_log::UNIQUE];
    assert_eq!(broken(&again(&[&[e5, e3], &[e5, e3]])), []);
    assert_eq!(broken(&again(&[&[e5, e3], &[e9, e5, e3]])), []);
    // What is older than all that was looked at before.
    assert_eq!(broken(&again(&[&[e5, e4], &[e5, e4, e3]])), []);
    assert_eq!(broken(&again(&[&[e5, e3], &[e5, e4, e3]])), unique, "between two neighbours");
    let other = entry(5, 51);
    assert_eq!(broken(&again(&[&[e5, e3], &[other, e3]])), unique, "another error");
    assert_eq!(broken(&again(&[&[e5, e3], &[e9, e5], &[e9, e5, e4]])), unique);
    // Too many errors between: what lies between is not known.
    assert_eq!(broken(&again(&[&[e3], &[e9], &[e9, e5, e4, e3]])), []);
    assert_eq!(odd(&again(&[&[e5, e3], &[e3, entry(0, 0)]])), unique, "the newest is gone");
    assert_eq!(odd(&again(&[&[e5, e3], &[entry(0, 0)]])), unique);
    assert_eq!(odd(&again(&[&[e5, e3], &[e9, e3]])), unique, "one between is gone");
    assert_eq!(broken(&again(&[&[e5, e3], &[e9, e5]])), [], "the oldest made room");
}

#[test]
fn a_read_of_less_than_an_error_count_says_nothing_of_an_entry() {
    let mut scene = Scene::new();
    let page = |numdl_z| GetLogPage { numdl_z, ..good::get_log_page() }.into();
    let newest = entry(5, 50);
    for (numdl_z, bytes) in [(15, &newest.0[..]), (0, &newest.0[..4]), (1, &newest.0[..8])] {
        let held = show(&mut scene, 0, page(numdl_z), bytes);
        assert_eq!((odd(&held), broken(&held)), (vec![], vec![]), "{} bytes", bytes.len());
    }
}

#[test]
fn the_error_count_goes_on_over_a_reset() {
    let [e3, e5, e9] = [(3, 30), (5, 50), (9, 90)].map(|(n, cid)| entry(n, cid));
    let reset = |lives: &mut Lives| lives.resets += 1;
    let over = |last: &[ErrorInformation]| logs(reset, &[&[e5, e3], last]);
    assert_eq!(broken(&over(&[entry(0, 0)])), []);
    assert_eq!(broken(&over(&[e9])), []);
    assert_eq!(broken(&over(&[entry(4, 1)])), [error_log::COUNT_CONTINUES]);
    assert_eq!(broken(&over(&[entry(5, 1)])), [error_log::COUNT_CONTINUES]);
}
