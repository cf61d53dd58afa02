//! Laws of features, log pages and Identify structures, whatever a host does before it looks.

mod common;

use common::{DATA, TestHost};
use dut::{Ctrl, Dut};
use lockstep_emulator::{Config, feature, log_page};
use log::ResetKind;
use proptest::prelude::*;
use spec::command::*;
use spec::log_page::SmartHealth;
use spec::{Addr, Bytes, Cns, Fid, Lba, Lid, Nsid, Status};

const OK: Status = Status::SUCCESSFUL_COMPLETION;

/// A step of a host that has an enabled controller.
#[derive(Clone, Debug)]
enum Step {
    Set { fid: usize, cdw11: u32, sv: bool, nsid: u32 },
    Get { fid: usize, cdw11: u32, sel: u8, nsid: u32 },
    Page { lid: u8, rae: bool, nsid: u32, offset: u32, bytes: u32 },
    Identify { cns: u8, csi: u8, nsid: u32 },
    Event,
    Reset,
    PowerCycle,
}

fn step() -> impl Strategy<Value = Step> {
    let fid = 0..feature::TABLE.len();
    let nsid = prop::sample::select(vec![0, 0, 1, 1, 2, 3, 99, u32::MAX]);
    // Dwords with a few bits, near the values that mean something.
    let cdw11 = prop_oneof![
        (0u32..16, 0u32..32, 0u32..400).prop_map(|(a, shift, low)| a << shift | low),
        any::<u32>(),
    ];
    let lid = prop::sample::select(vec![0u8, 1, 2, 3, 5, 0x12, 0x13, 0x70]);
    prop_oneof![
        4 => (fid.clone(), cdw11.clone(), any::<bool>(), nsid.clone())
            .prop_map(|(fid, cdw11, sv, nsid)| Step::Set { fid, cdw11, sv, nsid }),
        2 => (fid, cdw11, 0u8..8, nsid.clone())
            .prop_map(|(fid, cdw11, sel, nsid)| Step::Get { fid, cdw11, sel, nsid }),
        3 => (lid, any::<bool>(), nsid.clone(), 0u32..1200, 1u32..4096).prop_map(
            |(lid, rae, nsid, offset, bytes)| Step::Page { lid, rae, nsid, offset, bytes }
        ),
        2 => (0u8..12, 0u8..3, nsid).prop_map(|(cns, csi, nsid)| Step::Identify { cns, csi, nsid }),
        1 => Just(Step::Event),
        1 => Just(Step::Reset),
        1 => Just(Step::PowerCycle),
    ]
}

fn play(host: &mut TestHost, step: &Step) -> (Status, u32) {
    let sqe = match *step {
        Step::Set { fid, cdw11, sv, nsid } => {
            let fid = feature::TABLE[fid].fid;
            SetFeatures { fid, cdw11, sv, nsid: Nsid(nsid), ..SetFeatures::default() }.into()
        }
        Step::Get { fid, cdw11, sel, nsid } => {
            let fid = feature::TABLE[fid].fid;
            GetFeatures { fid, cdw11, sel, nsid: Nsid(nsid), ..GetFeatures::default() }.into()
        }
        Step::Page { lid, rae, nsid, offset, bytes } => {
            let (lid, nsid, lpo, prp1) = (Lid(lid), Nsid(nsid), offset.into(), Addr(DATA));
            let page = GetLogPage { lid, rae, nsid, lpo, prp1, ..GetLogPage::default() };
            page.with_bytes(Bytes(bytes.into())).into()
        }
        Step::Identify { cns, csi, nsid } => {
            let (cns, nsid, prp1) = (Cns(cns), Nsid(nsid), Addr(DATA));
            Identify { cns, csi, nsid, prp1, ..Identify::default() }.into()
        }
        Step::Event => {
            host.submit(0, AsyncEventRequest {});
            return (OK, 0);
        }
        Step::Reset => {
            host.disable();
            host.enable();
            return (OK, 0);
        }
        Step::PowerCycle => {
            host.dut.reset(Ctrl(0), ResetKind::PowerCycle).unwrap();
            host.enable();
            return (OK, 0);
        }
    };
    let sqe: spec::Sqe = sqe;
    let cqe = host.admin(sqe);
    (cqe.status(), cqe.dw0())
}

/// Every value that Get Features shows, the same for every caller.
fn all_values(host: &mut TestHost, sel: u8) -> Vec<(Fid, u32, u32, u32)> {
    let mut values = Vec::new();
    for feature in feature::TABLE {
        for nsid in [1, 2] {
            // Selects a temperature and a type, or a vector.
            for cdw11 in [0, 1, 0x1_0000, 0x10_0000, 0x11_0000] {
                let get = GetFeatures { fid: feature.fid, sel, cdw11, ..GetFeatures::default() };
                let cqe = host.admin(GetFeatures { nsid: Nsid(nsid), ..get });
                values.push((feature.fid, nsid, cdw11, cqe.dw0()));
            }
        }
    }
    values
}

fn page(host: &mut TestHost, lid: u8, offset: u64, bytes: usize) -> Vec<u8> {
    let (lid, prp1) = (Lid(lid), Addr(DATA));
    let cmd = GetLogPage { lid, rae: true, lpo: offset, prp1, ..GetLogPage::default() };
    assert_eq!(host.admin(cmd.with_bytes(Bytes(bytes as u64))).status(), OK);
    host.data(DATA, bytes)
}

/// The counters over a lifetime: none of them ever falls.
fn counters(host: &mut TestHost) -> [u128; 9] {
    let raw: [u8; 512] = page(host, 2, 0, 512).try_into().unwrap();
    let smart = SmartHealth(raw);
    let moved = [smart.dur(), smart.duw(), smart.hrc(), smart.hwc(), smart.cbt()];
    let [a, b, c, d, e] = moved;
    [a, b, c, d, e, smart.pwrc(), smart.poh(), smart.upl(), smart.neile()]
}

/// A configuration with two namespaces, and MDTS for 4,096 bytes at least.
fn config(seed: u64) -> Config {
    let drawn = Config::random(seed);
    let namespaces = vec![Default::default(); 2];
    Config { controllers: 1, namespaces, nn: Some(3), aerl_z: 2, ..drawn }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn a_refused_set_changes_nothing_and_defaults_never_change(
        seed in any::<u64>(), steps in prop::collection::vec(step(), 1..10),
    ) {
        let mut host = TestHost::enabled(config(seed));
        let defaults = all_values(&mut host, 1);
        prop_assert_eq!(&all_values(&mut host, 0), &defaults);
        for step in &steps {
            let before = all_values(&mut host, 0);
            let (status, _) = play(&mut host, step);
            let after = all_values(&mut host, 0);
            let changes = matches!(step, Step::Set { .. } if status == OK)
                || matches!(step, Step::Reset | Step::PowerCycle);
            prop_assert!(changes || before == after, "{step:?} {status:?}");
            if matches!(step, Step::Reset | Step::PowerCycle) {
                let saved = all_values(&mut host, 2);
                // The default of Number of Queues is what a reset gives, and it is not saveable.
                prop_assert_eq!(after, saved);
            }
            prop_assert_eq!(&all_values(&mut host, 1), &defaults);
        }
    }

    #[test]
    fn counters_never_fall_and_parts_of_pages_are_parts(
        seed in any::<u64>(), steps in prop::collection::vec(step(), 1..25), writes in 0u8..6,
    ) {
        let config = Config { max_queue_entries: 64, ..config(seed) };
        let mut host = TestHost::ready(config);
        for lba in 0..writes {
            let (nsid, slba, prp1) = (Nsid(1), Lba(lba.into()), Addr(DATA));
            let write = Write { nsid, slba, prp1, ..Write::default() };
            prop_assert_eq!(host.io(write).status(), OK);
        }
        let mut last = counters(&mut host);
        prop_assert_eq!(last[3], u128::from(writes));
        for step in &steps {
            play(&mut host, step);
            let now = counters(&mut host);
            prop_assert!(now.iter().zip(&last).all(|(now, last)| now >= last), "{step:?}");
            last = now;
        }
        for def in log_page::TABLE {
            if log_page::find(def.lid, &host.config).is_none() || def.lid == Lid(2) {
                continue;
            }
            let size = (def.bytes)(&host.config).min(4096);
            let whole = page(&mut host, def.lid.0, 0, size);
            let (at, part) = (size / 8 * 4, size / 16 * 4);
            prop_assert_eq!(page(&mut host, def.lid.0, at as u64, part), &whole[at..at + part]);
        }
    }

    #[test]
    fn identity_is_the_same_before_and_after(
        seed in any::<u64>(), steps in prop::collection::vec(step(), 1..25),
    ) {
        let mut host = TestHost::enabled(config(seed));
        let mut look = |steps: &[Step]| {
            for step in steps {
                play(&mut host, step);
            }
            [(0, 1), (1, 0), (2, 0), (3, 1), (3, 2)].map(|(cns, nsid)| host.identify(Cns(cns), nsid))
        };
        let before = look(&[]);
        prop_assert!(before == look(&steps));
    }
}
