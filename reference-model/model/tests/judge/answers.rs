//! Answers that say something beyond their status: what became of another command, of a queue, of a feature.

use log::{Body, Interval, LookReason};
use model::Ruled;
use spec::command::{
    Abort, AsyncEventRequest, DeleteIoCq, DeleteIoSq, Flush, GetFeatures, Identify, SetFeatures,
};
use spec::register;
use spec::requirement as req;
use spec::{Addr, Cns, Cqe, Fid, Nsid, Qid, Status};

use super::script::*;

const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;
const ABORTED: Status = Status::new(0, 0x07);
const FLUSH: Flush = Flush { nsid: Nsid(1) };

fn with_pair() -> Script {
    let mut s = Script::new();
    s.queue_pair(1);
    s
}

#[test]
fn an_abort_tells_what_it_did_before_it_completed() {
    let aborted = |dw0: u32, cqes: [u32; 2]| {
        let mut s = with_pair();
        let victim = s.send(0, AsyncEventRequest {}.into());
        let abort = s.send(0, Abort { sqid: Qid(0), cid: victim.cid }.into());
        let mut cqe = s.cqe(victim, ABORTED, 0);
        cqe.dw[..2].copy_from_slice(&cqes);
        s.post(0, cqe);
        let cqe = s.cqe(abort, SUCCESS, dw0);
        s.post(0, cqe);
        s
    };
    aborted(0, [0; 2]).passes();
    aborted(1, [0; 2]).diverges(req::abort::TOLD_ABORTED);
    // What the completion of an aborted command does not define is reserved.
    aborted(0, [0, 4]).diverges(req::cqe::RESERVED_DWORDS);
    // The victim's entry lies in another queue, and was not seen before the Abort's was posted.
    let mut s = with_pair();
    let victim = s.send(1, FLUSH.into());
    let abort = s.send(0, Abort { sqid: Qid(1), cid: victim.cid }.into());
    let before = s.now;
    s.complete(victim, ABORTED);
    let mut late = s.clone();
    let cqe = s.cqe(abort, SUCCESS, 1);
    s.post(0, cqe);
    s.diverges(req::abort::TOLD_ABORTED);
    let when = Interval { not_before: before, seen: late.now + STEP };
    let slot = 6;
    late.log.push(0, 0, when, Body::Completion { cqid: Qid(0), slot, cqe });
    late.passes();
}

#[test]
fn get_features_tells_the_same_number_of_queues_again() {
    let told = |second: u32, set: bool| {
        let mut s = Script::bare();
        s.enable();
        let get = GetFeatures { fid: Fid::NUMBER_OF_QUEUES, ..Default::default() };
        let asked = s.send(0, get.into());
        let cqe = s.cqe(asked, SUCCESS, 0x3_0003);
        s.post(0, cqe);
        if set {
            let fid = Fid::NUMBER_OF_QUEUES;
            let asked = s.send(0, SetFeatures { fid, cdw11: second, ..Default::default() }.into());
            let cqe = s.cqe(asked, SUCCESS, second);
            s.post(0, cqe);
        }
        let asked = s.send(0, get.into());
        let cqe = s.cqe(asked, SUCCESS, second);
        s.post(0, cqe);
        s
    };
    told(0x3_0003, false).passes();
    told(0x3_0002, false).diverges(req::number_of_queues::STABLE);
    // A Set Features allocates anew.
    told(0x3_0002, true).passes();
}

#[test]
fn the_first_phase_is_1_whatever_the_revision() {
    let first = |version: bool, again: bool, phase: bool| {
        let mut s = Script::bare();
        if version {
            s.read(register::VS, 4, 0x2_0300);
        }
        s.enable_without_version();
        s.queue_pair(1);
        if again {
            s.done(0, DeleteIoSq { qid: Qid(1) }.into());
            s.done(0, DeleteIoCq { qid: Qid(1) }.into());
            s.queue_pair(1);
        }
        let sent = s.send(1, FLUSH.into());
        let cqe = s.cqe(sent, SUCCESS, 0).with_phase(phase);
        s.post(1, cqe);
        s
    };
    first(false, false, true).passes();
    first(false, false, false).diverges(req::cqe::PHASE);
    // What an identifier that was used before begins with is said from 2.2 on only.
    first(false, true, false).passes();
    first(true, true, false).diverges(req::cqe::PHASE_OF_NEW_QUEUE);
}

/// What exists after queues were created and deleted beside each other is what the order that explains
/// the answers leaves, not what the order of the CQEs would.
#[test]
fn queues_created_and_deleted_beside_each_other_are_those_of_the_order_that_explains() {
    let delete = |qid: u16| DeleteIoSq { qid: Qid(qid) }.into();
    // SQ 2 did not exist, so the Delete that succeeded came after the Create: nothing is left.
    let mut s = with_pair();
    s.done(0, Script::create_cq(2));
    let create = s.send(0, Script::create_sq(2, 2));
    let gone = s.send(0, delete(2));
    s.complete(gone, SUCCESS);
    s.complete(create, SUCCESS);
    let mut none = s.clone();
    none.send(2, FLUSH.into());
    none.empty_look(2, LookReason::Idle);
    none.passes();
    // Its completion queue can be deleted, and a Delete of it must be refused.
    let mut deleted = s.clone();
    deleted.done(0, DeleteIoCq { qid: Qid(2) }.into());
    deleted.passes();
    s.done(0, delete(2));
    s.diverges(req::delete_io_sq::QID);

    // SQ 1 existed and is used after: the Create came after the Delete, or both CQEs would not be.
    let mut s = with_pair();
    let old = s.send(1, FLUSH.into());
    let gone = s.send(0, delete(1));
    let create = s.send(0, Script::create_sq(1, 1));
    s.complete(create, SUCCESS);
    // What the old queue completed may be seen only now.
    s.complete(old, SUCCESS);
    s.complete(gone, SUCCESS);
    s.passes();
}

/// An answer that could not be judged when it came is judged when the controller has told what it is.
#[test]
fn what_was_not_read_yet_is_judged_when_it_is() {
    let early = |wrong: fn(Cqe) -> Cqe| {
        let mut s = Script::bare();
        s.enable_without_version();
        let sent = s.send(0, Script::create_cq(1));
        let cqe = wrong(s.cqe(sent, SUCCESS, 0));
        s.post(0, cqe);
        s
    };
    let crd = |mut cqe: Cqe| {
        cqe.dw[3] |= 1 << 28;
        cqe
    };
    early(crd).passes();
    let mut s = early(crd);
    s.read(register::VS, 4, 0x2_0300);
    s.diverges(req::cqe::CRD_RESERVED);
    let mut s = early(crd);
    s.read(register::VS, 4, 0x1_0300);
    s.passes();
    let mut s = early(|cqe| cqe);
    s.read(register::VS, 4, 0x2_0300);
    s.passes();

    // A structure of 2.0: before the revision is known, a controller may do without it.
    let refused = |vs: Option<u64>| {
        let mut s = Script::bare();
        s.enable_without_version();
        let cns = Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_CONTROLLER;
        let ask = s.send(0, Identify { prp1: buffer(0), cns, ..Default::default() }.into());
        s.complete(ask, Status::INVALID_FIELD_IN_COMMAND);
        if let Some(vs) = vs {
            s.read(register::VS, 4, vs);
        }
        s
    };
    refused(None).passes();
    refused(Some(0x1_0400)).passes();
    refused(Some(0x2_0000)).diverges(req::identify::MANDATORY);

    let identified = |nsid: u32, status: Status| {
        let mut s = Script::bare();
        s.enable();
        let (cns, prp1) = (Cns::IDENTIFY_NAMESPACE, Addr(0x18_0000));
        let sent = s.send(0, Identify { cns, nsid: Nsid(nsid), prp1, ..Default::default() }.into());
        s.complete(sent, status);
        s.passes();
        s.identify();
        (s, sent)
    };
    let invalid = Status::INVALID_NAMESPACE_OR_FORMAT;
    let (s, sent) = identified(7, invalid);
    s.passes();
    assert_eq!(s.judge().ruled(sent.submit), Ruled::Refused(req::common::NSID_INVALID));
    identified(1, invalid).0.diverges(req::identify::CNS_KNOWN);
}
