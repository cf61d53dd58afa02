//! Identify structures and log pages: what they say, and that it agrees.

mod common;

use common::{DATA, ENTRIES, TestHost};
use dut::Dut;
use lockstep_emulator::config::{Identifier, NamespaceConfig};
use lockstep_emulator::{Config, feature};
use log::ResetKind;
use spec::command::*;
use spec::identify::*;
use spec::log_page::effects::scope;
use spec::log_page::*;
use spec::register::{self, DoorbellKind};
use spec::{Addr, Bytes, Cns, Entries, Fid, Lba, Lid, Nsid, Status, Version};

const OK: Status = Status::SUCCESSFUL_COMPLETION;
const INVALID_FIELD: Status = Status::INVALID_FIELD_IN_COMMAND;
const INVALID_NAMESPACE: Status = Status::INVALID_NAMESPACE_OR_FORMAT;
const HOUR: u64 = 3_600_000_000_000;

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
            NamespaceConfig { nsid: Some(5), controllers: vec![1], ..ns },
        ],
        nn: Some(7),
        ..Config::default()
    }
}

fn identify(cns: Cns, nsid: u32) -> Identify {
    Identify { cns, nsid: Nsid(nsid), prp1: Addr(DATA), ..Identify::default() }
}

fn page<const N: usize>(host: &mut TestHost, lid: Lid) -> [u8; N] {
    let cmd = GetLogPage { lid, prp1: Addr(DATA), ..GetLogPage::default() };
    assert_eq!(host.admin(cmd.with_bytes(Bytes(N as u64))).status(), OK, "{lid}");
    host.data(DATA, N).try_into().unwrap()
}

fn smart(host: &mut TestHost) -> SmartHealth {
    SmartHealth(page(host, Lid::SMART_HEALTH_INFORMATION))
}

#[test]
fn a_namespace_is_identified_by_what_the_configuration_gives_it() {
    let mut config = two_controllers();
    config.namespaces[0].uuid = Identifier::Given([0xab; 16]);
    config.namespaces[0].eui64 = Identifier::None;
    let mut host = TestHost::enabled(config.clone());
    let raw = host.identify(Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST, 2);
    let list = NamespaceIdentificationList(raw);
    let types: Vec<u8> = list.iter().map(|descriptor| descriptor.nidt.0).collect();
    assert_eq!(types, [2, 3, 4]);
    assert_eq!(list.find(Nidt::UUID), Some(&[0xab; 16][..]));
    assert_eq!(list.find(Nidt::CSI), Some(&[0][..]));
    assert!(list.rest().iter().all(|byte| *byte == 0));
    let ns = IdentifyNamespace(host.identify(Cns::IDENTIFY_NAMESPACE, 2));
    assert_eq!(list.find(Nidt::NGUID), Some(&ns.nguid()[..]));
    assert_eq!((ns.eui64(), &ns.nguid()[8..11]), ([0; 8], &[0x52, 0x54, 0][..]));
    // The same after a restart, another for another namespace or subsystem.
    let mut again = TestHost::enabled(config.clone());
    assert_eq!(again.identify(Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST, 2), raw);
    let mut other = TestHost::enabled(Config { serial: "OTHER".into(), ..config });
    assert_ne!(other.identify(Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST, 2), raw);
    // The command set is told from 2.0 on.
    let mut old = TestHost::enabled(of_version(1, 3));
    let raw = old.identify(Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST, 1);
    let types: Vec<u8> =
        NamespaceIdentificationList(&raw).iter().map(|descriptor| descriptor.nidt.0).collect();
    assert_eq!(types, [1, 2]);
}

#[test]
fn identify_refuses_namespaces_as_each_structure_asks() {
    let mut host = TestHost::enabled(two_controllers());
    let list = Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST;
    let specific = Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE;
    let independent = Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE;
    let active = Cns::IO_COMMAND_SET_SPECIFIC_ACTIVE_NAMESPACE_ID_LIST;
    for cns in [list, specific, independent] {
        for nsid in [0, 8, 0xffff_fffe, 0xffff_ffff] {
            assert_eq!(host.admin(identify(cns, nsid)).status(), INVALID_NAMESPACE, "{cns} {nsid}");
        }
        // 1 does not exist, 5 is attached to the other controller.
        for nsid in [1, 5] {
            let refused = if cns == list { INVALID_FIELD } else { OK };
            assert_eq!(host.admin(identify(cns, nsid)).status(), refused, "{cns} {nsid}");
        }
    }
    assert_eq!(host.identify(independent, 5), [0; 4096]);
    let ns = IndependentIdentifyNamespace(host.identify(independent, 2));
    assert_eq!((ns.nmic(), ns.nstat(), ns.nsfeat()), (1, 1, 0));
    assert_eq!(host.admin(identify(active, 0xffff_fffe)).status(), INVALID_NAMESPACE);
    let raw = host.identify(active, 0);
    assert_eq!(NamespaceList(&raw).iter().collect::<Vec<_>>(), [Nsid(2)]);
    let controller = Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_CONTROLLER;
    assert_eq!(host.identify(controller, 0), [0; 4096]);
    assert_eq!(host.admin(identify(controller, 2)).status(), INVALID_FIELD);
}

#[test]
fn a_command_set_that_is_not_there_is_refused_where_it_is_asked_for() {
    let mut host = TestHost::enabled(Config::default());
    for (cns, nsid) in [(5, 1), (6, 0), (7, 0)] {
        let zoned = Identify { csi: csi::ZONED_NAMESPACE, ..identify(Cns(cns), nsid) };
        assert_eq!(host.admin(zoned).status(), INVALID_FIELD, "{cns}");
    }
    for (cns, nsid) in [(0, 1), (1, 0), (2, 0), (3, 1), (8, 1)] {
        let ignored = Identify { csi: csi::ZONED_NAMESPACE, ..identify(Cns(cns), nsid) };
        assert_eq!(host.admin(ignored).status(), OK, "{cns}");
    }
}

#[test]
fn older_revisions_have_fewer_structures_and_pages() {
    let mut host = TestHost::enabled(of_version(1, 4));
    for cns in [5, 6, 7, 8] {
        let nsid = u32::from(cns != 6);
        assert_eq!(host.admin(identify(Cns(cns), nsid)).status(), INVALID_FIELD, "{cns}");
    }
    for (lid, status) in [(0, INVALID_FIELD), (5, OK), (0x12, INVALID_FIELD), (0x13, INVALID_FIELD)]
    {
        let cmd = GetLogPage { lid: Lid(lid), prp1: Addr(DATA), ..GetLogPage::default() };
        assert_eq!(host.admin(cmd.with_bytes(Bytes(512))).status(), status, "{lid}");
    }
    let id = IdentifyController(host.identify(Cns::IDENTIFY_CONTROLLER, 0));
    assert_eq!(id.lpa(), 0b110);
    let effects = CommandsSupportedAndEffects(page(&mut host, Lid(5)));
    assert_eq!(effects.acs(Identify::OPCODE), CommandEffects::new().with_csupp(true));
}

#[test]
fn effects_pages_name_what_is_there_and_nothing_else() {
    let scoped = Config { vwc: false, command_scopes: true, ..Config::default() };
    for config in [Config::default(), scoped] {
        let mut host = TestHost::enabled(config.clone());
        let id = IdentifyController(host.identify(Cns::IDENTIFY_CONTROLLER, 0));
        let lpa = if config.command_scopes { 0b10_0110 } else { 0b00_0110 };
        assert_eq!((id.lpa(), id.fr().text()), (lpa, env!("CARGO_PKG_VERSION").into()));
        let pages = SupportedLogPages(page(&mut host, Lid::SUPPORTED_LOG_PAGES));
        let commands = CommandsSupportedAndEffects(page(&mut host, Lid(5)));
        let features = FeatureIdentifiersSupportedAndEffects(page(&mut host, Lid(0x12)));
        assert_eq!(page::<4096>(&mut host, Lid(0x13)), [0; 4096]);
        for code in 0..=255u8 {
            let cmd = GetLogPage { lid: Lid(code), prp1: Addr(DATA), ..GetLogPage::default() };
            let found = host.admin(cmd.with_bytes(Bytes(4))).status() == OK;
            assert_eq!(pages.lids(Lid(code)), LidSupported::new().with_lsupp(found), "LID {code}");
            let get = GetFeatures { fid: Fid(code), nsid: Nsid(1), ..GetFeatures::default() };
            let found = host.admin(get).status() == OK;
            assert_eq!(features.fis(Fid(code)).fsupp(), found, "FID {code}");
            if found {
                let caps = host.admin(GetFeatures { sel: 3, ..get }).dw0();
                let of_namespace = caps >> 1 & 1 != 0;
                let fsp = if of_namespace { scope::NAMESPACE } else { scope::CONTROLLER };
                assert_eq!(features.fis(Fid(code)).fsp(), fsp, "FID {code}");
            }
        }
        let admin: Vec<u8> = (0..=255).filter(|op| commands.acs(*op).csupp()).collect();
        assert_eq!(admin, [0, 1, 2, 4, 5, 6, 8, 9, 10, 12]);
        let io: Vec<u8> = (0..=255).filter(|op| commands.iocs(*op).csupp()).collect();
        assert_eq!(io, [0, 1, 2]);
        let writers: Vec<u8> = (0..=255).filter(|op| commands.iocs(*op).lbcc()).collect();
        assert_eq!(writers, [1]);
        let told = |csp| if config.command_scopes { csp } else { 0 };
        assert_eq!(commands.iocs(2).csp(), told(scope::NAMESPACE));
        assert_eq!(commands.acs(9).csp(), told(scope::CONTROLLER | scope::NAMESPACE));
        let slots = FirmwareSlot(page(&mut host, Lid::FIRMWARE_SLOT_INFORMATION));
        assert_eq!((slots.afi(), slots.frs1().0), (1, id.fr().0));
        assert!((2..8).all(|slot| slots.revision(slot).unwrap().0 == [0; 8]));
        let mandatory = [1u8, 2, 4, 5, 7, 8, 9, 0xa, 0xb];
        assert!(mandatory.iter().all(|fid| feature::find(Fid(*fid)).is_some()));
    }
}

fn transfer(host: &mut TestHost, write: bool, nsid: u32, blocks: u32) {
    let (nsid, nlb, prp1, prp2) = (Nsid(nsid), Entries(blocks), Addr(DATA), Addr(DATA + 4096));
    let status = match write {
        true => host.io(Write { nsid, nlb, prp1, prp2, ..Write::default() }).status(),
        false => host.io(Read { nsid, nlb, prp1, prp2, ..Read::default() }).status(),
    };
    assert_eq!(status, OK);
}

#[test]
fn smart_counts_what_the_host_moves() {
    let large = NamespaceConfig { block_bytes: 4096, ..NamespaceConfig::default() };
    let config = Config {
        namespaces: vec![NamespaceConfig::default(), large],
        temperature_sensors: vec![300],
        ..Config::default()
    };
    let mut host = TestHost::ready(config);
    let fresh = smart(&mut host);
    assert_eq!((fresh.dur(), fresh.duw(), fresh.hrc(), fresh.hwc()), (0, 0, 0, 0));
    assert_eq!((fresh.ctemp(), fresh.sensors()), (310, [300, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!((fresh.avsp(), fresh.avspt(), fresh.cw(), fresh.pwrc()), (100, 10, 0, 1));
    // 125 Reads of 8 units of 512 bytes are 1,000; one more is rounded up.
    for _ in 0..125 {
        transfer(&mut host, false, 1, 8);
    }
    assert_eq!((smart(&mut host).dur(), smart(&mut host).hrc()), (1, 125));
    transfer(&mut host, false, 1, 1);
    // A block of 4,096 bytes is 8 units.
    for _ in 0..126 {
        transfer(&mut host, true, 2, 1);
    }
    host.io(Flush { nsid: Nsid(1) });
    let beyond = Read { nsid: Nsid(1), slba: Lba(1 << 40), prp1: Addr(DATA), ..Read::default() };
    assert_eq!(host.io(beyond).status(), Status::LBA_OUT_OF_RANGE);
    let page = smart(&mut host);
    assert_eq!((page.dur(), page.duw(), page.hrc(), page.hwc()), (2, 2, 126, 126));
    host.doorbell(DoorbellKind::CqHead, 1, ENTRIES + 3);
    assert_eq!(smart(&mut host).neile(), 1);
}

#[test]
fn smart_goes_on_over_resets_and_tells_losses_of_power_apart() {
    let mut host = TestHost::ready(Config::default());
    transfer(&mut host, true, 1, 1);
    host.doorbell(DoorbellKind::CqHead, 1, ENTRIES + 3);
    host.disable();
    host.enable();
    assert_eq!(smart(&mut host).pwrc(), 1);
    host.dut.reset(host.ctrl, ResetKind::PowerCycle).unwrap();
    host.enable();
    let page = smart(&mut host);
    assert_eq!((page.pwrc(), page.upl(), page.duw(), page.hwc(), page.neile()), (2, 1, 1, 1, 1));
    let cc = register::Cc::from_bits(host.read32(register::CC)).with_shn(1);
    host.write32(register::CC, cc.into_bits());
    assert!(host.wait_csts(|csts| csts.shst() == 2));
    host.dut.reset(host.ctrl, ResetKind::PowerCycle).unwrap();
    host.enable();
    let page = smart(&mut host);
    assert_eq!((page.pwrc(), page.upl()), (3, 1));
}

/// Time goes by, whether or not there is anything to do.
fn pass(host: &mut TestHost, ns: u64) {
    let until = host.dut.now() + ns;
    host.run_for(ns);
    host.dut.pass(until);
}

#[test]
fn smart_tells_time() {
    let config = Config { io_latency_ns: HOUR / 2, temperature: 343, ..Config::default() };
    let mut host = TestHost::ready(config);
    pass(&mut host, HOUR);
    let page = smart(&mut host);
    assert_eq!((page.poh(), page.cbt(), page.cctt()), (1, 0, 0));
    assert_eq!((page.wctt(), page.cw()), (60, 2), "at the threshold is beyond it");
    let nsid = Nsid(1);
    let cid = host.submit(1, Flush { nsid });
    pass(&mut host, HOUR / 4);
    assert_eq!(smart(&mut host).cbt(), 15);
    pass(&mut host, HOUR / 2);
    assert!(host.completion(1, cid).is_some());
    assert_eq!(smart(&mut host).cbt(), 30);
    // What a deleted queue never completes keeps nobody busy.
    host.submit(1, Flush { nsid });
    pass(&mut host, HOUR / 60);
    assert_eq!(host.admin(DeleteIoSq { qid: spec::Qid(1) }).status(), OK);
    pass(&mut host, HOUR);
    assert_eq!(smart(&mut host).cbt(), 31);
}

#[test]
fn configurations_with_impossible_names_say_so() {
    let wrong = [
        ("serial = \"123456789012345678901\"", "serial = "),
        ("subnqn = \"lockstep\"", "begin with nqn."),
        ("temperature = 0", "temperature = 0"),
        ("temperature_sensors = [300, 0]", "temperature_sensors = [300, 0]"),
        ("saveable_features = [8]", "saveable_features = 8: possible is 1, 4, 5, 10 and 11"),
        ("[[namespaces]]\neui64 = \"none\"\nnguid = \"none\"", "one of eui64, nguid and uuid"),
        ("[[namespaces]]\neui64 = \"0000000000000000\"", "zeroes are no identifier"),
        (
            "[[namespaces]]\nnguid = \"0000000000000000000000000000000a\"\n\
             [[namespaces]]\nnguid = \"0000000000000000000000000000000a\"",
            "no identifier twice",
        ),
        ("[[namespaces]]\nuuid = \"12\"", "\"12\" is no \"none\", \"derived\" or 16 bytes in hex"),
    ];
    for (text, message) in wrong {
        let error = Config::from_toml(text).expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
    let text = "[[namespaces]]\nuuid = \"01234567-89ab-8def-8123-456789abcdef\"\nnguid = \"none\"";
    let config = Config::from_toml(text).unwrap();
    let written = toml::to_string(&config).unwrap();
    assert_eq!(Config::from_toml(&written).unwrap(), config);
    let Identifier::Given(uuid) = config.namespaces[0].uuid else { panic!("no UUID") };
    assert_eq!(uuid[..5], [1, 0x23, 0x45, 0x67, 0x89]);
}
