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
            && self.commands[victim].aborted == Aborted::No
        {
            self.commands[victim].aborted = Aborted::Asked;
        }
    }

    /// Command `n` was rung while Aborts are in flight: one of them may name it.
    pub(super) fn asked_already(&mut self, n: u32) {
        let command = &self.commands[n];
        let key = u32::from(command.sqid) << 16 | u32::from(command.sqe.cid().0);
        let unit = &self.units[usize::from(self.now.ctrl)];
        let named = unit.aborts.iter().any(|a| *a != n && target(&self.commands[*a].sqe) == key);
        if named && self.commands[n].aborted == Aborted::No {
            self.commands[n].aborted = Aborted::Asked;
        }
    }

    /// An Abort completed with success; `dw0` bit 0 = 0: its victim was aborted.
    pub(super) fn on_abort(&mut self, n: u32, dw0: u32) {
        if dw0 & 1 != 0 {
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
        // The number may have been used twice within the Abort's time: then nothing is certain.
        if self.commands[victim].rung > abort_rung {
            return;
        }
        let status = self.commands[victim].cqe.status();
        self.hold(abort::VICTIM_STATUS, status == ABORT_REQUESTED, |judge| {
            let because = "the Abort said that it aborted this command".to_string();
            let story = (status.to_string(), ABORT_REQUESTED.to_string(), because);
            (judge.place_of(victim), story)
        });
    }

    /// Command `n`, which an Abort had named, completed with `status`. Whether that decides it.
    pub(super) fn aborted_status(&mut self, n: u32, status: Status) -> bool {
        match self.commands[n].aborted {
            Aborted::No => false,
            Aborted::Asked => {
                if status == ABORT_REQUESTED {
                    self.credit_late_abort(n);
                }
                status == ABORT_REQUESTED
            }
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
