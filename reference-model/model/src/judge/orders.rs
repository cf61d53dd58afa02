//! The orders in which commands that were in flight beside each other may have been carried out.

use spec::requirement::Level;
use spec::{Cqe, Status};

use super::Judge;
use crate::ruling::{Applies, Apply, Decision, Forces, Held, Rule, Weight};
use crate::state::World;

/// One world after an order of commands, and what each was judged.
#[derive(Clone)]
pub struct Outcome {
    /// What is believed after it.
    pub world: World,
    /// What each command was judged.
    pub decisions: Vec<(u32, Decision)>,
    /// What its effect held.
    pub held: Vec<(u32, Held)>,
    /// Commands whose answer this order does not explain, and the world that it does not fit.
    pub wrong: Vec<(u32, World)>,
}

/// How a command takes part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Its answer is to be explained.
    Answered,
    /// It has no answer, and may have been carried out.
    Unanswered,
    /// Its answer is wrong, and it did what it says.
    Wrong,
    /// Its answer is wrong, and it did what it was sent for, or nothing.
    Lying,
}

impl Part {
    /// Whether it has to come in somewhere.
    fn is_due(self) -> bool {
        matches!(self, Part::Answered | Part::Wrong)
    }
}

impl Judge {
    /// Every order of `members` that their intervals allow and that explains their answers, on every world
    /// believed. Those of `beside`, which have no answer, come in anywhere, or not at all.
    pub(super) fn outcomes(&self, members: &[u32], beside: &[u32]) -> Vec<Outcome> {
        self.outcomes_where(members, beside, |_| Part::Answered)
    }

    fn outcomes_where(
        &self,
        members: &[u32],
        beside: &[u32],
        part: impl Fn(usize) -> Part,
    ) -> Vec<Outcome> {
        let members = members.iter().enumerate().map(|(at, n)| (*n, part(at)));
        let beside = beside.iter().map(|n| (*n, Part::Unanswered));
        let left: Vec<(u32, Part)> = members.chain(beside).collect();
        let mut outcomes = Vec::new();
        for world in self.worlds.iter().cloned() {
            let (decisions, held, wrong) = (Vec::new(), Vec::new(), Vec::new());
            self.orders(Outcome { world, decisions, held, wrong }, &left, &mut outcomes);
        }
        outcomes
    }

    /// Where nothing explains the answers of `members`: the fewest of them, the first to complete before
    /// others, without which something explains the rest. What those did is their own word, if that will do.
    pub(super) fn fewest_wrong(&self, members: &[u32], beside: &[u32]) -> Vec<Outcome> {
        let mut members = members.to_vec();
        members.sort_by_key(|n| self.commands[*n].seen);
        for count in 1..=members.len() as u32 {
            for part in [Part::Wrong, Part::Lying] {
                for wrong in (0u32..1 << members.len()).filter(|set| set.count_ones() == count) {
                    let part = |at: usize| if wrong >> at & 1 != 0 { part } else { Part::Answered };
                    let outcomes = self.outcomes_where(&members, beside, part);
                    if !outcomes.is_empty() {
                        return outcomes;
                    }
                }
            }
        }
        Vec::new()
    }

    /// Extends `so_far` by every order of what is left.
    fn orders(&self, so_far: Outcome, left: &[(u32, Part)], outcomes: &mut Vec<Outcome>) {
        let lying = |left: &[(u32, Part)], so_far: &Outcome| -> Vec<(u32, World)> {
            let lying = left.iter().filter(|(_, part)| *part == Part::Lying);
            lying.map(|(n, _)| (*n, so_far.world.clone())).collect()
        };
        let over = !left.iter().any(|(_, part)| part.is_due());
        if over {
            // What is left was not carried out.
            let mut end = so_far.clone();
            end.wrong.extend(lying(left, &so_far));
            outcomes.push(end);
        }
        for &(n, part) in left {
            // A command whose CQE was seen before this one was rung comes first.
            let rung = self.commands[n].rung;
            let before = |m: u32| m != n && self.commands[m].seen < rung;
            if left.iter().any(|(m, part)| part.is_due() && before(*m)) {
                continue;
            }
            let next = match part {
                Part::Answered => self.try_on(&so_far, n),
                Part::Unanswered if over => None,
                Part::Unanswered => self.try_success(&so_far, n),
                Part::Wrong => Some(self.adopt_on(&so_far, n)),
                Part::Lying => Some(self.carry_out_on(&so_far, n)),
            };
            let Some(mut next) = next else { continue };
            let (late, rest): (Vec<_>, Vec<_>) = left
                .iter()
                .copied()
                .filter(|(m, _)| *m != n)
                .partition(|(m, part)| *part == Part::Lying && before(*m));
            next.wrong.extend(lying(&late, &so_far));
            self.orders(next, &rest, outcomes);
        }
    }

    /// Command `n`, which has no answer, carried out on top of `before`, if it may be.
    fn try_success(&self, before: &Outcome, n: u32) -> Option<Outcome> {
        let command = &self.commands[n];
        let rule = command.rule?;
        let forces = &self.units[usize::from(command.ctrl)].forces;
        let view = self.view(n, &before.world);
        let ruling = rule.in_force(rule.evaluate(&command.sqe, &view), forces);
        let success = Status::SUCCESSFUL_COMPLETION;
        if matches!(rule.decide(ruling, success, forces), Decision::Diverges { .. }) {
            return None;
        }
        let mut next = before.clone();
        let (version, mut held) = (view.version, Vec::new());
        let apply = command.apply(&mut next.world, version, &self.memory, &mut held);
        (rule.accept)(&mut Apply { cqe: &Cqe::default(), ..apply });
        Some(next)
    }

    /// Command `n` and its answer on top of `before`; `None` if that world does not explain it.
    fn try_on(&self, before: &Outcome, n: u32) -> Option<Outcome> {
        let command = &self.commands[n];
        let rule = command.rule?;
        let forces = &self.units[usize::from(command.ctrl)].forces;
        let view = self.view(n, &before.world);
        let version = view.version;
        let ruling = rule.in_force(rule.evaluate(&command.sqe, &view), forces);
        let decision = rule.decide(ruling, command.cqe.status(), forces);
        if matches!(decision, Decision::Diverges { .. }) {
            return None;
        }
        let mut next = before.clone();
        let mut held = Vec::new();
        act(rule, &mut command.apply(&mut next.world, version, &self.memory, &mut held));
        if held.iter().any(|held| held.broken.is_some() && accuses(held, forces)) {
            return None;
        }
        next.decisions.push((n, decision));
        next.held.extend(held.into_iter().map(|held| (n, held)));
        Some(next)
    }

    /// Command `n`, whose answer is wrong, on top of `before`: it did what it says.
    fn adopt_on(&self, before: &Outcome, n: u32) -> Outcome {
        let mut next = before.clone();
        next.wrong.push((n, before.world.clone()));
        let command = &self.commands[n];
        if let Some(rule) = command.rule {
            let (version, mut held) = (self.view(n, &before.world).version, Vec::new());
            act(rule, &mut command.apply(&mut next.world, version, &self.memory, &mut held));
        }
        next
    }

    /// The same, where it did what it was sent for, whatever it says.
    fn carry_out_on(&self, before: &Outcome, n: u32) -> Outcome {
        let mut next = before.clone();
        next.wrong.push((n, before.world.clone()));
        let command = &self.commands[n];
        if let Some(rule) = command.rule {
            let cqe = match command.cqe.status().is_success() {
                true => command.cqe,
                false => Cqe::default(),
            };
            let (version, mut held) = (self.view(n, &before.world).version, Vec::new());
            let apply = command.apply(&mut next.world, version, &self.memory, &mut held);
            (rule.accept)(&mut Apply { cqe: &cqe, ..apply });
        }
        next
    }
}

/// What the answer of a command does, by its rule.
pub fn act(rule: &Rule, apply: &mut Apply) {
    if apply.cqe.status().is_success() { (rule.accept)(apply) } else { (rule.refuse)(apply) }
}

/// Whether something that was found broken makes a divergence.
fn accuses(held: &Held, forces: &Forces) -> bool {
    let shall = matches!(forces.of(held.req), Applies::On(force) if force.level == Level::Shall);
    shall && held.weight != Weight::Gap
}
