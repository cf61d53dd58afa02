//! Ruling: at once where nothing in flight can matter, else when a cluster of commands has drained.
//!
//! Commands in flight at the same time whose footprints conflict form a cluster. Their completions
//! wait until none of them is in flight; then every order that their intervals allow is tried on
//! what was believed before, and the worlds that explain all answers survive. Where none does, the
//! fewest answers without which the others are explained are wrong.

use spec::{Version, opcode};

use super::Judge;
use super::claims::Standing;
use super::commands::Flight;
use super::orders::{Outcome, act};
use super::report::Place;
use crate::ruling::{Broken, Cells, Decision, Held, Ruling, Weight};
use crate::state::World;

/// The most commands whose orders are enumerated.
const MAX_MEMBERS: usize = 4;
/// The most worlds that are kept.
const MAX_WORLDS: usize = 24;

/// The admin commands whose success changes nothing but queues.
const CHANGES_QUEUES: [u8; 4] = [
    opcode::admin::CREATE_IO_SUBMISSION_QUEUE,
    opcode::admin::CREATE_IO_COMPLETION_QUEUE,
    opcode::admin::DELETE_IO_SUBMISSION_QUEUE,
    opcode::admin::DELETE_IO_COMPLETION_QUEUE,
];

impl Judge {
    /// Rules command `n`, which has just completed, or leaves it until its cluster has drained.
    pub(super) fn rule_or_defer(&mut self, n: u32) {
        let command = &self.commands[n];
        let unit = &self.units[usize::from(command.ctrl)];
        let footprint = command.footprint;
        if footprint == crate::ruling::Footprint::NONE {
            self.rule_now(n);
            return;
        }
        let ctrl = command.ctrl;
        let beside = unit.structural.iter().any(|m| {
            let other = &self.commands[*m];
            *m != n && other.owes_cqe() && other.footprint.conflicts(footprint)
        });
        let waits = self.deferred.iter().any(|m| {
            let other = &self.commands[*m];
            other.ctrl == ctrl && other.footprint.conflicts(footprint)
        });
        if beside || waits {
            self.deferred.push(n);
            return;
        }
        self.rule_now(n);
    }

    /// Rules the clusters of which nothing is in flight any more.
    pub(super) fn drain_clusters(&mut self) {
        while let Some(members) = self.drained() {
            self.deferred.retain(|n| !members.contains(n));
            self.rule_cluster(&members);
            for n in members {
                self.retire_command(n);
            }
        }
    }

    /// A cluster of completed commands none of whose members conflicts with one in flight.
    fn drained(&self) -> Option<Vec<u32>> {
        let mut left = self.deferred.clone();
        while let Some(first) = left.first().copied() {
            let mut members = vec![first];
            left.retain(|n| *n != first);
            let mut at = 0;
            while at < members.len() {
                let member = &self.commands[members[at]];
                let joins = |n: &u32| {
                    let other = &self.commands[*n];
                    other.ctrl == member.ctrl && other.footprint.conflicts(member.footprint)
                };
                let more: Vec<u32> = left.iter().copied().filter(joins).collect();
                left.retain(|n| !more.contains(n));
                members.extend(more);
                at += 1;
            }
            let waiting = members.iter().any(|n| {
                let member = &self.commands[*n];
                let unit = &self.units[usize::from(member.ctrl)];
                unit.structural.iter().any(|m| {
                    let other = &self.commands[*m];
                    other.owes_cqe() && other.footprint.conflicts(member.footprint)
                })
            });
            if !waiting {
                return Some(members);
            }
        }
        None
    }

    /// Rules every deferred command of `ctrl`, whatever is still in flight: a reset has come. What was
    /// in flight beside them may have been carried out or not.
    pub(super) fn drain_all(&mut self, ctrl: u8) {
        let of = |judge: &Judge, n: &u32| judge.commands[*n].ctrl == ctrl;
        let members: Vec<u32> = self.deferred.iter().copied().filter(|n| of(self, n)).collect();
        if members.is_empty() {
            return;
        }
        self.deferred.retain(|n| !members.contains(n));
        let beside: Vec<u32> = self.units[usize::from(ctrl)]
            .structural
            .iter()
            .copied()
            .filter(|n| self.commands[*n].flight == Flight::Rung)
            .filter(|n| {
                let footprint = self.commands[*n].footprint;
                // What only reads structure changes nothing.
                footprint.writes != Cells::NONE
                    && members.iter().any(|m| self.commands[*m].footprint.conflicts(footprint))
            })
            .collect();
        let known = |n: &u32| {
            let opcode = self.commands[*n].admin_opcode();
            opcode.is_some_and(|opcode| CHANGES_QUEUES.contains(&opcode))
        };
        if members.len() + beside.len() <= MAX_MEMBERS && beside.iter().all(known) {
            self.rule_beside(&members, &beside);
        } else {
            for &n in &members {
                // What ran beside it will never be known: its answer cannot be decided.
                self.stand(n, Standing::Other);
                let place = self.place_of(n);
                self.inconclusive("a command beside it was dropped by a reset".into(), place);
            }
        }
        for n in members {
            self.retire_command(n);
        }
    }

    /// Rules one command on every world believed.
    fn rule_now(&mut self, n: u32) {
        let ctrl = self.commands[n].ctrl;
        self.refresh_forces(ctrl);
        if self.worlds.len() > 1 {
            self.rule_cluster(&[n]);
            return;
        }
        let Some(rule) = self.commands[n].rule else { return };
        let status = self.commands[n].cqe.status();
        let sqe = self.commands[n].sqe;
        let ruling = rule.evaluate(&sqe, &self.view(n, &self.worlds[0]));
        let decision = if ruling == Ruling::default() && status.is_success() {
            Decision::Agrees { by: 0 }
        } else {
            let forces = &self.units[usize::from(ctrl)].forces;
            let ruling = rule.in_force(ruling, forces);
            let decision = rule.decide(ruling, status, forces);
            if ruling != Ruling::default() {
                self.show_choice(n, rule, ruling);
            }
            decision
        };
        if decision == Decision::Tolerated {
            self.reconsider_status(n);
        }
        let effect = self.report_decision(n, decision);
        self.settle_data(n, effect);
        let mut held = std::mem::take(&mut self.held);
        let version = self.version(ctrl).unwrap_or(Version::new(2, 3));
        let command = &self.commands[n];
        act(rule, &mut command.apply(&mut self.worlds[0], version, &self.memory, &mut held));
        self.report_held(n, &mut held);
        self.held = held;
        if decision == (Decision::Agrees { by: 0 }) {
            self.credit_acceptance(n);
        }
    }

    /// Command `n` was ended by something else than a fault of its own (an Abort, a deletion, a shutdown):
    /// its completion has the form of a refusal, and what it was to change is not known.
    pub(super) fn refused_from_outside(&mut self, n: u32) {
        let Some(rule) = self.commands[n].rule else { return };
        self.refresh_forces(self.commands[n].ctrl);
        let version = self.version(self.commands[n].ctrl).unwrap_or(Version::new(2, 3));
        let mut kept = Vec::new();
        for world in &mut self.worlds {
            let command = &self.commands[n];
            let mut held = Vec::new();
            (rule.refuse)(&mut command.apply(world, version, &self.memory, &mut held));
            kept = held;
            if command.admin_opcode() == Some(opcode::admin::SET_FEATURES) {
                world.controllers[usize::from(command.ctrl)].forget_feature(&command.sqe);
            }
        }
        self.report_held(n, &mut kept);
    }

    /// Counts and reports what an effect held; empties it.
    pub(super) fn report_held(&mut self, n: u32, held: &mut Vec<Held>) {
        for Held { req, broken, weight } in held.drain(..) {
            let Some(broken) = broken else {
                self.agrees(req);
                continue;
            };
            let place = self.place_of(n);
            let Broken { observed, because, .. } = &broken;
            match weight {
                Weight::Broken => {
                    self.held_broken(req, place, broken);
                }
                Weight::Odd => self.anomaly(Some(req), place, format!("{observed}: {because}")),
                Weight::Gap => self.gap(broken.observed, place.command),
            }
        }
    }

    /// Tries the orders of `members` on every world believed.
    fn rule_cluster(&mut self, members: &[u32]) {
        self.rule_beside(members, &[]);
    }

    /// The same, where commands that have no answer (`beside`) may have been carried out.
    fn rule_beside(&mut self, members: &[u32], beside: &[u32]) {
        let ctrl = self.commands[members[0]].ctrl;
        self.refresh_forces(ctrl);
        if members.len() > MAX_MEMBERS {
            self.give_up_cluster(members);
            return;
        }
        let mut outcomes = self.outcomes(members, beside);
        if outcomes.is_empty() {
            outcomes = self.fewest_wrong(members, beside);
        }
        let wrong = outcomes.first().map(|outcome| outcome.wrong.clone()).unwrap_or_default();
        for (n, world) in wrong.iter().cloned() {
            self.report_wrong(n, world);
        }
        let explained = |n: &&u32| !wrong.iter().any(|(wrong, _)| wrong == *n);
        for &n in members.iter().filter(explained) {
            self.conclude(n, &outcomes);
        }
        let mut worlds: Vec<World> = Vec::new();
        for outcome in outcomes {
            if !worlds.contains(&outcome.world) {
                worlds.push(outcome.world);
            }
        }
        self.worlds = worlds;
        for &n in members.iter().filter(explained) {
            if self.standing_of(log::SubmitRef(self.commands[n].submit)) == super::Ruled::Accepted {
                self.credit_acceptance(n);
            }
        }
        if self.worlds.len() > MAX_WORLDS {
            self.worlds.truncate(1);
            let place = self.place_of(members[0]);
            self.inconclusive("too many states explain what was seen".into(), place);
            self.lose(ctrl, None);
        }
    }

    /// Reports command `n` by what all outcomes say of it, or the mildest of them.
    fn conclude(&mut self, n: u32, outcomes: &[Outcome]) {
        let of = |o: &Outcome| o.decisions.iter().find(|(m, _)| *m == n).map(|(_, d)| *d);
        let mut decisions = outcomes.iter().filter_map(of);
        let Some(first) = decisions.next() else { return };
        let decision = if decisions.all(|d| d == first) { first } else { Decision::Tolerated };
        let effect = self.report_decision(n, decision);
        self.settle_data(n, effect);
        let mine = |o: &Outcome| -> Vec<Held> {
            o.held.iter().filter(|(m, _)| *m == n).map(|(_, held)| held.clone()).collect()
        };
        let mut held = mine(&outcomes[0]);
        if outcomes.iter().all(|o| mine(o) == held) {
            self.report_held(n, &mut held);
        }
    }

    /// Reports command `n`, whose answer does not fit `world`, where the others are explained.
    fn report_wrong(&mut self, n: u32, world: World) {
        self.worlds = vec![world];
        let found = self.findings.len();
        self.rule_now(n);
        if self.findings.len() == found {
            let place = self.place_of(n);
            self.inconclusive("no order of these commands explains their answers".into(), place);
        }
    }

    /// Too many commands: the DUT's state is adopted in the order of completion.
    fn give_up_cluster(&mut self, members: &[u32]) {
        let place: Place = self.place_of(members[0]);
        let what = format!("{} commands that depend on each other were in flight", members.len());
        self.inconclusive(what, place);
        let mut ordered = members.to_vec();
        ordered.sort_by_key(|n| self.commands[*n].seen);
        for n in ordered {
            self.stand(n, Standing::Other);
            self.adopt_structure(n);
        }
    }

    /// Applies the effect of command `n` without judging it.
    fn adopt_structure(&mut self, n: u32) {
        let command = &self.commands[n];
        let Some(rule) = command.rule else { return };
        let version = self.version(command.ctrl).unwrap_or(Version::new(2, 3));
        for world in &mut self.worlds {
            let mut held = Vec::new();
            act(rule, &mut command.apply(world, version, &self.memory, &mut held));
        }
    }
}
