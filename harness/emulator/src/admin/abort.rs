//! Abort. Base-2.3 §5.2.1, figures 146 to 148.

use spec::command::{Abort, Command};
use spec::{Sqe, Status};

use crate::controller::{Completion, Late};
use crate::run::{Outcome, Run};
use crate::seam::Bound;

/// Immediate Abort Not Performed (IANP): bit 0 of dword 0.
const NOT_PERFORMED: u32 = 1;

/// How many unfetched commands are searched.
const SEARCHED: u32 = 64;

/// A command is aborted at once if it has not executed yet and its completion can be posted now: it
/// then stands before that of the Abort, as every revision allows. From 2.1 on a command that was
/// not fetched yet can be aborted too, and its completion follows when its turn comes.
pub(super) fn execute(run: &mut Run) -> Outcome {
    let cmd = Abort::project(&run.sqe);
    let (sqid, cid) = (cmd.sqid.0, cmd.cid);
    let is_victim = |run: &Run, flight: u16| {
        let flight = &run.controller.flights[usize::from(flight)];
        flight.sqid == sqid && flight.sqe.cid() == cid
    };
    let in_flight = run.controller.fetched.iter().chain(&run.controller.aers);
    let victim = in_flight.copied().find(|flight| is_victim(run, *flight));
    let aborted = match victim {
        Some(flight) => run.abort_fetched(flight),
        None => {
            let executed = run.controller.executed.iter().any(|flight| is_victim(run, *flight));
            !executed && run.abort_unfetched(sqid, cid.0)
        }
    };
    run.success_with(if aborted { 0 } else { NOT_PERFORMED })
}

impl Run<'_> {
    fn abort_fetched(&mut self, flight: u16) -> bool {
        let status = Status::COMMAND_ABORT_REQUESTED;
        let completion = Completion { status, dw0: 0, dnr: false };
        self.controller.flights[usize::from(flight)].completion = completion;
        let victim = self.controller.flights[usize::from(flight)];
        if !self.post_now(flight) {
            return false;
        }
        if self.bound(Bound::VictimRuns, 0) != 0 {
            self.controller.late.push(Late::Run(victim));
        }
        self.controller.fetched.retain(|other| *other != flight);
        self.controller.aers.retain(|other| *other != flight);
        true
    }

    /// Marks an unfetched command, so that it ends when it is fetched.
    fn abort_unfetched(&mut self, sqid: u16, cid: u16) -> bool {
        if !self.config.abort_unfetched || !self.config.from(2, 1) {
            return false;
        }
        let Some(sq) = self.controller.sq(sqid).filter(|sq| !sq.errored) else { return false };
        let mut slot = sq.head;
        for _ in 0..sq.waiting().min(SEARCHED) {
            let at = self.controller.sq(sqid).map_or(0, |sq| sq.ring.slot(slot));
            let mut raw = [0; Sqe::BYTES];
            if self.bus.read(self.controller.index, at, &mut raw).is_err() {
                return false;
            }
            let Some(sq) = self.controller.sq_mut(sqid) else { return false };
            if Sqe::from_bytes(&raw).cid().0 == cid {
                if !sq.aborted.contains(&slot) {
                    sq.aborted.push(slot);
                }
                return true;
            }
            slot = sq.ring.after(slot);
        }
        false
    }
}
