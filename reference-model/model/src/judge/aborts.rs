//! The Abort command: which command it may hit, and what follows from its answer.

use spec::Status;
use spec::requirement::abort;

use super::Judge;
use super::commands::{Aborted, Flight};

/// Command Abort Requested.
pub const ABORT_REQUESTED: Status = Status::new(0, 0x07);

/// The key of the command that an Abort names.
fn target(sqe: &spec::Sqe) -> u32 {
    sqe.dw[10].rotate_right(16)
}

impl Judge {
    /// An Abort was rung: the command that it names may be aborted from now on.
    pub(super) fn abort_rung(&mut self, n: u32) {
        let key = target(&self.commands[n].sqe);
        let unit = &self.units[usize::from(self.now.ctrl)];
        if let Some(&victim) = unit.by_cid.get(&key)
            && victim != n
            && self.commands[victim].flight == Flight::Rung
        {
            let victim = &mut self.commands[victim];
            victim.named = victim.named.saturating_add(1);
            if victim.aborted == Aborted::No {
                victim.aborted = Aborted::Asked;
            }
        }
    }

    /// Command `n` was rung while Aborts are in flight: one of them may name it.
    pub(super) fn asked_already(&mut self, n: u32) {
        let command = &self.commands[n];
        let key = u32::from(command.sqid) << 16 | u32::from(command.sqe.cid().0);
        let unit = &self.units[usize::from(self.now.ctrl)];
        let aborts = unit.aborts.iter();
        let named = aborts.filter(|a| **a != n && target(&self.commands[**a].sqe) == key).count();
        let victim = &mut self.commands[n];
        victim.named = victim.named.saturating_add(named as u8);
        if named > 0 && victim.aborted == Aborted::No {
            victim.aborted = Aborted::Asked;
        }
    }

    /// An Abort completed with success; `dw0` bit 0 = 0: its victim was aborted.
    pub(super) fn on_abort(&mut self, n: u32, dw0: u32) {
        if dw0 & 1 != 0 {
            self.not_told(n);
            return;
        }
        let abort_rung = self.commands[n].rung;
        let key = target(&self.commands[n].sqe);
        let unit = &self.units[usize::from(self.now.ctrl)];
        let victim = unit.by_cid.get(&key).copied().filter(|v| *v != n);
        let beside = victim.filter(|v| {
            let victim = &self.commands[*v];
            victim.flight == Flight::Rung || victim.seen > abort_rung
        });
        let place = self.place_of(n);
        let Some(victim) = beside else {
            let (sqid, cid) = (key >> 16, key & 0xffff);
            let observed = "DW0 bit 0 = 0: the command was aborted".to_string();
            let because = format!("no command CID {cid:04X}h of SQ {sqid} was in flight");
            self.broken(abort::NOT_ABORTED, place, (observed, "DW0 bit 0 = 1".into(), because));
            return;
        };
        self.agrees(abort::NOT_ABORTED);
        if self.commands[victim].flight == Flight::Rung {
            let now = self.now;
            self.commands[victim].aborted = Aborted::Done(now.record, now.when.seen);
            // From here on it has no effect: what it has done so far is all.
            self.settle_data(victim, super::cell::Effect::Possible);
            return;
        }
        // The number may have been used twice within the Abort's time, or its queue was deleted and no
        // completion is owed: then nothing is certain.
        let dropped = self.commands[victim].flight == Flight::Dropped;
        if dropped || self.commands[victim].rung > abort_rung {
            return;
        }
        let status = self.commands[victim].cqe.status();
        if status == ABORT_REQUESTED {
            self.agrees(abort::TOLD_ABORTED);
        }
        self.hold(abort::VICTIM_STATUS, status == ABORT_REQUESTED, |judge| {
            let because = "the Abort said that it aborted this command".to_string();
            let story = (status.to_string(), ABORT_REQUESTED.to_string(), because);
            (judge.place_of(victim), story)
        });
    }

    /// The Abort `n` said that it aborted nothing at once: then its victim's CQE is not there before it, as
    /// that of a command that was aborted. Another cause of that status makes it nobody's lie.
    fn not_told(&mut self, n: u32) {
        let abort = &self.commands[n];
        let key = target(&abort.sqe);
        let unit = &self.units[usize::from(self.now.ctrl)];
        let Some(victim) = unit.by_cid.get(&key).copied().filter(|v| *v != n) else { return };
        let command = &self.commands[victim];
        // Entries of one queue are posted in their order; of another one only a look tells.
        let before = command.sqid == 0 || command.ended_at <= self.now.when.not_before;
        let sure = command.flight == Flight::Completed
            && command.named == 1
            && command.rung < abort.rung
            && abort.rung < command.seen
            && before;
        if !sure || command.cqe.status() != ABORT_REQUESTED {
            return;
        }
        let place = self.place_of(n);
        let because = "the command that it names completed as aborted before".to_string();
        let story = ("DW0 bit 0 = 1: not aborted".into(), "DW0 bit 0 = 0".into(), because);
        self.broken(abort::TOLD_ABORTED, place, story);
    }

    /// Command `n`, which an Abort had named, completed with `status`. Whether that decides it.
    pub(super) fn aborted_status(&mut self, n: u32, status: Status) -> bool {
        match self.commands[n].aborted {
            Aborted::No => false,
            Aborted::Asked => status == ABORT_REQUESTED,
            Aborted::Done(_, at) => {
                self.hold(abort::VICTIM_STATUS, status == ABORT_REQUESTED, |judge| {
                    let because = "an Abort said that it aborted this command".to_string();
                    let story = (status.to_string(), ABORT_REQUESTED.to_string(), because);
                    (judge.place_of(n), story)
                });
                let late = self.now.when.not_before >= at;
                self.hold(abort::VICTIM_FIRST, !late, |judge| {
                    let observed = "posted after the completion of the Abort".to_string();
                    let because = "up to 2.0 an aborted command completes first".to_string();
                    (judge.place_of(n), (observed, "posted before it".into(), because))
                });
                true
            }
        }
    }
}
