//! Laws over all commands: rulings are total, and never both sides of a contradiction.

use model::rules;
use model::ruling::{Apply, Decision, Others};
use model::state::World;
use proptest::prelude::*;
use spec::command::TABLE;
use spec::{Cqe, Qid, QueueKind, Sqe, Status, Version};

use crate::world::Scene;

/// Any SQE, mostly with an opcode and a code that has a rule.
fn any_sqe() -> impl Strategy<Value = (QueueKind, Sqe)> {
    let raw = prop::array::uniform16(any::<u32>()).prop_map(|dw| Sqe { dw });
    let kind = prop_oneof![Just(QueueKind::Admin), Just(QueueKind::Nvm)];
    let small = prop::array::uniform16(prop_oneof![Just(0u32), 0u32..16, any::<u32>()]);
    prop_oneof![
        (kind.clone(), raw),
        (kind, small.prop_map(|dw| Sqe { dw }), 0u8..13)
            .prop_map(|(kind, sqe, opcode)| (kind, sqe.with_opcode(opcode))),
    ]
}

fn any_scene() -> impl Strategy<Value = Scene> {
    let versions =
        prop::sample::select(vec![(1, 0), (1, 2), (1, 3), (1, 4), (2, 0), (2, 2), (2, 3)]);
    (versions, any::<bool>(), any::<bool>(), 0u32..8).prop_map(
        |((major, minor), fresh, bare, n)| {
            Scene::new().with(|s| {
                if fresh {
                    let controller = model::state::Controller::default();
                    s.world = World { controllers: vec![controller], ..Default::default() };
                } else if bare {
                    s.controller().claims = None;
                    s.world.namespaces.clear();
                }
                s.revision(major, minor);
                s.others = Others { aers: n, aborts: n, same_cid: n & 1 };
            })
        },
    )
}

/// Evaluates everything that a rule has for this command, as a judge would.
fn exercise(scene: &Scene, queue: QueueKind, sqe: &Sqe) {
    let Some(rule) = rules::find(queue, sqe) else { return };
    let view = scene.view();
    let ruling = rule.evaluate(sqe, &view);
    assert_eq!(ruling.failing & ruling.undecided, 0, "{}: {sqe:?}", rule.name);
    for n in model::ruling::bits(ruling.failing | ruling.undecided) {
        assert!(!rule.because(n, sqe, &view).is_empty());
    }
    let _ = ((rule.data)(sqe, &view), (rule.footprint)(sqe, &view));
    let forces = scene.forces();
    let held = rule.in_force(ruling, &forces);
    assert_eq!((held.failing | held.undecided) & !(ruling.failing | ruling.undecided), 0);
    let accepted = rule.decide(held, Status::SUCCESSFUL_COMPLETION, &forces);
    // Some answer is always allowed: if acceptance is not, a refusal is.
    if matches!(accepted, Decision::Diverges { .. }) {
        let refusals = model::ruling::bits(held.failing).flat_map(|n| rule.check(n).1);
        assert!(
            refusals
                .into_iter()
                .any(|s| matches!(rule.decide(held, *s, &forces), Decision::Agrees { .. })),
            "{}: {sqe:?}",
            rule.name
        );
    }
    for (status, ..) in Status::TABLE {
        let _ = rule.decide(held, *status, &forces);
    }
    for dw0 in [0, 1, 0x0001_0100, u32::MAX] {
        for effect in [rule.accept, rule.refuse] {
            let mut world = scene.world.clone();
            let cqe = Cqe { dw: [dw0, 0, 0, 0] };
            effect(&mut Apply {
                world: &mut world,
                ctrl: 0,
                sqid: Qid(0),
                sqe,
                cqe: &cqe,
                version: scene.version(),
                memory: &scene.memory,
                held: &mut Vec::new(),
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..Default::default() })]

    #[test]
    fn no_command_and_no_world_makes_a_rule_panic(scene in any_scene(), (queue, sqe) in any_sqe()) {
        exercise(&scene, queue, &sqe);
    }

    #[test]
    fn no_returned_bytes_make_a_predicate_panic(
        scene in any_scene(),
        seed in any::<u64>(),
        cns in prop::sample::select(vec![0u32, 1, 2, 3, 5, 6, 7, 8]),
        lid in prop::sample::select(vec![0u32, 1, 2, 3, 5, 0x12, 0x13]),
        nsid in 0u32..6,
    ) {
        let mut bytes = vec![0; 4096];
        let mut random = seed | 1;
        for byte in &mut bytes {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            *byte = random as u8;
        }
        let mut sqes = vec![Sqe::new(6).with_nsid(spec::Nsid(nsid)), Sqe::new(2)];
        sqes[0].dw[10] = cns;
        sqes[1].dw[10] = lid | 1023 << 16;
        for sqe in sqes {
            let rule = rules::find(QueueKind::Admin, &sqe).expect("modelled");
            if let model::ruling::Data::Returns { bytes: length,
                seen } = (rule.data)(&sqe, &scene.view()) {
                let mut world = scene.world.clone();
                let cqe = Cqe::default();
                seen(
                    &mut Apply {
                        world: &mut world,
                        ctrl: 0,
                        sqid: Qid(0),
                        sqe: &sqe,
                        cqe: &cqe,
                        version: scene.version(),
                        memory: &scene.memory,
                        held: &mut Vec::new(),
                    },
                    &bytes[..length as usize],
                );
            }
        }
    }
}

/// Every typed command, each field at each of its boundary values, in several worlds.
#[test]
fn rulings_are_total_at_the_boundary_values_of_every_field() {
    let versions = [(1, 0), (1, 3), (2, 0), (2, 3)].map(|(a, b)| Version::new(a, b));
    for version in versions {
        let scene = Scene::new().with(|s| s.revision(version.major, version.minor));
        for def in TABLE {
            for (n, field) in def.fields.iter().enumerate() {
                for value in field.boundary_values() {
                    let base = Sqe::new(def.opcode).with_nsid(spec::Nsid(1)).with(field, value);
                    exercise(&scene, def.queue, &base);
                    for other in def.fields.iter().skip(n + 1) {
                        for value in other.boundary_values() {
                            exercise(&scene, def.queue, &base.with(other, value));
                        }
                    }
                }
            }
        }
    }
}
