//! Features: set, get, saved and default values, what a reset leaves, and what each one does.

mod common;

use common::{DATA, ENTRIES, TestHost};
use dut::{Ctrl, Dut, Event};
use lockstep_emulator::config::NamespaceConfig;
use lockstep_emulator::{Config, Policy};
use log::ResetKind;
use spec::command::*;
use spec::feature::*;
use spec::register::DoorbellKind;
use spec::{Addr, Bytes, Fid, Lid, Nsid, Status, Version};

const OK: Status = Status::SUCCESSFUL_COMPLETION;
const INVALID_FIELD: Status = Status::INVALID_FIELD_IN_COMMAND;
const INVALID_NAMESPACE: Status = Status::INVALID_NAMESPACE_OR_FORMAT;
/// Dword 0 of the temperature event.
const TEMPERATURE_EVENT: u32 = 0x0002_0101;

fn set(fid: Fid, cdw11: u32) -> SetFeatures {
    SetFeatures { fid, cdw11, ..SetFeatures::default() }
}

fn get(fid: Fid, cdw11: u32) -> GetFeatures {
    GetFeatures { fid, cdw11, ..GetFeatures::default() }
}

fn value(host: &mut TestHost, command: GetFeatures) -> u32 {
    let cqe = host.admin(command);
    assert_eq!(cqe.status(), OK, "{command:?}");
    cqe.dw0()
}

/// Each dword feature: two good values, the default, and the dword 11 that Get needs.
const DWORDS: [(Fid, [u32; 2], u32, u32); 7] = [
    (Fid::ARBITRATION, [0x0403_0203, 0xff00_0000], 7, 0),
    (Fid::POWER_MANAGEMENT, [0x20, 0x40], 0, 0),
    (Fid::TEMPERATURE_THRESHOLD, [400, 401], 343, 0),
    (Fid::ERROR_RECOVERY, [0x1234, 0xffff], 0, 0),
    (Fid::INTERRUPT_COALESCING, [0x0102, 0xff03], 0, 0),
    (Fid::WRITE_ATOMICITY_NORMAL, [1, 0], 0, 0),
    (Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, [0x0000_031f, 0x0010_0001], 0, 0),
];

#[test]
fn values_are_set_saved_and_come_back_after_resets() {
    let saveable = Config::MAY_BE_SAVEABLE.map(|fid| fid.0).to_vec();
    for saves in [true, false] {
        let saveable_features = if saves { saveable.clone() } else { Vec::new() };
        let config = Config { saveable_features, ..Config::default() };
        for (fid, [first, second], default, selector) in DWORDS {
            let mut host = TestHost::enabled(config.clone());
            let nsid = Nsid(u32::from(fid == Fid::ERROR_RECOVERY));
            let (set, get) = (set(fid, first), get(fid, selector));
            let (set, get) = (SetFeatures { nsid, ..set }, GetFeatures { nsid, ..get });
            let may_save = saves && saveable.contains(&fid.0);
            let caps =
                SupportedCapabilities::from_bits(value(&mut host, GetFeatures { sel: 3, ..get }));
            assert_eq!((caps.changeable(), caps.saveable()), (true, may_save), "{fid}");
            assert_eq!(caps.namespace_specific(), nsid.0 == 1, "{fid}");
            assert_eq!(value(&mut host, get), default, "{fid}");
            let saving = host.admin(SetFeatures { sv: true, ..set }).status();
            let status = Status::FEATURE_IDENTIFIER_NOT_SAVEABLE;
            assert_eq!(saving, if may_save { OK } else { status }, "{fid}");
            assert_eq!(host.admin(SetFeatures { cdw11: second, ..set }).status(), OK, "{fid}");
            let saved = if may_save { first } else { default };
            for (sel, expected) in [(0, second), (1, default), (2, saved)] {
                assert_eq!(value(&mut host, GetFeatures { sel, ..get }), expected, "{fid} {sel}");
            }
            host.disable();
            host.enable();
            assert_eq!(value(&mut host, get), saved, "{fid} after a Controller Reset");
            assert_eq!(host.admin(SetFeatures { cdw11: second, ..set }).status(), OK);
            host.dut.reset(Ctrl(0), ResetKind::PowerCycle).unwrap();
            host.enable();
            assert_eq!(value(&mut host, get), saved, "{fid} after a power cycle");
        }
    }
}

#[test]
fn reserved_bits_are_not_kept() {
    let mut host = TestHost::enabled(Config::default());
    for (fid, kept) in [
        (Fid::ARBITRATION, 0xffff_ff07),
        (Fid::INTERRUPT_COALESCING, 0xffff),
        (Fid::WRITE_ATOMICITY_NORMAL, 1),
        (Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 0xf83f_bfff),
    ] {
        let all = if fid == Fid::ASYNCHRONOUS_EVENT_CONFIGURATION { !(1 << 14) } else { u32::MAX };
        assert_eq!(host.admin(set(fid, all)).status(), OK, "{fid}");
        assert_eq!(value(&mut host, get(fid, 0)), kept, "{fid}");
    }
}

#[test]
fn impossible_values_are_refused_and_change_nothing() {
    let config = Config { temperature_sensors: vec![300, 301], ..Config::default() };
    let mut host = TestHost::ready(config);
    let threshold = |tmpsel, thsel, tmpthh| {
        TemperatureThreshold::new()
            .with_tmpth(500)
            .with_tmpsel(tmpsel)
            .with_thsel(thsel)
            .with_tmpthh(tmpthh)
            .into_bits()
    };
    for (fid, cdw11) in [
        (Fid::POWER_MANAGEMENT, 1),
        (Fid::POWER_MANAGEMENT, 3 << 5),
        (Fid::TEMPERATURE_THRESHOLD, threshold(3, 0, 0)),
        (Fid::TEMPERATURE_THRESHOLD, threshold(9, 0, 0)),
        (Fid::TEMPERATURE_THRESHOLD, threshold(0, 2, 0)),
        (Fid::TEMPERATURE_THRESHOLD, threshold(0, 3, 0)),
        (Fid::TEMPERATURE_THRESHOLD, threshold(0, 0, 1)),
        (Fid::INTERRUPT_VECTOR_CONFIGURATION, 0x1_0001),
        (Fid::INTERRUPT_VECTOR_CONFIGURATION, 0x1_ffff),
        (Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 1 << 14),
    ] {
        assert_eq!(host.admin(set(fid, cdw11)).status(), INVALID_FIELD, "{fid} {cdw11:x}");
    }
    assert_eq!(value(&mut host, get(Fid::POWER_MANAGEMENT, 0)), 0);
    assert_eq!(value(&mut host, get(Fid::TEMPERATURE_THRESHOLD, 0)), 343);
    let vectors = host.config.vectors.into();
    for (fid, cdw11) in [
        (Fid::TEMPERATURE_THRESHOLD, threshold(15, 0, 0)),
        (Fid::TEMPERATURE_THRESHOLD, threshold(3, 0, 0)),
        (Fid::TEMPERATURE_THRESHOLD, threshold(0, 2, 0)),
        (Fid::INTERRUPT_VECTOR_CONFIGURATION, vectors),
    ] {
        assert_eq!(host.admin(get(fid, cdw11)).status(), INVALID_FIELD, "{fid} {cdw11:x}");
    }
    // Older revisions: the bits are reserved.
    let mut old = TestHost::enabled(Config { version: Version::new(1, 3), ..Config::default() });
    let fid = Fid::ASYNCHRONOUS_EVENT_CONFIGURATION;
    assert_eq!(old.admin(set(fid, 1 << 14)).status(), OK);
    assert_eq!(old.admin(set(Fid::TEMPERATURE_THRESHOLD, threshold(0, 0, 1))).status(), OK);
}

#[test]
fn thresholds_are_kept_for_each_temperature_and_type() {
    let config = Config { temperature_sensors: vec![300, 301, 302], ..Config::default() };
    let mut host = TestHost::enabled(config);
    let at = |tmpsel, thsel| {
        TemperatureThreshold::new().with_tmpsel(tmpsel).with_thsel(thsel).into_bits()
    };
    let fid = Fid::TEMPERATURE_THRESHOLD;
    assert_eq!(value(&mut host, get(fid, at(2, 0))), 0xffff);
    assert_eq!(value(&mut host, get(fid, at(2, 1))), 0);
    assert_eq!(host.admin(set(fid, at(15, 0) | 500)).status(), OK);
    assert_eq!(host.admin(set(fid, at(2, 0) | 600)).status(), OK);
    assert_eq!(host.admin(set(fid, at(0, 1) | 100)).status(), OK);
    let values: Vec<u32> = (0..4).map(|sel| value(&mut host, get(fid, at(sel, 0)))).collect();
    assert_eq!(values, [343, 500, 600, 500]);
    let values: Vec<u32> = (0..4).map(|sel| value(&mut host, get(fid, at(sel, 1)))).collect();
    assert_eq!(values, [100, 0, 0, 0]);
}

/// Critical Warning, read with or without clearing the event.
fn warning(host: &mut TestHost, rae: bool) -> u8 {
    let lid = Lid::SMART_HEALTH_INFORMATION;
    let cmd = GetLogPage { lid, rae, prp1: Addr(DATA), ..GetLogPage::default() };
    assert_eq!(host.admin(cmd.with_bytes(Bytes(512))).status(), OK);
    host.data(DATA, 1)[0]
}

fn events(host: &mut TestHost) -> Vec<u32> {
    host.unasked().iter().map(|cqe| cqe.dw0()).collect()
}

#[test]
fn a_temperature_beyond_its_threshold_is_told_once_to_those_who_ask() {
    let mut host = TestHost::ready(Config::default());
    let (threshold, enable) =
        (Fid::TEMPERATURE_THRESHOLD, set(Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 2));
    for _ in 0..3 {
        host.submit(0, AsyncEventRequest {});
    }
    host.settle();
    // Beyond, with the notice off: only the page tells.
    assert_eq!(host.admin(set(threshold, 310)).status(), OK);
    assert_eq!((warning(&mut host, false), events(&mut host)), (2, vec![]));
    assert_eq!(host.admin(set(threshold, 311)).status(), OK);
    assert_eq!(warning(&mut host, false), 0);
    // On, then beyond.
    assert_eq!(host.admin(enable).status(), OK);
    assert_eq!(events(&mut host), []);
    assert_eq!(host.admin(set(threshold, 309)).status(), OK);
    assert_eq!(events(&mut host), [TEMPERATURE_EVENT]);
    // Masked until the page is read with RAE = 0.
    for kelvin in [400, 300] {
        assert_eq!(host.admin(set(threshold, kelvin)).status(), OK);
    }
    assert_eq!((warning(&mut host, true), events(&mut host)), (2, vec![]));
    // Error events are another type.
    host.doorbell(DoorbellKind::CqHead, 1, ENTRIES + 3);
    assert_eq!(events(&mut host), [0x0001_0100]);
    assert_eq!((warning(&mut host, false), events(&mut host)), (2, vec![]));
    for kelvin in [400, 300] {
        assert_eq!(host.admin(set(threshold, kelvin)).status(), OK);
    }
    assert_eq!(events(&mut host), [TEMPERATURE_EVENT]);
}

#[test]
fn enabling_the_notice_of_a_warning_that_is_there_tells_it() {
    let fid = Fid::ASYNCHRONOUS_EVENT_CONFIGURATION;
    let config = Config { temperature: 350, saveable_features: vec![fid.0], ..Config::default() };
    let mut host = TestHost::enabled(config);
    host.submit(0, AsyncEventRequest {});
    assert_eq!(warning(&mut host, false), 2);
    assert_eq!(host.admin(SetFeatures { sv: true, ..set(fid, 2) }).status(), OK);
    assert_eq!(events(&mut host), [TEMPERATURE_EVENT]);
    // Saved: after a reset it is news again.
    host.disable();
    host.enable();
    host.submit(0, AsyncEventRequest {});
    assert_eq!(events(&mut host), [TEMPERATURE_EVENT]);
    // An event that waits for a request is lost with its page read.
    host.disable();
    host.enable();
    assert_eq!(warning(&mut host, false), 2);
    host.submit(0, AsyncEventRequest {});
    assert_eq!(events(&mut host), []);
}

#[test]
fn under_thresholds_and_sensors_count_too() {
    let config = Config { temperature_sensors: vec![300], ..Config::default() };
    for (tmpsel, thsel, kelvin) in [(0, 1, 310), (1, 0, 300), (1, 1, 300), (15, 0, 299)] {
        let mut host = TestHost::enabled(config.clone());
        let cdw11 = TemperatureThreshold::new()
            .with_tmpth(kelvin)
            .with_tmpsel(tmpsel)
            .with_thsel(thsel)
            .into_bits();
        assert_eq!(warning(&mut host, false), 0);
        assert_eq!(host.admin(set(Fid::TEMPERATURE_THRESHOLD, cdw11)).status(), OK);
        assert_eq!(warning(&mut host, false), 2, "{tmpsel} {thsel}");
    }
}

/// Namespaces 1 (both controllers), 3 (controller 0), NN 4.
fn two_controllers(version: Version) -> Config {
    let ns = NamespaceConfig::default();
    let private = NamespaceConfig { nsid: Some(3), controllers: vec![0], ..ns.clone() };
    let namespaces = vec![ns, private];
    Config { version, controllers: 2, namespaces, nn: Some(4), ..Config::default() }
}

#[test]
fn error_recovery_belongs_to_namespaces() {
    let mut host = TestHost::enabled(two_controllers(Version::new(2, 3)));
    let fid = Fid::ERROR_RECOVERY;
    let set = |nsid, cdw11| SetFeatures { nsid: Nsid(nsid), ..set(fid, cdw11) };
    let get = |nsid| GetFeatures { nsid: Nsid(nsid), ..get(fid, 0) };
    assert_eq!(host.admin(set(1, 5)).status(), OK);
    assert_eq!((value(&mut host, get(1)), value(&mut host, get(3))), (5, 0));
    assert_eq!(host.admin(set(u32::MAX, 6)).status(), OK);
    assert_eq!((value(&mut host, get(1)), value(&mut host, get(3))), (6, 6));
    assert_eq!(host.admin(set(1, 0x1_0000)).status(), INVALID_FIELD, "DULBE is not supported");
    for (nsid, status) in [(0, INVALID_NAMESPACE), (5, INVALID_NAMESPACE), (2, INVALID_FIELD)] {
        assert_eq!(host.admin(set(nsid, 7)).status(), status, "{nsid}");
        assert_eq!(host.admin(get(nsid)).status(), status, "{nsid}");
    }
    assert_eq!(host.admin(get(u32::MAX)).status(), INVALID_NAMESPACE);
    // The other controller sees the value of the shared namespace.
    let left = host.leave(Ctrl(1));
    host.enable();
    assert_eq!(value(&mut host, get(1)), 6);
    assert_eq!(host.admin(get(3)).status(), INVALID_FIELD, "not attached");
    host.come_back(left);
}

#[test]
fn a_reset_of_one_controller_of_several_leaves_values_of_namespaces_alone_from_2_1() {
    for (version, kept) in [(Version::new(2, 3), 9), (Version::new(2, 0), 0)] {
        let mut host = TestHost::enabled(two_controllers(version));
        let set = SetFeatures { nsid: Nsid(1), ..set(Fid::ERROR_RECOVERY, 9) };
        let get = GetFeatures { nsid: Nsid(1), ..get(Fid::ERROR_RECOVERY, 0) };
        assert_eq!(host.admin(set).status(), OK);
        host.disable();
        host.enable();
        assert_eq!(value(&mut host, get), kept);
        assert_eq!(host.admin(set).status(), OK);
        host.dut.reset(Ctrl(0), ResetKind::Conventional).unwrap();
        host.enable();
        assert_eq!(value(&mut host, get), 0);
    }
}

/// When the interrupts of a vector came since the last call.
fn interrupts(host: &mut TestHost, of: u16) -> Vec<u64> {
    host.drain();
    let seen = std::mem::take(&mut host.events).into_iter();
    seen.filter_map(|event| match event {
        Event::Interrupt { vector, seen, .. } if vector == of => Some(seen),
        _ => None,
    })
    .collect()
}

#[test]
fn interrupts_of_io_queues_are_coalesced_as_configured() {
    let mut host = TestHost::enabled(Config::default());
    host.dut.irq_setup(Ctrl(0), 4).unwrap();
    let cq = host.create_cq_command(1);
    host.adopt_cq(1, cq.prp1.0, ENTRIES);
    assert_eq!(host.admin(CreateIoCq { iv: 2, ..cq }).status(), OK);
    host.create_sq(1, 1);
    // Three entries, or 700 microseconds.
    let value = InterruptCoalescing::new().with_thr_z(2).with_time(7).into_bits();
    assert_eq!(host.admin(set(Fid::INTERRUPT_COALESCING, value)).status(), OK);
    let flush = Flush { nsid: Nsid(1) };
    interrupts(&mut host, 2);
    for _ in 0..2 {
        host.submit(1, flush);
    }
    host.run_for(100_000);
    assert_eq!(interrupts(&mut host, 2), [], "two completions of three");
    host.submit(1, flush);
    host.run_for(100_000);
    assert_eq!(interrupts(&mut host, 2).len(), 1);
    let begin = host.dut.now();
    host.submit(1, flush);
    host.run_for(2_000_000);
    let seen = interrupts(&mut host, 2);
    assert_eq!(seen.len(), 1);
    assert!((700_000..720_000).contains(&(seen[0] - begin)), "{seen:?}");
    // An error is told at once, and so is what waited.
    while host.next(1).is_some() {}
    interrupts(&mut host, 2);
    host.submit(1, flush);
    host.submit(1, Flush { nsid: Nsid(77) });
    host.run_for(10_000);
    assert_eq!(interrupts(&mut host, 2).len(), 1);
    // Not for the admin queue, and not where CD says so.
    host.settle();
    interrupts(&mut host, 0);
    host.admin(get(Fid::INTERRUPT_COALESCING, 0));
    host.run_for(10_000);
    assert_eq!(interrupts(&mut host, 0).len(), 1);
    let cd = InterruptVectorConfiguration::new().with_iv(2).with_cd(true).into_bits();
    let vector = Fid::INTERRUPT_VECTOR_CONFIGURATION;
    assert_eq!(host.admin(set(vector, cd)).status(), OK);
    assert_eq!(host.admin(get(vector, 2)).dw0(), cd);
    assert_eq!(host.admin(GetFeatures { sel: 1, ..get(vector, 2) }).dw0(), 2);
    interrupts(&mut host, 2);
    host.submit(1, flush);
    host.run_for(10_000);
    assert_eq!(interrupts(&mut host, 2).len(), 1);
    host.disable();
    host.enable();
    assert_eq!(host.admin(get(vector, 2)).dw0(), 2);
}

/// The longest turn of a queue, while both of two have commands.
fn longest_turn(ab: u8) -> usize {
    let policy = Policy { burst: 4, ..Policy::default() };
    let mut host = TestHost::enabled(Config { policy, ..Config::default() });
    // One Completion Queue tells the order.
    host.create_pair(1);
    host.create_sq(2, 1);
    let value = Arbitration::new().with_ab(ab).into_bits();
    assert_eq!(host.admin(set(Fid::ARBITRATION, value)).status(), OK);
    host.settle();
    for sqid in [1, 2] {
        for _ in 0..7 {
            host.place(sqid, Flush { nsid: Nsid(1) });
        }
    }
    (1..=2).for_each(|sqid| host.ring(sqid));
    let order: Vec<u16> = std::iter::from_fn(|| host.next(1)).map(|cqe| cqe.sqid().0).collect();
    assert_eq!(order.len(), 14);
    let last = |sqid| order.iter().rposition(|of| *of == sqid).unwrap();
    let both = &order[..=last(1).min(last(2))];
    both.chunk_by(|before, after| before == after).map(<[u16]>::len).max().unwrap()
}

#[test]
fn arbitration_burst_limits_a_turn() {
    assert_eq!([0, 1, 2, 3, 7].map(longest_turn), [1, 2, 4, 4, 4]);
}
