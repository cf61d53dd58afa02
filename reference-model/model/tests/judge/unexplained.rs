//! Commands beside each other whose answers no order explains: as few of them are wrong as will do, and each
//! of those stands on its own.

use model::{FindingKind, Ruled};
use spec::command::{DeleteIoCq, DeleteIoSq};
use spec::requirement as req;
use spec::{Qid, Req, Sqe, Status};

use super::script::*;

const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;
const NO_SUCH_QUEUE: Status = Status::INVALID_QUEUE_IDENTIFIER;

/// Queue pair 1, completion queue 2, and these commands beside each other with their answers.
fn beside(commands: &[(Sqe, Status)]) -> (Script, Vec<Sent>) {
    let mut s = Script::new();
    s.queue_pair(1);
    s.done(0, Script::create_cq(2));
    let sent: Vec<Sent> = commands.iter().map(|(sqe, _)| s.submit(0, *sqe)).collect();
    s.ring(0);
    for (sent, (_, status)) in sent.iter().zip(commands) {
        s.complete(*sent, *status);
    }
    (s, sent)
}

/// The commands that are found wrong, by their place among those sent, and by what.
#[track_caller]
fn wrong((s, sent): &(Script, Vec<Sent>)) -> Vec<(usize, Option<Req>)> {
    let judge = s.judge();
    let of = |found: &model::Finding| {
        assert!(matches!(found.kind, FindingKind::Divergence(_)), "{found:#?}");
        assert_eq!(found.consequence_of, None);
        let cid = found.command.expect("a command").cid();
        sent.iter().position(|sent| sent.cid == cid).expect("one of them")
    };
    judge.findings().iter().map(|found| (of(found), found.req)).collect()
}

fn delete_cq(qid: u16) -> Sqe {
    DeleteIoCq { qid: Qid(qid) }.into()
}

fn delete_sq(qid: u16) -> Sqe {
    DeleteIoSq { qid: Qid(qid) }.into()
}

#[test]
fn two_wrong_answers_that_do_not_depend_on_each_other_are_two_findings() {
    // Deleting a completion queue depends on every submission queue, and so joins the other two.
    let found = beside(&[
        (Script::create_sq(2, 3), SUCCESS),
        (delete_cq(2), SUCCESS),
        (delete_sq(1), Status::INVALID_QUEUE_SIZE),
    ]);
    let (bound, deleted) = (req::create_io_sq::CQID_NOT_CREATED, None);
    let wrong = wrong(&found);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert_eq!((wrong[0], wrong[1].0), ((0, Some(bound)), 2));
    assert_ne!(wrong[1].1, deleted);
    assert_eq!(found.0.judge().ruled(found.1[1].submit), Ruled::Accepted);
}

#[test]
fn what_follows_from_a_wrong_answer_is_no_second_one() {
    let found = beside(&[(Script::create_sq(2, 3), SUCCESS), (delete_sq(2), SUCCESS)]);
    assert_eq!(wrong(&found), [(0, Some(req::create_io_sq::CQID_NOT_CREATED))]);
    assert_eq!(found.0.judge().ruled(found.1[1].submit), Ruled::Accepted);
}

#[test]
fn a_command_that_was_refused_and_carried_out_explains_what_follows() {
    let found = beside(&[(delete_sq(1), NO_SUCH_QUEUE), (delete_cq(1), SUCCESS)]);
    let wrong = wrong(&found);
    assert_eq!(wrong.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [0], "{wrong:?}");
    assert_eq!(found.0.judge().ruled(found.1[1].submit), Ruled::Accepted);
}

#[test]
fn a_command_that_succeeded_and_did_nothing_explains_what_follows() {
    let found = beside(&[
        (Script::create_sq(2, 3), SUCCESS),
        (delete_sq(2), NO_SUCH_QUEUE),
        (delete_cq(2), SUCCESS),
    ]);
    assert_eq!(wrong(&found), [(0, Some(req::create_io_sq::CQID_NOT_CREATED))]);
}
