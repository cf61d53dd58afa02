//! A command identifier is used again in a queue that was made anew, and the host has not looked yet whether
//! the command that had it before, and went with its queue, has completed.

use log::{Body, Interval, LookReason};
use model::Ruled;
use spec::command::{DeleteIoSq, Flush};
use spec::requirement as req;
use spec::{Cqe, Nsid, Qid, Status};

use super::script::*;

const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;
const SQ_DELETED: Status = Status::new(0, 0x08);
const FLUSH: Flush = Flush { nsid: Nsid(1) };

/// Submission queue 1 was deleted with a command in it, made anew, and its identifier used again.
struct Reused {
    s: Script,
    /// The last look at completion queue 1 began.
    looked: u64,
    before: Sent,
    after: Sent,
    slot: u16,
}

impl Reused {
    fn bound_to(cqid: u16) -> Self {
        let mut s = Script::new();
        s.queue_pair(2);
        s.queue_pair(1);
        let looked = s.now;
        let before = s.send(1, FLUSH.into());
        s.done(0, DeleteIoSq { qid: Qid(1) }.into());
        s.done(0, Script::create_sq(1, cqid));
        s.new_sq(1);
        let after = s.submit_as(1, FLUSH.into(), before.cid);
        s.ring(1);
        Self { s, looked, before, after, slot: 0 }
    }

    fn new() -> Self {
        Self::bound_to(1)
    }

    /// The host looks at completion queue 1 for the first time since, and sees this.
    fn sees(&mut self, status: Status) {
        let cqe = self.s.cqe(self.before, status, 0);
        self.sees_cqe(cqe, self.looked);
    }

    fn sees_cqe(&mut self, cqe: Cqe, not_before: u64) {
        let s = &mut self.s;
        s.now += STEP;
        let body = Body::Completion { cqid: Qid(1), slot: self.slot, cqe: cqe.with_phase(true) };
        s.log.push(0, s.step, Interval { not_before, seen: s.now }, body);
        self.slot += 1;
    }

    /// The controller is idle, and nothing more is there.
    fn ends(&mut self) {
        let look = log::EmptyLook { cqid: Qid(1), slot: self.slot, reason: LookReason::Idle };
        self.s.add(Body::EmptyLook(look));
    }

    fn after_is(&self, ruled: Ruled) {
        assert_eq!(self.s.judge().ruled(self.after.submit), ruled);
    }
}

#[test]
fn the_first_of_two_is_that_of_the_command_before() {
    for status in [SUCCESS, SQ_DELETED] {
        let mut r = Reused::new();
        r.sees(status);
        r.sees(SUCCESS);
        r.ends();
        r.s.passes();
        r.after_is(Ruled::Accepted);
    }
}

#[test]
fn what_comes_alone_is_owed_to_the_command_after() {
    let mut r = Reused::new();
    r.sees(SUCCESS);
    r.s.passes();
    r.after_is(Ruled::Pending);
    r.ends();
    r.s.passes();
    r.after_is(Ruled::Accepted);
}

#[test]
fn a_wrong_answer_that_comes_alone_is_wrong_whose_ever_it_is() {
    let mut r = Reused::new();
    r.sees(Status::INVALID_FIELD_IN_COMMAND);
    r.s.passes();
    r.ends();
    r.s.diverges(req::flush::WITHOUT_CACHE);
}

#[test]
fn what_says_that_the_queue_was_deleted_is_not_that_of_the_new_queue() {
    let mut r = Reused::new();
    r.sees(SQ_DELETED);
    r.s.passes();
    r.ends();
    r.s.is_silent(req::queue::OWED_COMPLETION);
}

#[test]
fn the_third_is_one_too_many() {
    let mut r = Reused::new();
    r.sees(SUCCESS);
    r.sees(SUCCESS);
    r.s.passes();
    r.sees(SUCCESS);
    r.s.diverges(req::cqe::ONCE);
}

#[test]
fn after_a_look_that_found_nothing_it_is_the_command_afters_at_once() {
    let mut r = Reused::new();
    let look = log::EmptyLook { cqid: Qid(1), slot: 0, reason: LookReason::Sweep };
    r.s.add(Body::EmptyLook(look));
    r.looked = r.s.now;
    r.sees(SUCCESS);
    r.after_is(Ruled::Accepted);
    r.s.passes();
    r.sees(SUCCESS);
    r.s.diverges(req::cqe::ONCE);
}

#[test]
fn an_entry_in_the_old_completion_queue_is_that_of_the_command_before() {
    let mut r = Reused::bound_to(2);
    r.sees(SUCCESS);
    r.s.passes();
    let cqe = r.s.cqe(r.after, SUCCESS, 0);
    r.s.add(Body::Completion { cqid: Qid(2), slot: 0, cqe });
    r.s.passes();
    r.after_is(Ruled::Accepted);
}

#[test]
fn what_stands_behind_a_command_of_the_new_queue_was_posted_after_it() {
    let late = |behind: bool| {
        let mut s = Script::new();
        s.queue_pair(1);
        let looked = s.now;
        let before = s.send(1, FLUSH.into());
        s.done(0, DeleteIoSq { qid: Qid(1) }.into());
        s.done(0, Script::create_sq(1, 1));
        s.new_sq(1);
        let after = s.send(1, FLUSH.into());
        let mut r = Reused { s, looked, before, after, slot: 0 };
        let (early, own) = (r.s.cqe(before, SUCCESS, 0), r.s.cqe(after, SUCCESS, 0));
        for cqe in if behind { [own, early] } else { [early, own] } {
            r.sees_cqe(cqe, looked);
        }
        r.s
    };
    late(false).passes();
    late(true).diverges(req::delete_io_sq::NO_LATER_CQE);
}

#[test]
fn a_dropped_command_is_remembered_until_its_queue_was_looked_at() {
    let mut s = Script::new();
    s.queue_pair(2);
    s.queue_pair(1);
    let looked = s.now;
    let before = s.send(1, FLUSH.into());
    s.done(0, DeleteIoSq { qid: Qid(1) }.into());
    for _ in 0..1000 {
        s.done(2, FLUSH.into());
    }
    let mut r = Reused { s, looked, before, after: before, slot: 0 };
    r.sees(SUCCESS);
    r.s.passes();
}
