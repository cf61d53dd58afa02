//! Shrinking: the shortest sequence that still diverges by the same requirement.
//!
//! Delta debugging: steps are deleted in ever smaller pieces, then merged and simplified, as long as the
//! DUT still diverges by the requirement looked for. Steps whose references were deleted go with them.

mod fewer;
mod pieces;

use std::collections::BTreeSet;
use std::fmt;

use log::ResetKind;
use model::{DivergenceKind, Finding, FindingKind};
use spec::command::{Command, CreateIoCq, CreateIoSq};
use spec::{Qid, Req, Sqe, register};

use crate::action::{Action, BufferId, CommandId, Condition, Links, Place, Word};
use crate::bench::TestRun;
use crate::sequence::Sequence;

/// What shrinking keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// The kind of divergence, where no requirement tells it; else a rule.
    pub kind: DivergenceKind,
    /// The requirement that is broken; none for a death.
    pub req: Option<Req>,
}

impl Target {
    /// Any divergence by this requirement.
    pub fn by(req: Req) -> Self {
        Self { kind: DivergenceKind::Rule, req: Some(req) }
    }

    /// What a finding diverges by, if it is a divergence and no consequence of another.
    pub fn of(finding: &Finding) -> Option<Self> {
        match finding.kind {
            // The kind follows from the requirement, where there is one.
            FindingKind::Divergence(kind) if finding.consequence_of.is_none() => {
                let kind = if finding.req.is_some() { DivergenceKind::Rule } else { kind };
                Some(Self { kind, req: finding.req })
            }
            _ => None,
        }
    }

    /// What a run is to be shrunk by: its first divergence that bring-up did not show already, else its
    /// first. What every run shows would leave nothing of the sequence.
    pub fn first(findings: &[Finding]) -> Option<Self> {
        let standing = |finding: &Finding| {
            let same = |other: &Finding| other.step == 0 && other.req == finding.req;
            findings.iter().any(same)
        };
        let mut own = findings.iter().filter(|finding| !standing(finding));
        own.find_map(Self::of).or_else(|| findings.iter().find_map(Self::of))
    }

    /// Whether a run diverges by it.
    pub fn is_hit_by(&self, run: &TestRun) -> bool {
        self.first_step(run).is_some()
    }

    fn first_step(&self, run: &TestRun) -> Option<u16> {
        let hit = |finding: &&Finding| Target::of(finding).is_some_and(|found| found == *self);
        run.findings.iter().find(hit).map(|finding| finding.step)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.req {
            Some(req) => f.write_str(req.name()),
            None => f.write_str(&format!("{:?}", self.kind).to_lowercase()),
        }
    }
}

/// Shrinks a sequence that diverges by `target`, or by [`Target::first`], with `replay`
/// performing candidates, each from a fresh start, as [`crate::Bench::replay_possible`] does. `None`
/// if it does not diverge so. `runs_max` bounds the work; what was reached by then is given back.
///
/// # Errors
/// The first of `replay`.
pub fn shrink<E>(
    sequence: &Sequence,
    target: Option<Target>,
    runs_max: u32,
    replay: &mut dyn FnMut(&Sequence) -> Result<TestRun, E>,
) -> Result<Option<(Sequence, Target)>, E> {
    let first = replay(sequence)?;
    let Some(target) = target.or_else(|| Target::first(&first.findings)) else {
        return Ok(None);
    };
    let Some(step) = target.first_step(&first) else { return Ok(None) };
    let best = first.sequence;
    let mut shrinker = Shrinker { replay, target, left: runs_max, best, failed: None };
    let shorter = shrinker.cut_after(usize::from(step));
    shrinker.keep_if_hit(shorter);
    loop {
        let before = (shrinker.best.actions.len(), shrinker.weight());
        shrinker.delete_pieces();
        shrinker.delete_objects();
        shrinker.merge_sends();
        shrinker.merge_enables();
        shrinker.try_all(fewer::resets_in_one);
        shrinker.merge_pairs();
        shrinker.simplify();
        // Reads and Writes move a page of their blocks, or one block.
        shrinker.try_all(pieces::pieces);
        shrinker.try_all(|actions, at| match at {
            0 => fewer::on_controller_0(actions),
            _ => Vec::new(),
        });
        shrinker.try_all(fewer::contiguous);
        shrinker.try_all(fewer::smaller_queues);
        shrinker.try_all(fewer::waits_for_others);
        if (shrinker.best.actions.len(), shrinker.weight()) >= before || shrinker.left == 0 {
            break;
        }
    }
    match shrinker.failed {
        Some(error) => Err(error),
        None => Ok(Some((shrinker.best, target))),
    }
}

struct Shrinker<'r, E> {
    replay: &'r mut dyn FnMut(&Sequence) -> Result<TestRun, E>,
    target: Target,
    left: u32,
    best: Sequence,
    failed: Option<E>,
}

impl<E> Shrinker<'_, E> {
    fn cut_after(&self, step: usize) -> Sequence {
        let mut cut = self.best.clone();
        cut.actions.truncate(step.max(1));
        cut
    }

    /// How much stands in the steps: set bits of the SQEs and lengths, so that simpler is smaller.
    fn weight(&self) -> u64 {
        let weight = |action: &Action| match action {
            Action::Submit { sqe, links, .. } | Action::Send { sqe, links, .. } => {
                sqe.dw.iter().map(|dw| u64::from(dw.count_ones())).sum::<u64>()
                    + u64::from(links.prp2.is_some())
                    + u64::from(matches!(action, Action::Submit { .. }))
            }
            Action::Buffer { bytes, offset, .. } => *bytes + u64::from(*offset),
            Action::Reset { kind, .. } => u64::from(*kind != ResetKind::Controller),
            _ => 0,
        };
        self.best.actions.iter().map(weight).sum()
    }

    /// Runs a candidate; takes it over if it still diverges by the target.
    fn keep_if_hit(&mut self, candidate: Sequence) -> bool {
        if self.left == 0 || candidate == self.best {
            return false;
        }
        self.left -= 1;
        let run = match (self.replay)(&candidate) {
            Ok(run) => run,
            Err(error) => {
                (self.left, self.failed) = (0, Some(error));
                return false;
            }
        };
        let hit = self.target.is_hit_by(&run);
        if hit {
            self.best = run.sequence;
        }
        hit
    }

    /// Deletes pieces of steps: half of them, a quarter, ... single ones; from the end.
    fn delete_pieces(&mut self) {
        let mut size = (self.best.actions.len() / 2).max(1);
        loop {
            let mut end = self.best.actions.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                let mut candidate = self.best.clone();
                candidate.actions.drain(start..end);
                self.keep_if_hit(candidate);
                end = start.min(self.best.actions.len());
            }
            if size == 1 {
                return;
            }
            size = size.div_ceil(2);
        }
    }

    /// Deletes a buffer or a command with every step that names it.
    fn delete_objects(&mut self) {
        let mut buffers = BTreeSet::new();
        let mut commands = BTreeSet::new();
        for action in &self.best.actions {
            match action {
                Action::Buffer { id, .. } => drop(buffers.insert(*id)),
                Action::Submit { id, .. } | Action::Send { id, .. } => drop(commands.insert(*id)),
                _ => {}
            }
        }
        for id in commands {
            let mut candidate = self.best.clone();
            candidate.actions.retain(|action| !names_command(action, id));
            self.keep_if_hit(candidate);
        }
        for id in buffers {
            let mut candidate = self.best.clone();
            candidate.actions.retain(|action| !names_buffer(action, id));
            self.keep_if_hit(candidate);
        }
    }

    /// Turns a submit and its ring, wait and release into one send.
    fn merge_sends(&mut self) {
        let mut at = 0;
        while at < self.best.actions.len() {
            if let Action::Submit { ctrl, sqid, id, sqe, links } = self.best.actions[at] {
                let send = Action::Send { ctrl, sqid, id, sqe, links };
                let mut candidate = self.best.clone();
                candidate.actions[at] = send;
                // With other commands in flight its ring and wait may be theirs too: they stay then.
                let plain = candidate.clone();
                let rest = candidate.actions.split_off(at + 1);
                candidate.actions.extend(without_ring_of(rest, ctrl, sqid, id));
                if !self.keep_if_hit(candidate) {
                    self.keep_if_hit(plain);
                }
            }
            at += 1;
        }
    }

    /// Turns the registers, buffers and wait of an enabling into one step.
    fn merge_enables(&mut self) {
        let mut at = 0;
        while at < self.best.actions.len() {
            let action = &self.best.actions[at];
            if let Action::WriteReg { ctrl, offset: register::CC, value: Word::Raw(cc), .. } =
                *action
                && cc & 1 == 1
            {
                let mut candidate = self.best.clone();
                candidate.actions[at] = Action::Enable { ctrl };
                let mut from = at;
                while from > 0 && prepares_enabling(&candidate.actions[from - 1], ctrl) {
                    from -= 1;
                }
                let wait = candidate.actions.get(at + 1).is_some_and(is_register_wait);
                candidate.actions.drain(at + 1..at + 1 + usize::from(wait));
                candidate.actions.drain(from..at);
                // Enabling sends a command of its own, and so some defects show a command later.
                if !self.keep_if_hit(candidate.clone()) {
                    repeat_last_send(&mut candidate);
                    self.keep_if_hit(candidate);
                }
            }
            at += 1;
        }
    }

    /// Turns the creation of a CQ and of its SQ, with their buffers, into one step: both with the entries
    /// of one of them.
    fn merge_pairs(&mut self) {
        self.try_all(|actions, at| {
            let Action::Send { ctrl, sqid: Qid::ADMIN, sqe, .. } = &actions[at] else {
                return Vec::new();
            };
            if sqe.opcode() != CreateIoSq::OPCODE {
                return Vec::new();
            }
            let sq = CreateIoSq::project(sqe);
            let its_cq = |action: &&Action| is_creation_of_cq(action, *ctrl, sq.cqid);
            let cq = actions.iter().find(its_cq).and_then(sent).map(CreateIoCq::project);
            let sizes = [Some(sq.entries), cq.map(|cq| cq.entries)];
            sizes.into_iter().flatten().map(|n| as_pair(actions, at, &sq, n.0 as u16)).collect()
        });
    }

    /// Tries what `candidates` gives for each step, the first one that still hits. What was kept may be
    /// cut further, and steps before it may have gone, so it begins anew then: each has to be smaller.
    fn try_all(&mut self, candidates: impl Fn(&[Action], usize) -> Vec<Vec<Action>>) {
        let mut at = 0;
        while at < self.best.actions.len() {
            let hit = candidates(&self.best.actions, at)
                .into_iter()
                .any(|actions| self.keep_if_hit(Sequence { actions, ..self.best.clone() }));
            at = if hit { 0 } else { at + 1 };
        }
    }

    /// Makes single steps simpler: smaller queues and transfers, zero fields, plain PRPs.
    fn simplify(&mut self) {
        let mut at = 0;
        while at < self.best.actions.len() {
            for simpler in simpler(&self.best.actions[at]) {
                let mut candidate = self.best.clone();
                if at >= candidate.actions.len() {
                    break;
                }
                candidate.actions[at] = simpler;
                self.keep_if_hit(candidate);
            }
            at += 1;
        }
    }
}

/// The entry of a command that is sent.
fn sent(action: &Action) -> Option<&Sqe> {
    match action {
        Action::Submit { sqe, .. } | Action::Send { sqe, .. } => Some(sqe),
        _ => None,
    }
}

fn is_creation_of_cq(action: &Action, on: u8, cqid: Qid) -> bool {
    matches!(action, Action::Send { ctrl, sqid: Qid::ADMIN, sqe, .. }
        if *ctrl == on
            && sqe.opcode() == CreateIoCq::OPCODE
            && CreateIoCq::project(sqe).qid == cqid)
}

/// The steps with a pair in place of the SQ that step `at` creates, of its CQ, and of their buffers.
fn as_pair(actions: &[Action], at: usize, sq: &CreateIoSq, entries: u16) -> Vec<Action> {
    let ctrl = actions[at].ctrl().unwrap_or(0);
    let replaced = |n: usize, action: &Action| n == at || is_creation_of_cq(action, ctrl, sq.cqid);
    let mut buffers = Vec::new();
    let mut kept = Vec::with_capacity(actions.len());
    for (n, action) in actions.iter().enumerate() {
        if replaced(n, action)
            && let Action::Send { links, .. } = action
        {
            buffers.extend(links.prp1.map(|(id, _)| id));
        }
        if n == at {
            kept.push(Action::Pair { ctrl, qid: sq.qid, entries });
        } else if !replaced(n, action) {
            kept.push(action.clone());
        }
    }
    kept.retain(|action| !buffers.iter().any(|id| names_buffer(action, *id)));
    kept
}

/// Sends the last command once more, under a label of its own.
fn repeat_last_send(sequence: &mut Sequence) {
    let label = |action: &Action| match action {
        Action::Submit { id, .. } | Action::Send { id, .. } => Some(id.0),
        _ => None,
    };
    let next = sequence.actions.iter().filter_map(label).max().map_or(0, |last| last + 1);
    let last = sequence.actions.iter().rposition(|action| matches!(action, Action::Send { .. }));
    if let Some(at) = last
        && let Action::Send { ctrl, sqid, sqe, links, .. } = sequence.actions[at]
    {
        let again = Action::Send { ctrl, sqid, id: CommandId(next), sqe, links };
        sequence.actions.insert(at + 1, again);
    }
}

fn prepares_enabling(action: &Action, on: u8) -> bool {
    match action {
        Action::WriteReg { ctrl, offset, .. } => *ctrl == on && *offset != register::CC,
        Action::ReadReg { ctrl, .. } => *ctrl == on,
        Action::Buffer { .. } => true,
        _ => false,
    }
}

fn is_register_wait(action: &Action) -> bool {
    matches!(action, Action::Wait { condition: Condition::Register(..), .. })
}

/// The steps without the first ring of a queue, wait for a command and release that belong to a send.
fn without_ring_of(rest: Vec<Action>, ctrl: u8, sqid: Qid, id: CommandId) -> Vec<Action> {
    let (mut rung, mut waited, mut released) = (false, false, false);
    let mut kept = Vec::with_capacity(rest.len());
    for action in rest {
        let first = match &action {
            Action::Ring { ctrl: c, sqid: q } if *c == ctrl && *q == sqid => &mut rung,
            Action::RingAll { ctrl: c } if *c == ctrl && !sqid.is_admin() => &mut rung,
            Action::Wait { condition: Condition::Completed(c), .. } if *c == id => &mut waited,
            Action::Wait { condition: Condition::AllCompleted, .. } => &mut waited,
            Action::Release { ctrl: c, .. } if *c == ctrl && rung => &mut released,
            _ => {
                kept.push(action);
                continue;
            }
        };
        if std::mem::replace(first, true) {
            kept.push(action);
        }
    }
    kept
}

fn simpler(action: &Action) -> Vec<Action> {
    let mut all = Vec::new();
    match *action {
        Action::Buffer { id, bytes, page, perm, fill, offset } => {
            if offset != 0 {
                all.push(Action::Buffer { id, bytes, page, perm, fill, offset: 0 });
            }
            if bytes > 4096 {
                all.push(Action::Buffer { id, bytes: 4096, page, perm, fill, offset });
            }
        }
        Action::Submit { ctrl, sqid, id, sqe, links }
        | Action::Send { ctrl, sqid, id, sqe, links } => {
            let send = matches!(action, Action::Send { .. });
            let with = |sqe, links| {
                if send {
                    Action::Send { ctrl, sqid, id, sqe, links }
                } else {
                    Action::Submit { ctrl, sqid, id, sqe, links }
                }
            };
            if !sqid.is_admin() {
                // A Flush needs no data: if only the number of commands matters, it will do.
                let flush = spec::command::Flush { nsid: sqe.nsid() };
                all.push(with(flush.into(), Links { cid: links.cid, ..Links::default() }));
            } else if links.prp1.is_some() {
                let ask = spec::command::GetFeatures {
                    fid: spec::Fid::NUMBER_OF_QUEUES,
                    ..Default::default()
                };
                all.push(with(ask.into(), Links { cid: links.cid, ..Links::default() }));
            }
            if links.prp2.is_some() {
                all.push(with(sqe, Links { prp2: None, ..links }));
            }
            for dword in (10..16).filter(|dword| sqe.dw[*dword] != 0) {
                let mut zero = sqe;
                zero.dw[dword] = 0;
                all.push(with(zero, links));
            }
        }
        // It keeps the admin queues' registers: they need not be written again.
        Action::Reset { ctrl, kind } if kind != ResetKind::Controller => {
            all.push(Action::Reset { ctrl, kind: ResetKind::Controller });
        }
        _ => {}
    }
    all
}

fn names_command(action: &Action, id: CommandId) -> bool {
    match action {
        Action::Submit { id: own, links, .. } | Action::Send { id: own, links, .. } => {
            *own == id || links.target == Some(id)
        }
        Action::Edit { id: other, .. }
        | Action::Wait { condition: Condition::Completed(other), .. } => *other == id,
        _ => false,
    }
}

fn names_buffer(action: &Action, id: BufferId) -> bool {
    let place = |place: &Place| matches!(place, Place::In(other, _) if *other == id);
    let word = |word: &Word| matches!(word, Word::At(other, _) if *other == id);
    match action {
        Action::Buffer { id: other, .. } | Action::Free { id: other } => *other == id,
        Action::Fill { at, .. }
        | Action::HostWrite { at, .. }
        | Action::HostSet { at, .. }
        | Action::Blocks { at, .. }
        | Action::Bytes { at, .. } => place(at),
        Action::List { at, entries } => place(at) || entries.iter().any(word),
        Action::WriteReg { value, .. } => word(value),
        Action::Submit { links, .. } | Action::Send { links, .. } => {
            [links.prp1, links.prp2].iter().flatten().any(|(other, _)| *other == id)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_bring_up_shows_is_shrunk_by_only_if_there_is_nothing_else() {
        let names = ["identify-controller.ver", "delete-io-cq.qid"];
        let [standing, own] = names.map(|name| Req::find(name).unwrap());
        let finding = |req: Req, step: u16| Finding {
            kind: FindingKind::Divergence(DivergenceKind::Rule),
            req: Some(req),
            record: 0,
            step,
            ctrl: 0,
            place: String::new(),
            observed: String::new(),
            allowed: vec![],
            command: None,
            consequence_of: None,
        };
        let bring_up = [finding(standing, 0), finding(standing, 4)];
        assert_eq!(Target::first(&bring_up).unwrap().req, Some(standing));
        let more = [&bring_up[..], &[finding(own, 5)]].concat();
        assert_eq!(Target::first(&more).unwrap().req, Some(own));
        assert_eq!(Target::first(&[]), None);
    }
}
