//! Candidates in which several steps change together: one controller instead of two, a smaller queue with
//! fewer commands or in contiguous memory, a wait that needs no command of its own.

use std::collections::BTreeSet;

use log::ResetKind;
use spec::command::{Command, CreateIoCq, CreateIoSq};
use spec::register::{self, Aqa, Cc};
use spec::{Entries, Qid, Sqe};

use super::{is_register_wait, names_buffer, names_command};
use crate::action::{Action, CommandId, Condition, Patience, Place, Word};

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

/// Queues that a step makes.
#[derive(Clone, Copy)]
struct Made {
    ctrl: u8,
    /// The admin queues, else I/O queues.
    admin: bool,
    entries: u32,
}

fn made(action: &Action) -> Option<Made> {
    match *action {
        Action::Pair { ctrl, entries, .. } => {
            Some(Made { ctrl, admin: false, entries: u32::from(entries) })
        }
        Action::WriteReg { ctrl, offset: register::AQA, value: Word::Raw(value), .. } => {
            let aqa = Aqa::from(value as u32);
            let entries = u32::from(aqa.asqs_z().max(aqa.acqs_z())) + 1;
            Some(Made { ctrl, admin: true, entries })
        }
        Action::Submit { ctrl, sqid: Qid::ADMIN, ref sqe, .. }
        | Action::Send { ctrl, sqid: Qid::ADMIN, ref sqe, .. } => {
            let creates = matches!(sqe.opcode(), CreateIoCq::OPCODE | CreateIoSq::OPCODE);
            // Both commands have QSIZE in the same place.
            let entries = CreateIoCq::project(sqe).entries.0;
            creates.then_some(Made { ctrl, admin: false, entries })
        }
        _ => None,
    }
}

fn with_entries(action: &mut Action, entries: u32) {
    match action {
        Action::Pair { entries: old, .. } => *old = entries as u16,
        Action::WriteReg { value, .. } => {
            let z = (entries - 1) as u16;
            *value = Word::Raw(Aqa::new().with_asqs_z(z).with_acqs_z(z).into_bits().into());
        }
        Action::Submit { sqe, .. } | Action::Send { sqe, .. } => {
            let create = CreateIoCq { entries: Entries(entries), ..CreateIoCq::project(sqe) };
            sqe.dw[10] = Sqe::from(create).dw[10];
        }
        _ => {}
    }
}

/// The queues that step `at` makes have fewer entries: alone, or with all I/O queues of the controller
/// that are larger; and either with as many commands fewer as it has lost slots. Fewest entries first.
pub(super) fn smaller_queues(actions: &[Action], at: usize) -> Vec<Vec<Action>> {
    let Some(Made { ctrl, admin, entries: old }) = made(&actions[at]) else { return Vec::new() };
    let sizes: BTreeSet<u32> = [2, 3, old / 2, old.saturating_sub(1)].into();
    let mut all = Vec::new();
    for entries in sizes.into_iter().filter(|entries| (2..old).contains(entries)) {
        let mut alone = actions.to_vec();
        with_entries(&mut alone[at], entries);
        let mut every = alone.clone();
        for action in &mut every {
            let larger = |other: Made| {
                other.ctrl == ctrl && !other.admin && !admin && other.entries > entries + 1
            };
            if made(action).is_some_and(larger) {
                with_entries(action, entries + 1);
            }
        }
        let surplus = (old - entries) as usize;
        for kept in [every, alone] {
            all.extend(without_commands(&kept, ctrl, admin, surplus));
            all.push(kept);
        }
    }
    all
}

/// The steps without so many commands of the admin queue or of the I/O queues, the last ones or the first;
/// one is left.
fn without_commands(actions: &[Action], on: u8, admin: bool, surplus: usize) -> Vec<Vec<Action>> {
    let sent = |action: &Action| match action {
        Action::Submit { ctrl, sqid, id, .. } | Action::Send { ctrl, sqid, id, .. } => {
            (*ctrl == on && sqid.is_admin() == admin).then_some(*id)
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

/// If step `at` creates a queue in pages that a list names: the queue lies in the first of them, and the
/// list goes.
pub(super) fn contiguous(actions: &[Action], at: usize) -> Vec<Vec<Action>> {
    let (Action::Submit { sqid: Qid::ADMIN, sqe, links, .. }
    | Action::Send { sqid: Qid::ADMIN, sqe, links, .. }) = &actions[at]
    else {
        return Vec::new();
    };
    let creates = matches!(sqe.opcode(), CreateIoCq::OPCODE | CreateIoSq::OPCODE);
    // Both commands have PC in the same place.
    let create = CreateIoCq::project(sqe);
    let Some((list, _)) = links.prp1.filter(|_| creates && !create.pc) else { return Vec::new() };
    let page = actions.iter().find_map(|action| match action {
        Action::List { at: Place::In(id, _), entries } if *id == list => match entries.first() {
            Some(Word::At(page, offset)) => Some((*page, *offset)),
            _ => None,
        },
        _ => None,
    });
    let Some(page) = page else { return Vec::new() };
    let pc = Sqe::from(CreateIoCq { pc: true, ..CreateIoCq::default() }).dw[11];
    let mut kept = actions.to_vec();
    if let Action::Submit { sqe, links, .. } | Action::Send { sqe, links, .. } = &mut kept[at] {
        sqe.dw[11] |= pc;
        links.prp1 = Some(page);
    }
    kept.retain(|action| !names_buffer(action, list));
    vec![kept]
}

/// If step `at` writes EN = 0: a reset of the controller in its place and in that of the wait behind it.
pub(super) fn resets_in_one(actions: &[Action], at: usize) -> Vec<Vec<Action>> {
    let Action::WriteReg { ctrl, offset: register::CC, value: Word::Raw(cc), .. } = actions[at]
    else {
        return Vec::new();
    };
    if Cc::from(cc as u32).en() || !actions.get(at + 1).is_some_and(is_register_wait) {
        return Vec::new();
    }
    let mut one = actions.to_vec();
    one[at] = Action::Reset { ctrl, kind: ResetKind::Controller };
    one.remove(at + 1);
    vec![one]
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
