//! Doorbell values that are out of range. Base-2.3 §3.3.1.2, PCIe Transport §3.1.2.

use lab::{Ctl, Lab, Outcome, conformance};
use spec::command::GetLogPage;
use spec::register::DoorbellKind;
use spec::{Bytes, Entries, Lid, Qid};

use super::given::{A_WHILE, FLUSH, flushes, waiting_request};

/// Queue pair 1 of 16 entries, in use, with an event request outstanding; then one value is wrong.
fn ring_wrongly(ctrl: &mut Ctl<'_>, kind: DoorbellKind, value: u32) -> Outcome {
    ctrl.io_pair(Qid(1), Entries(16))?;
    flushes(ctrl, Qid(1), Qid(1), 4)?;
    let event = waiting_request(ctrl)?;
    ctrl.doorbell(kind, Qid(1), value)?;
    ctrl.answer(event)?.accepted()?;
    let log = GetLogPage { lid: Lid::ERROR_INFORMATION, ..GetLogPage::default() };
    ctrl.admin_in(log.with_bytes(Bytes(64)), 64)?.accepted()
}

fn delete_pair(ctrl: &mut Ctl<'_>, qid: Qid) -> Outcome {
    ctrl.delete_io_sq(qid)?.accepted()?;
    ctrl.delete_io_cq(qid)?.accepted()
}

/// After an invalid tail nothing more is consumed from that queue, not even with a good tail.
#[conformance(reqs = [queue::ERRORED_CONSUMES_NONE, async_event::INVALID_SQ_TAIL])]
fn consumes_nothing_after_an_invalid_tail(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ring_wrongly(&mut ctrl, DoorbellKind::SqTail, 16)?;
    let command = ctrl.submit(Qid(1), FLUSH)?;
    ctrl.ring(Qid(1))?;
    ctrl.wait(command, A_WHILE)?;
    ctrl.claim_in_flight(command)
}

/// Deleted and created again, a Submission Queue with an invalid tail works as a new one.
#[conformance(reqs = [async_event::INVALID_SQ_TAIL, delete_io_sq::SUCCEEDS,
    create_io_sq::SUCCEEDS, cqe::SQHD])]
fn recovers_from_an_invalid_tail(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    for value in [16, 17, 0x8000, 0xffff] {
        ring_wrongly(&mut ctrl, DoorbellKind::SqTail, value)?;
        ctrl.delete_io_sq(Qid(1))?.accepted()?;
        ctrl.create_io_sq(Qid(1), Qid(1), Entries(16))?;
        for _ in 0..3 {
            flushes(&mut ctrl, Qid(1), Qid(1), 7)?;
        }
        delete_pair(&mut ctrl, Qid(1))?;
    }
    Ok(())
}

/// Deleted and created again, a Completion Queue with an invalid head works as a new one.
#[conformance(reqs = [async_event::INVALID_CQ_HEAD, delete_io_cq::SUCCEEDS,
    create_io_cq::SUCCEEDS, cqe::PHASE_OF_NEW_QUEUE])]
fn recovers_from_an_invalid_head(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    for value in [16, 17, 0x8000, 0xffff] {
        ring_wrongly(&mut ctrl, DoorbellKind::CqHead, value)?;
        delete_pair(&mut ctrl, Qid(1))?;
        ctrl.io_pair(Qid(1), Entries(16))?;
        for _ in 0..3 {
            flushes(&mut ctrl, Qid(1), Qid(1), 7)?;
        }
        delete_pair(&mut ctrl, Qid(1))?;
    }
    Ok(())
}

/// An invalid value in one doorbell does no harm to other queues, whichever was created first.
#[conformance(reqs = [async_event::INVALID_SQ_TAIL, cqe::IDENTIFIERS, cqe::SQHD])]
fn goes_on_with_other_queues(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let two = ctrl.granted_io_cqs() >= 2 && ctrl.granted_io_sqs() >= 2;
    lab.needs(two, "two I/O queue pairs")?;
    ctrl.io_pair(Qid(2), Entries(8))?;
    ring_wrongly(&mut ctrl, DoorbellKind::SqTail, 16)?;
    for _ in 0..5 {
        flushes(&mut ctrl, Qid(2), Qid(2), 7)?;
    }
    // Created anew it stands behind the queue that is out of order, where SPDK 26.05 does not get.
    delete_pair(&mut ctrl, Qid(2))?;
    ctrl.io_pair(Qid(2), Entries(8))?;
    ctrl.io(Qid(2), FLUSH)?.ruled()
}
