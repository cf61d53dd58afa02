//! Candidates in which several steps change together: one controller instead of two, a smaller queue with
//! fewer commands, a wait that needs no command of its own.

use std::collections::BTreeSet;

use spec::command::{Command, CreateIoCq, CreateIoSq};
use spec::{Entries, Qid};

use super::names_command;
use crate::action::{Action, CommandId, Condition, Patience};

/// Everything that happens on another controller happens on controller 0, which is enabled already or
/// not.
pub(super) fn on_controller_0(actions: &[Action]) -> Vec<Vec<Action>> {
    let others: BTreeSet<u8> =
        actions.iter().filter_map(Action::ctrl).filter(|n| *n != 0).collect();
    let moved = |other: u8, enabled: bool| {
        let gone = |action: &&Action| !(enabled && **action == Action::Enable { ctrl: other });
        let mut moved: Vec<Action> = actions.iter().filter(gone).cloned().collect();
        for ctrl in moved.iter_mut().filter_map(Action::ctrl_mut).filter(|ctrl| **ctrl == other) {
            *ctrl = 0;
        }
        moved
    };
    others.into_iter().flat_map(|other| [moved(other, true), moved(other, false)]).collect()
}

/// One end of an I/O queue pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Submission,
    Completion,
    Both,
}

/// What step `at` creates, if it creates I/O queues: the controller, which, and how many entries.
fn creates(action: &Action) -> Option<(u8, End, Qid, u32)> {
    match action {
        Action::Pair { ctrl, qid, entries } => Some((*ctrl, End::Both, *qid, u32::from(*entries))),
        Action::Submit { ctrl, sqid: Qid::ADMIN, sqe, .. }
        | Action::Send { ctrl, sqid: Qid::ADMIN, sqe, .. } => {
            // Both commands have QSIZE and QID in the same places.
            let create = CreateIoCq::project(sqe);
            let end = match sqe.opcode() {
                CreateIoCq::OPCODE => End::Completion,
                CreateIoSq::OPCODE => End::Submission,
                _ => return None,
            };
            Some((*ctrl, end, create.qid, create.entries.0))
        }
        _ => None,
    }
}

fn with_entries(action: &mut Action, entries: u32) {
    match action {
        Action::Pair { entries: old, .. } => *old = entries as u16,
        Action::Submit { sqe, .. } | Action::Send { sqe, .. } => {
            let create = CreateIoCq { entries: Entries(entries), ..CreateIoCq::project(sqe) };
            sqe.dw[10] = spec::Sqe::from(create).dw[10];
        }
        _ => {}
    }
}

/// The queue that step `at` creates has fewer entries: alone, with all queues of the controller that are
/// larger, and either with as many commands fewer as it has lost slots. Fewest entries first.
pub(super) fn smaller_queues(actions: &[Action], at: usize) -> Vec<Vec<Action>> {
    let Some((ctrl, _, _, old)) = creates(&actions[at]) else { return Vec::new() };
    let sizes: BTreeSet<u32> = [2, 3, old / 2, old.saturating_sub(1)].into();
    let mut all = Vec::new();
    for entries in sizes.into_iter().filter(|entries| (2..old).contains(entries)) {
        let mut alone = actions.to_vec();
        with_entries(&mut alone[at], entries);
        let mut every = alone.clone();
        for action in &mut every {
            if creates(action).is_some_and(|(on, .., n)| on == ctrl && n > entries + 1) {
                with_entries(action, entries + 1);
            }
        }
        let surplus = (old - entries) as usize;
        for kept in [every, alone] {
            all.extend(without_commands(&kept, ctrl, surplus));
            all.push(kept);
        }
    }
    all
}

/// The steps without so many commands of the I/O queues, the last ones or the first; one is left.
fn without_commands(actions: &[Action], on: u8, surplus: usize) -> Vec<Vec<Action>> {
    let sent = |action: &Action| match action {
        Action::Submit { ctrl, sqid, id, .. } | Action::Send { ctrl, sqid, id, .. } => {
            (*ctrl == on && !sqid.is_admin()).then_some(*id)
        }
        _ => None,
    };
    let ids: Vec<CommandId> = actions.iter().filter_map(sent).collect();
    let surplus = surplus.min(ids.len().saturating_sub(1));
    let without = |ids: &[CommandId]| {
        let named = |action: &Action| ids.iter().any(|id| names_command(action, *id));
        actions.iter().filter(|action| !named(action)).cloned().collect()
    };
    match surplus {
        0 => Vec::new(),
        n => vec![without(&ids[ids.len() - n..]), without(&ids[..n])],
    }
}

/// If step `at` waits for a command: the steps without that command, where a wait for nothing or for an
/// earlier command stands in its place. Time passes in it all the same.
pub(super) fn waits_for_others(actions: &[Action], at: usize) -> Vec<Vec<Action>> {
    let Action::Wait { ctrl, condition: Condition::Completed(id), patience } = actions[at] else {
        return Vec::new();
    };
    let earlier = actions[..at].iter().rev().filter_map(|action| match action {
        Action::Submit { ctrl: on, id: other, .. } if *other != id => Some((*on, *other)),
        _ => None,
    });
    let waits = earlier.take(8).map(|(on, other)| (on, Condition::Completed(other)));
    let waits = [(ctrl, Condition::Idle)].into_iter().chain(waits);
    waits
        .map(|(on, condition)| without_awaited(actions, at, id, (on, condition), patience))
        .collect()
}

fn without_awaited(
    actions: &[Action],
    at: usize,
    id: CommandId,
    (ctrl, condition): (u8, Condition),
    patience: Patience,
) -> Vec<Action> {
    let wait = Action::Wait { ctrl, condition, patience };
    let steps = actions.iter().enumerate().filter(|(n, a)| *n == at || !names_command(a, id));
    steps.map(|(n, action)| if n == at { wait.clone() } else { action.clone() }).collect()
}
