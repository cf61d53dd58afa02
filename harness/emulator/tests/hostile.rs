//! No host, however hostile, makes the emulator panic, loop or lose its determinism.

mod common;

use common::{ENTRIES, SECOND, TestHost};
use dut::{Ctrl, Dut, Progress, Width};
use lockstep_emulator::{Config, Defect, Policy, defect};
use log::{Perm, ResetKind};
use proptest::prelude::*;
use spec::register::DoorbellKind;
use spec::{Addr, Sqe, command};

/// What a hostile host does.
#[derive(Clone, Debug)]
enum Act {
    WriteRegister(u32, u8, u64),
    ReadRegister(u32, u8),
    Doorbell(bool, u16, u32),
    /// A command in the next slot of an existing queue, with that queue rung.
    Command(u16, Sqe),
    Wait(u64),
    Reset(u8),
    Map(u64, u64, Option<u8>),
    Irq(u16, bool),
    Enable,
    CreatePair(u16),
}

/// Addresses in, around and far from the arena, with any offset.
fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => (0x10_0000u64..0x110_0000).prop_map(|at| at & !0xfff),
        4 => 0x10_0000u64..0x110_0000,
        1 => Just(0),
        1 => (0u64..64).prop_map(|n| u64::MAX - n),
        1 => any::<u64>(),
    ]
}

fn sqe() -> impl Strategy<Value = Sqe> {
    let opcodes = prop_oneof![
        6 => prop::sample::select(command::TABLE.iter().map(|c| c.opcode).collect::<Vec<_>>()),
        1 => any::<u8>(),
    ];
    let small = prop_oneof![3 => 0u32..4, 2 => 0u32..100_000, 1 => any::<u32>()];
    let head = prop_oneof![5 => Just(0u32), 1 => any::<u32>()];
    (opcodes, prop::array::uniform6(small), address(), address(), 0u32..3, head).prop_map(
        |(opcode, tail, prp1, prp2, nsid, head)| {
            let mut sqe = Sqe::new(opcode).with_prps(Addr(prp1), Addr(prp2));
            sqe.dw[0] |= head & 0xffff_ff00;
            sqe.dw[1] = nsid;
            sqe.dw[10..].copy_from_slice(&tail);
            sqe
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    let offset =
        prop_oneof![4 => (0u32..0x40).prop_map(|n| n * 4), 1 => 0u32..0x3000, 1 => any::<u32>()];
    let value = prop_oneof![2 => any::<u64>(), 2 => address(), 1 => 0u64..8];
    let width = prop::sample::select(vec![1u8, 2, 4, 4, 4, 8]);
    let tail = prop_oneof![3 => 0..ENTRIES, 1 => any::<u32>()];
    prop_oneof![
        2 => (offset.clone(), width.clone(), value).prop_map(|(at, w, v)| {
            Act::WriteRegister(at, w, v)
        }),
        1 => (offset, width).prop_map(|(o, w)| Act::ReadRegister(o, w)),
        3 => (any::<bool>(), 0u16..4, tail).prop_map(|(k, q, v)| Act::Doorbell(k, q, v)),
        12 => (0u16..3, sqe()).prop_map(|(q, s)| Act::Command(q, s)),
        8 => (0u64..2_000_000).prop_map(Act::Wait),
        1 => (0u8..3).prop_map(Act::Reset),
        1 => (address(), 0u64..0x1_0000, prop::option::of(1u8..4))
            .prop_map(|(at, len, perm)| Act::Map(at, len, perm)),
        1 => (0u16..40, any::<bool>()).prop_map(|(v, m)| Act::Irq(v, m)),
        3 => Just(Act::Enable),
        3 => (1u16..3).prop_map(Act::CreatePair),
    ]
}

fn width(bytes: u8) -> Width {
    match bytes {
        1 => Width::U8,
        2 => Width::U16,
        8 => Width::U64,
        _ => Width::U32,
    }
}

fn planted_defect(at: usize) -> &'static dyn Defect {
    *defect::TABLE.iter().chain(defect::AWAITING_RULES).nth(at).unwrap()
}

/// Runs the acts; a hash of all that was seen.
fn play(config: &Config, planted: Option<usize>, acts: &[Act]) -> String {
    let mut host = match planted {
        Some(at) => TestHost::with_defect(config.clone(), planted_defect(at)),
        None => TestHost::new(config.clone()),
    };
    let mut seen = String::new();
    host.dut.irq_setup(Ctrl(0), 1).unwrap();
    for act in acts {
        match act {
            Act::WriteRegister(offset, bytes, value) => {
                host.dut.write(Ctrl(0), *offset, width(*bytes), *value).unwrap();
            }
            Act::ReadRegister(offset, bytes) => {
                let value = host.dut.read(Ctrl(0), *offset, width(*bytes)).unwrap();
                seen += &format!("{value:x} ");
            }
            Act::Doorbell(tail, qid, value) => {
                let kind = if *tail { DoorbellKind::SqTail } else { DoorbellKind::CqHead };
                host.doorbell(kind, *qid, *value);
            }
            Act::Command(sqid, sqe) if host.knows_sq(*sqid) => {
                host.submit(*sqid, *sqe);
            }
            Act::Command(..) => {}
            Act::Wait(ns) => run(&mut host, *ns),
            Act::Reset(kind) => {
                let kinds =
                    [ResetKind::FunctionLevel, ResetKind::Conventional, ResetKind::PowerCycle];
                host.dut.reset(Ctrl(0), kinds[usize::from(*kind)]).unwrap();
            }
            Act::Map(at, len, Some(perm)) => {
                host.dut.map(Addr(*at), *len, Perm::from_u8(*perm).unwrap()).unwrap();
            }
            Act::Map(at, len, None) => host.dut.unmap(Addr(*at), (*len).max(1)).unwrap(),
            Act::Irq(vector, masked) => {
                host.dut.irq_mask(Ctrl(0), *vector, *masked).unwrap();
            }
            Act::Enable => {
                host.start();
                run(&mut host, 10_000_000);
            }
            Act::CreatePair(qid) => create_pair(&mut host, *qid),
        }
        host.drain();
        for event in host.events.drain(..) {
            seen += &format!("{event:?} ");
        }
    }
    run(&mut host, 30 * SECOND);
    seen + &format!("{:?}", host.csts())
}

/// Creates a queue pair as far as the controller lets it.
fn create_pair(host: &mut TestHost, qid: u16) {
    if !host.knows_sq(0) {
        return;
    }
    let (cq, sq) = (host.create_cq_command(qid), host.create_sq_command(qid, qid));
    host.submit(0, cq);
    host.submit(0, sq);
    run(host, 1_000_000);
    host.adopt_cq(qid, cq.prp1.0, ENTRIES);
    host.adopt_sq(qid, qid, sq.prp1.0, ENTRIES);
    for _ in 0..ENTRIES {
        if host.take(0).is_some() {
            host.release(0);
        }
    }
}

/// Runs for a time; it has to come to an end.
fn run(host: &mut TestHost, ns: u64) {
    let until = host.dut.now() + ns;
    for _ in 0..200_000 {
        match host.dut.wait(until).unwrap() {
            Progress::Ran => {}
            Progress::Idle | Progress::TimeUp => return,
        }
    }
    panic!("the emulator does not come to rest");
}

/// A number of cases; failures are told, not written into the source tree.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_hostile_host_changes_nothing_for_the_process(
        acts in prop::collection::vec(act(), 1..80),
        seed in any::<u64>(),
    ) {
        let config = Config { dstrd: 0, ..Config::random(seed) };
        let first = play(&config, None, &acts);
        prop_assert_eq!(first, play(&config, None, &acts));
    }

    #[test]
    fn defects_do_not_panic_either(
        acts in prop::collection::vec(act(), 1..60),
        planted in 0..defect::TABLE.len() + defect::AWAITING_RULES.len(),
    ) {
        let mut config = Config { policy: Policy::random(planted as u64), ..Config::default() };
        planted_defect(planted).configure(&mut config);
        play(&config, Some(planted), &acts);
    }
}
