//! Predicates over the structures of command sets and over log pages: a good one breaks none, and each
//! change breaks one.

use model::lives::{Amount, Counted, Lives, Traffic};
use model::ruling::Applies;
use spec::command::GetLogPage;
use spec::identify::*;
use spec::log_page::{
    CommandEffects, CommandsSupportedAndEffects, FeatureIdentifiersSupportedAndEffects, FidEffects,
    FirmwareSlot, LidSupported, NvmeMiCommandsSupportedAndEffects, SmartHealth, SupportedLogPages,
};
use spec::requirement::*;
use spec::structure::Text;
use spec::{Bytes, Cns, Fid, Lid, Req, Sqe};

use crate::claims::{broken, identify_namespace, show};
use crate::world::{Scene, good};

/// Ends a chain of setters.
fn done<T>(_: T) {}

fn page(lid: Lid, bytes: &[u8]) -> Sqe {
    GetLogPage { lid, prp1: good::DATA, ..Default::default() }
        .with_bytes(Bytes(bytes.len() as u64))
        .into()
}

fn shown(scene: &mut Scene, lid: Lid, bytes: &[u8]) -> Vec<Req> {
    broken(&show(scene, 0, page(lid, bytes), bytes))
}

fn described(ids: &[(Nidt, &[u8])]) -> Vec<Req> {
    let mut scene = Scene::new();
    let ns: Sqe = good::identify(Cns::IDENTIFY_NAMESPACE, 1).into();
    show(&mut scene, 0, ns, identify_namespace().bytes());
    let sqe = good::identify(Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST, 1).into();
    let list = NamespaceIdentificationList::of(ids.iter().copied());
    broken(&show(&mut scene, 0, sqe, &list.0))
}

#[test]
fn descriptors_have_their_lengths_and_say_what_identify_namespace_says() {
    use identify_descriptors::*;
    let nguid: (Nidt, &[u8]) = (Nidt::NGUID, &[7; 16]);
    let csi: (Nidt, &[u8]) = (Nidt::CSI, &[0]);
    assert_eq!(described(&[nguid, csi]), []);
    assert_eq!(described(&[nguid, (Nidt::UUID, &[1; 12]), csi]), [FORMAT]);
    assert_eq!(described(&[nguid, csi, csi]), [FORMAT]);
    assert_eq!(described(&[nguid, (Nidt(9), &[1]), csi]), [FORMAT]);
    assert_eq!(described(&[nguid]), [CSI], "judged where CAP.CSS bit 6 is set");
    assert_eq!(described(&[nguid, (Nidt::CSI, &[0x20])]), [CSI]);
    assert_eq!(described(&[csi]), [ONE_AT_LEAST]);
    assert_eq!(described(&[(Nidt::NGUID, &[8; 16]), csi]), [AS_NAMESPACE]);
    assert_eq!(described(&[nguid, (Nidt::EUI64, &[1; 8]), csi]), [AS_NAMESPACE]);
}

#[test]
fn descriptors_are_fixed() {
    let sqe = good::identify(Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST, 1).into();
    let list = |uuid: u8| {
        NamespaceIdentificationList::of([(Nidt::UUID, &[uuid; 16][..]), (Nidt::CSI, &[0][..])]).0
    };
    let mut scene = Scene::new();
    assert_eq!(broken(&show(&mut scene, 0, sqe, &list(1))), []);
    assert_eq!(broken(&show(&mut scene, 0, sqe, &list(1))), []);
    assert_eq!(broken(&show(&mut scene, 0, sqe, &list(2))), [identify_descriptors::CONSTANT]);
}

#[test]
fn a_namespace_without_its_command_set_is_the_same_namespace() {
    use identify_independent::*;
    let independent = |nsid: u32, change: fn(&mut IndependentIdentifyNamespace)| {
        let mut scene = Scene::new();
        let ns: Sqe = good::identify(Cns::IDENTIFY_NAMESPACE, 1).into();
        show(&mut scene, 0, ns, identify_namespace().bytes());
        let mut both = IndependentIdentifyNamespace::zeroed();
        change(&mut both);
        let cns = Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE;
        broken(&show(&mut scene, 0, good::identify(cns, nsid).into(), both.bytes()))
    };
    assert_eq!(independent(1, |ns| done(ns.set().nstat(1))), []);
    assert_eq!(independent(1, |ns| done(ns.set().nmic(1))), [AS_NAMESPACE]);
    assert_eq!(independent(1, |ns| done(ns.set().fpi(3))), [UNSUPPORTED_ZERO]);
    assert_eq!(independent(1, |ns| done(ns.set().kpios(1))), [DISPERSED]);
    assert_eq!(independent(1, |ns| ns.0[100] = 1), [identify::RESERVED_ZERO]);
    assert_eq!(independent(3, |ns| done(ns.set().nstat(1))), [NSID_INACTIVE]);
}

#[test]
fn the_list_of_a_command_set_is_that_of_all_where_there_is_one() {
    let list = |ids: &[u32]| {
        let cns = Cns::IO_COMMAND_SET_SPECIFIC_ACTIVE_NAMESPACE_ID_LIST;
        let list = NamespaceList::of(ids.iter().map(|id| spec::Nsid(*id)));
        broken(&show(&mut Scene::new(), 0, good::identify(cns, 0).into(), &list.0))
    };
    assert_eq!(list(&[1, 2]), []);
    for odd in [&[2, 1][..], &[1], &[1, 2, 3]] {
        assert_eq!(list(odd), [identify_io_active_list::ORDER], "{odd:?}");
    }
}

/// A page of health after `change`, in a scene that has seen a page of `before`.
fn health(
    before: fn(&mut SmartHealth),
    between: impl FnOnce(&mut Scene),
    change: fn(&mut SmartHealth),
) -> Vec<Req> {
    let mut smart = SmartHealth::zeroed();
    smart.set().avsp(100).avspt(10).dur(5).duw(5).hrc(100).hwc(100).pwrc(7).upl(3).neile(9);
    let mut scene = Scene::new();
    before(&mut smart);
    assert_eq!(shown(&mut scene, Lid::SMART_HEALTH_INFORMATION, smart.bytes()), []);
    between(&mut scene);
    change(&mut smart);
    shown(&mut scene, Lid::SMART_HEALTH_INFORMATION, smart.bytes())
}

fn nothing(_: &mut Scene) {}

/// The composite temperature (310 K) with thresholds of it, and what a page with this Critical Warning
/// breaks. Sensor 2 is implemented (300 K), with its thresholds as after manufacture.
fn warned(over: u32, under: u32, cw: u8, change: impl FnOnce(&mut Scene)) -> Vec<Req> {
    let mut page = SmartHealth::zeroed();
    page.set().avsp(100).avspt(10).cw(cw).ctemp(310).tsen2(300);
    let mut scene = Scene::new();
    scene.claims().wctemp = 340;
    let value = |current| model::state::Feature { current: Some(current), ..Default::default() };
    let fid = Fid::TEMPERATURE_THRESHOLD;
    for (of, current) in [(0, over), (0x10, under), (0x02, 0xffff), (0x12, 0)] {
        *scene.controller().features.value_mut(fid, of) = value(current);
    }
    change(&mut scene);
    shown(&mut scene, Lid::SMART_HEALTH_INFORMATION, page.bytes())
}

#[test]
fn the_warning_of_the_page_follows_its_temperatures_and_the_thresholds() {
    use temperature_threshold::{CROSSED, INCLUSIVE};
    let beyond = [smart::TEMPERATURE_WARNING, CROSSED];
    assert_eq!(warned(320, 300, 0, nothing), []);
    assert_eq!(warned(320, 300, 2, nothing), [smart::TEMPERATURE_WARNING]);
    assert_eq!(warned(309, 300, 0, nothing), beyond);
    assert_eq!(warned(309, 300, 2, nothing), []);
    assert_eq!(warned(320, 311, 0, nothing), beyond);
    assert_eq!(warned(310, 300, 0, nothing), [INCLUSIVE]);
    assert_eq!(warned(320, 310, 0, nothing), [INCLUSIVE]);
    assert_eq!(warned(310, 300, 2, nothing), []);
    // The other warnings have nothing to do with it.
    assert_eq!(warned(320, 300, 0x1d, nothing), []);
    let of_sensor = |of: u32, kelvins: u32| {
        move |s: &mut Scene| {
            let fid = Fid::TEMPERATURE_THRESHOLD;
            s.controller().features.value_mut(fid, of).current = Some(kelvins);
        }
    };
    assert_eq!(warned(320, 300, 0, of_sensor(2, 299)), beyond);
    assert_eq!(warned(320, 300, 0, of_sensor(0x12, 301)), beyond);
    assert_eq!(warned(320, 300, 0, of_sensor(3, 1)), [], "a sensor that is not there");
}

#[test]
fn no_warning_is_judged_by_what_is_not_known() {
    let fid = Fid::TEMPERATURE_THRESHOLD;
    let unknown =
        |of: u32| move |s: &mut Scene| s.controller().features.value_mut(fid, of).current = None;
    for cw in [0, 2] {
        assert_eq!(warned(320, 300, cw, unknown(0x10)), []);
        assert_eq!(warned(320, 300, cw, unknown(2)), []);
        assert_eq!(warned(309, 300, cw, |s| s.controller().thresholds_unsure = true), []);
    }
    // One that is crossed decides, whatever the others are.
    let known = warned(309, 300, 0, unknown(0x10));
    assert_eq!(known, [smart::TEMPERATURE_WARNING, temperature_threshold::CROSSED]);
    // As a reset left it: WCTEMP, and FFFFh and 0 of a sensor.
    let left = |s: &mut Scene| {
        s.claims().oncs = 0;
        for of in [0, 2, 0x12] {
            let feature = s.controller().features.value_mut(fid, of);
            (feature.current, feature.since_reset) = (None, true);
        }
    };
    assert_eq!(warned(0, 300, 2, left), [smart::TEMPERATURE_WARNING]);
    // A hysteresis of 4 K: the warning may last down to the threshold less 4 K.
    assert_eq!(warned(4 << 22 | 314, 300, 2, nothing), []);
    assert_eq!(warned(4 << 22 | 315, 300, 2, nothing), [smart::TEMPERATURE_WARNING]);
    assert_eq!(warned(4 << 22 | 314, 300, 2, |s| s.revision(2, 0)), [smart::TEMPERATURE_WARNING]);
    // Up to 1.4 the texts disagree about equality: it accuses nobody.
    let old = Scene::new().with(|s| s.revision(1, 4));
    let force = old.forces().of(temperature_threshold::INCLUSIVE);
    assert!(matches!(force, Applies::On(force) if force.level == Level::May), "{force:?}");
}

#[test]
fn health_lies_within_its_ranges_and_counts_upwards() {
    use smart::*;
    let once = |change| health(|_| {}, nothing, change);
    assert_eq!(once(|_| {}), []);
    assert_eq!(once(|s| done(s.set().avsp(101))), [RANGES]);
    assert_eq!(once(|s| done(s.set().wctt(1))), [TEMPERATURE_TIME]);
    assert_eq!(once(|s| s.0[300] = 1), [identify::RESERVED_ZERO]);
    assert_eq!(once(|s| done(s.set().mdie(4).poh(8))), []);
    assert_eq!(health(|s| done(s.set().mdie(4)), nothing, |s| done(s.set().mdie(3))), [LIFETIME]);
    let logged = |s: &mut Scene| s.controller().error_log.count = 10;
    assert_eq!(health(|_| {}, logged, |_| {}), [error_log::SMART_COUNT]);
}

#[test]
fn losses_of_power_are_counted_as_they_came() {
    let lost = |sudden: u32, unsure: u32| {
        move |s: &mut Scene| {
            let lives = &mut s.controller().lives;
            *lives =
                Lives { power_losses: 2, sudden_losses: sudden, unsure_losses: unsure, ..*lives };
        }
    };
    let upl_4 = |s: &mut SmartHealth| done(s.set().pwrc(9).upl(4));
    assert_eq!(health(|_| {}, lost(1, 0), upl_4), []);
    assert_eq!(health(|_| {}, lost(2, 0), upl_4), [smart::UNEXPECTED_LOSSES]);
    assert_eq!(health(|_| {}, lost(0, 0), upl_4), [smart::UNEXPECTED_LOSSES]);
    assert_eq!(health(|_| {}, lost(0, 1), upl_4), []);
    // Power cycles that are not counted are odd, and no more than that.
    assert_eq!(health(|_| {}, lost(0, 0), |_| {}), [smart::LIFETIME]);
}

#[test]
fn traffic_is_counted_between_what_succeeded_and_what_was_sent() {
    let moved = |least: u64, most: u64| {
        move |s: &mut Scene| {
            let traffic = |commands| Traffic {
                read: Amount { commands, units: 1000 * commands },
                ..Default::default()
            };
            s.controller().counted =
                Counted { least: traffic(least), most: traffic(most), ..Default::default() };
        }
    };
    assert_eq!(health(|_| {}, moved(2, 3), |s| done(s.set().hrc(102).dur(7))), []);
    assert_eq!(health(|_| {}, moved(2, 3), |s| done(s.set().hrc(103).dur(8))), []);
    let commands = smart::HOST_COMMANDS;
    assert_eq!(health(|_| {}, moved(2, 3), |s| done(s.set().hrc(101).dur(7))), [commands]);
    assert_eq!(health(|_| {}, moved(2, 3), |s| done(s.set().hrc(104).dur(7))), [commands]);
    let units = smart::DATA_UNITS;
    assert_eq!(health(|_| {}, moved(2, 3), |s| done(s.set().hrc(102).dur(10))), [units]);
    assert_eq!(health(|_| {}, moved(2, 3), |s| done(s.set().hrc(102).dur(5))), [units]);
    let untold = |s: &mut Scene| {
        moved(2, 3)(s);
        s.controller().counted.most.unsure = 1;
    };
    assert_eq!(health(|_| {}, untold, |_| {}), [], "something that counts as nobody knows what");
}

#[test]
fn the_active_firmware_slot_holds_what_runs() {
    use spec::requirement::firmware_slot::*;
    let slots = |change: fn(&mut FirmwareSlot)| {
        let mut scene = Scene::new().with(|s| s.claims().frmw = 2 << 1);
        let mut page = FirmwareSlot::zeroed();
        page.set().afi(1).frs1(Text::padded("1.0", b' '));
        change(&mut page);
        shown(&mut scene, Lid::FIRMWARE_SLOT_INFORMATION, page.bytes())
    };
    assert_eq!(slots(|_| {}), []);
    assert_eq!(slots(|page| done(page.set().afi(0))), [ACTIVE]);
    assert_eq!(slots(|page| done(page.set().afi(2))), [ACTIVE]);
    assert_eq!(slots(|page| done(page.set().afi(0x31))), [ACTIVE]);
    assert_eq!(slots(|page| done(page.set().frs3(Text::padded("x", b' ')))), [EMPTY]);
    assert_eq!(slots(|page| done(page.set().afi(9))), [identify::RESERVED_ZERO]);
}

fn effects() -> CommandsSupportedAndEffects {
    let mut page = CommandsSupportedAndEffects::zeroed();
    let plain = CommandEffects::new().with_csupp(true);
    for opcode in [0, 1, 2, 4, 5, 6, 8, 9, 10, 12] {
        page.set_acs(opcode, plain);
    }
    page.set_iocs(0, plain).set_iocs(1, plain.with_lbcc(true)).set_iocs(2, plain);
    page
}

#[test]
fn effects_are_told_of_what_is_supported() {
    use commands_supported::*;
    let page = |change: fn(&mut CommandsSupportedAndEffects)| {
        let mut scene = Scene::new().with(|s| s.claims().lpa = 2 | 4);
        let mut page = effects();
        change(&mut page);
        shown(&mut scene, Lid::COMMANDS_SUPPORTED_AND_EFFECTS, page.bytes())
    };
    assert_eq!(page(|_| {}), []);
    assert_eq!(page(|p| done(p.set_acs(6, CommandEffects::new()))), [ENTRIES]);
    assert_eq!(page(|p| done(p.set_acs(0x99, CommandEffects::new().with_cse(1)))), [ENTRIES]);
    assert_eq!(page(|p| p.0[3000] = 1), [ENTRIES]);
    assert_eq!(page(|p| done(p.set_iocs(1, CommandEffects::new().with_csupp(true)))), [EFFECTS]);
    let format = |p: &mut CommandsSupportedAndEffects| {
        done(p.set_acs(0x80, CommandEffects::new().with_csupp(true).with_lbcc(true)));
    };
    assert_eq!(page(format), [AS_IDENTIFY], "OACS bit 1 is 0");
    let relaxed = |p: &mut CommandsSupportedAndEffects| {
        done(p.set_iocs(2, CommandEffects::new().with_csupp(true).with_cser(1)));
    };
    assert_eq!(page(relaxed), [RELAXATION]);
    let scope = |p: &mut CommandsSupportedAndEffects| {
        done(p.set_iocs(2, CommandEffects::new().with_csupp(true).with_csp(1)));
    };
    assert_eq!(page(scope), [SCOPE]);
    let reserved = |p: &mut CommandsSupportedAndEffects| p.0[4 * 6 + 1] = 1;
    assert_eq!(page(reserved), [identify::RESERVED_ZERO]);
}

#[test]
fn lists_of_what_is_supported_say_nothing_of_the_rest() {
    let pages = |lpa: u8, entry: LidSupported| {
        let mut scene = Scene::new().with(|s| s.claims().lpa = lpa);
        let mut page = SupportedLogPages::zeroed();
        page.set_lids(Lid(1), entry);
        shown(&mut scene, Lid::SUPPORTED_LOG_PAGES, page.bytes())
    };
    let supported = LidSupported::new().with_lsupp(true);
    assert_eq!(pages(4, supported), []);
    assert_eq!(pages(0, supported.with_ios(true)), [supported_log_pages::INDEX_OFFSET]);
    let features = |entry: FidEffects| {
        let mut page = FeatureIdentifiersSupportedAndEffects::zeroed();
        page.set_fis(Fid(6), entry);
        let lid = Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS;
        shown(&mut Scene::new(), lid, page.bytes())
    };
    let supported = FidEffects::new().with_fsupp(true);
    assert_eq!(features(supported.with_fsp(2)), []);
    assert_eq!(features(supported.with_fsp(3)), [features_supported::ENTRIES]);
    assert_eq!(features(FidEffects::new().with_ccc(true)), [features_supported::ENTRIES]);
    assert_eq!(features(supported.with_fsp(0x800)), [identify::RESERVED_ZERO]);
    let mi = |entry: CommandEffects| {
        let mut page = NvmeMiCommandsSupportedAndEffects::zeroed();
        page.set_mics(1, entry);
        shown(&mut Scene::new(), Lid::NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS, page.bytes())
    };
    assert_eq!(mi(CommandEffects::new().with_csupp(true)), []);
    let entries = nvme_mi_commands_supported::ENTRIES;
    assert_eq!(mi(CommandEffects::new().with_ncc(true)), [entries]);
}

#[test]
fn a_part_of_a_page_is_that_part() {
    let mut scene = Scene::new().with(|s| s.claims().frmw = 2);
    let mut page_3 = FirmwareSlot::zeroed();
    page_3.set().afi(1).frs1(Text::padded("1.0", b' '));
    let lid = Lid::FIRMWARE_SLOT_INFORMATION;
    assert_eq!(shown(&mut scene, lid, page_3.bytes()), []);
    let part = GetLogPage { lid, lpo: 8, prp1: good::DATA, ..Default::default() };
    let part: Sqe = part.with_bytes(Bytes(8)).into();
    assert_eq!(broken(&show(&mut scene, 0, part, &page_3.0[8..16])), []);
    let held = show(&mut scene, 0, part, &[1; 8]);
    assert_eq!(broken(&held), [get_log_page::OFFSET_PART]);
}
