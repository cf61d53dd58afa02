//! The conditions that an excuse can ask for, by name. Each looks at the trace alone: the judge does not
//! get to excuse itself.

use log::{Body, LookReason, Perm, Record, RegisterWrite};
use spec::command::{Command, CreateIoCq, Read, SetFeatures, Write};
use spec::register::{self as reg, Cap, Cc, Csts, DoorbellKind};
use spec::{Cqe, Fid, Qid, Sqe};

use crate::completions::completion;
use crate::data;
use crate::excuses::Case;

mod again;
mod lost;

/// A condition on a mutant that was not flagged.
pub type Predicate = fn(&Case<'_>) -> bool;

/// All of them.
const TABLE: &[(&str, Predicate)] = &[
    ("status-is-an-error", status_is_an_error),
    ("sqhd-within-the-tail", sqhd_within_the_tail),
    ("both-were-in-flight", both_were_in_flight),
    ("error-log-was-not-read", error_log_was_not_read),
    ("a-queue-names-the-vector", a_queue_names_the_vector),
    ("messages-are-left-or-unseen", messages_are_left_or_unseen),
    ("block-is-not-known", block_is_not_known),
    ("field-is-not-valid", field_is_not_valid),
    ("rdy-is-changing", rdy_is_changing),
    ("shows-the-new-rdy", shows_the_new_rdy),
    ("only-reading", only_reading),
    ("structure-was-read-once", again::structure_was_read_once),
    ("memory-is-open", memory_is_open),
    ("shst-is-changing", shst_is_changing),
    ("a-reset-follows", a_reset_follows),
    ("queue-ended-before-a-look", lost::queue_ended_before_a_look),
    ("grant-was-told-once", lost::grant_was_told_once),
    ("log-lists-no-entry-of-it", lost::log_lists_no_entry_of_it),
    ("victim-may-end-later", lost::victim_may_end_later),
    ("feature-defines-no-dword", feature_defines_no_dword),
    ("changes-by-itself", again::changes_by_itself),
    ("entry-is-not-valid", again::entry_is_not_valid),
    ("beyond-the-error-log", again::beyond_the_error_log),
    ("pending-is-open", pending_is_open),
    ("entries-have-commands", entries_have_commands),
    ("power-was-lost-around", again::power_was_lost_around),
];

/// The predicate called `name`.
pub fn find(name: &str) -> Option<Predicate> {
    TABLE.iter().find(|(known, _)| *known == name).map(|(_, predicate)| *predicate)
}

impl Case<'_> {
    fn before(&self) -> &Record {
        self.base.record(self.at)
    }

    fn after(&self) -> &Record {
        &self.mutated.records()[self.at]
    }

    fn cqe(&self) -> Option<Cqe> {
        completion(self.after()).map(|(.., cqe)| cqe)
    }

    /// The records before and after the mutated one, of its controller.
    fn others(&self) -> (impl Iterator<Item = &Record>, impl Iterator<Item = &Record>) {
        let ctrl = self.before().ctrl;
        let (past, rest) = self.base.log.records().split_at(self.at);
        let mine = move |record: &&Record| record.ctrl == ctrl;
        (past.iter().rev().filter(mine), rest[1..].iter().filter(mine))
    }

    fn read(&self) -> Option<RegisterWrite> {
        match self.after().body() {
            Body::RegisterRead(read) => Some(read),
            _ => None,
        }
    }
}

/// The completion reports an error.
fn status_is_an_error(case: &Case<'_>) -> bool {
    case.cqe().is_some_and(|cqe| !cqe.status().is_success())
}

/// SQHD lies behind the command, and not beyond the tail that the host had rung when it saw the CQE.
fn sqhd_within_the_tail(case: &Case<'_>) -> bool {
    let (Some(cqe), Some(submit)) = (case.cqe(), case.base.index.submit.get(&case.at)) else {
        return false;
    };
    let Body::Submit { sqid, slot, .. } = case.base.record(*submit).body() else { return false };
    let tail = case.others().0.find_map(|record| match record.body() {
        Body::Doorbell(bell) if bell.kind == DoorbellKind::SqTail && bell.qid == sqid => {
            Some(bell.value)
        }
        _ => None,
    });
    let Some(tail) = tail else { return false };
    let (head, slot) = (u32::from(cqe.sqhd()), u32::from(slot));
    if tail > slot { (slot + 1..=tail).contains(&head) } else { head > slot || head <= tail }
}

/// Both commands had been rung before either was seen completed.
fn both_were_in_flight(case: &Case<'_>) -> bool {
    let queue = completion(case.before()).map(|(cqid, ..)| cqid);
    let records = case.base.log.records();
    let next = (case.at + 1..records.len()).find(|n| {
        records[*n].ctrl == case.before().ctrl
            && completion(&records[*n]).map(|(cqid, ..)| cqid) == queue
    });
    let index = &case.base.index;
    let rung = next.and_then(|n| index.submit.get(&n)).and_then(|submit| index.rung.get(submit));
    rung.is_some_and(|rung| *rung < case.at)
}

/// Nobody reads the Error Information log page of this controller after the completion.
fn error_log_was_not_read(case: &Case<'_>) -> bool {
    !case.others().1.any(|record| match record.body() {
        Body::Submit { sqid, sqe, .. } => {
            sqid.is_admin() && sqe.opcode() == 0x02 && sqe.dw[10] & 0xff == 0x01
        }
        _ => false,
    })
}

/// The admin queue or an I/O Completion Queue with interrupts signals by this vector.
fn a_queue_names_the_vector(case: &Case<'_>) -> bool {
    let Body::Interrupt { vector, .. } = case.after().body() else { return false };
    vector == 0
        || case.others().0.any(|record| match record.body() {
            Body::Submit { sqid, sqe, .. } if sqid.is_admin() => {
                let create = CreateIoCq::project(&sqe);
                sqe.opcode() == CreateIoCq::OPCODE && create.ien && create.iv == vector
            }
            _ => false,
        })
}

/// The vector has other messages, or no message is left by which one could know that any would be seen.
fn messages_are_left_or_unseen(case: &Case<'_>) -> bool {
    let Body::Interrupt { vector: mine, .. } = case.before().body() else { return false };
    let mut vectors =
        case.mutated.records().iter().filter(|r| r.ctrl == case.before().ctrl).filter_map(
            |record| match record.body() {
                Body::Interrupt { vector, .. } => Some(vector),
                _ => None,
            },
        );
    let first = vectors.next();
    first.is_none() || first == Some(mine) || vectors.any(|vector| vector == mine)
}

/// The blocks that a Read or Write command names: NSID, first LBA, and one past the last.
fn blocks(sqe: &Sqe) -> Option<(u32, u64, u64)> {
    let (nsid, slba, nlb) = match sqe.opcode() {
        Read::OPCODE => {
            let read = Read::project(sqe);
            (read.nsid.0, read.slba.0, u64::from(sqe.dw[12] & 0xffff) + 1)
        }
        Write::OPCODE => {
            let write = Write::project(sqe);
            (write.nsid.0, write.slba.0, u64::from(sqe.dw[12] & 0xffff) + 1)
        }
        _ => return None,
    };
    Some((nsid, slba, slba.saturating_add(nlb)))
}

/// What the block held is not told by this trace: no other Read or Write of it succeeded. The block is the
/// one that differs.
fn block_is_not_known(case: &Case<'_>) -> bool {
    let (Body::FewBlocksSeen { at, .. } | Body::BlocksSeen { at, .. }) = case.before().body()
    else {
        return false;
    };
    let records = case.base.log.records();
    let before = data::idents(&case.base.log, case.before());
    let after = data::idents(case.mutated, case.after());
    let Some(n) = before.iter().zip(&after).position(|(a, b)| a != b) else { return false };
    let named = |n: usize| match records[n].body() {
        Body::Submit { sqid, sqe, .. } if !sqid.is_admin() => {
            blocks(&sqe).map(|blocks| (sqe, blocks))
        }
        _ => None,
    };
    // The latest Read into this memory.
    let reader = (0..case.at).rev().find(|n| {
        named(*n).is_some_and(|(sqe, _)| sqe.opcode() == Read::OPCODE && sqe.prp1() == at)
    });
    let Some((reader, (_, (nsid, first, _)))) = reader.and_then(|n| Some((n, named(n)?))) else {
        return false;
    };
    let lba = first + n as u64;
    let told = |n: usize| {
        let seen = case.base.index.completion.get(&n).and_then(|seen| completion(&records[*seen]));
        seen.is_some_and(|(.., cqe)| cqe.status().is_success())
    };
    let others = (0..records.len()).filter(|n| *n != reader && told(*n));
    !others
        .filter_map(named)
        .any(|(_, (other, from, to))| other == nsid && (from..to).contains(&lba))
}

/// The bit that differs means nothing in this state: CSTS.NSSRO without NVM Subsystem Reset, CSTS.PP
/// while the controller is not ready, CSTS.ST in normal operation.
fn field_is_not_valid(case: &Case<'_>) -> bool {
    let (Some(read), Body::RegisterRead(old)) = (case.read(), case.before().body()) else {
        return false;
    };
    let csts = Csts::from(read.value as u32);
    let changed = Csts::from((read.value ^ old.value) as u32);
    let (past, rest) = case.others();
    let cap = past.chain(rest).find_map(|record| match record.body() {
        Body::RegisterRead(read) if read.offset == reg::CAP && read.width == 8 => {
            Some(Cap::from(read.value))
        }
        _ => None,
    });
    let resets = cap.is_none_or(|cap| cap.nssrs());
    changed.nssro() && !resets || changed.pp() && !csts.rdy() || changed.st() && csts.shst() == 0
}

/// CC.EN was changed, and the host had not yet seen RDY follow it when it made this read.
fn rdy_is_changing(case: &Case<'_>) -> bool {
    let mut followed = [false; 2];
    // EN as it was written last, and whether RDY was seen to follow the first write of that value.
    let mut change = None;
    for record in case.others().0 {
        match record.body() {
            Body::RegisterRead(read) if read.offset == reg::CSTS => {
                followed[usize::from(Csts::from(read.value as u32).rdy())] = true;
            }
            // The latest write that changed EN: the one before it, or a reset, says what it was.
            Body::RegisterWrite(write) if write.offset == reg::CC => {
                let on = Cc::from(write.value as u32).en();
                if change.is_some_and(|(later, _)| later != on) {
                    break;
                }
                change = Some((on, followed[usize::from(on)]));
            }
            Body::Reset { .. } => return change == Some((true, false)),
            _ => {}
        }
    }
    change.is_some_and(|(_, followed)| !followed)
}

/// The read shows the value of RDY that CC.EN asks for: late or not, it does not show the old one late.
fn shows_the_new_rdy(case: &Case<'_>) -> bool {
    let enabled = case.others().0.find_map(|record| match record.body() {
        Body::RegisterWrite(write) if write.offset == reg::CC => Some(write.value & 1 != 0),
        _ => None,
    });
    let rdy = case.read().map(|read| Csts::from(read.value as u32).rdy());
    enabled.is_some() && rdy == enabled
}

/// The host read this register of this controller once only: the other value is as good a claim.
fn only_reading(case: &Case<'_>) -> bool {
    let Some(mine) = case.read() else { return false };
    let (past, rest) = case.others();
    !past.chain(rest).any(|record| match record.body() {
        Body::RegisterRead(read) => read.offset == mine.offset,
        _ => false,
    })
}

/// The shutdown status is read while it may change: a shutdown was asked for, and may not have begun or
/// be over already, but was not seen to be before; or a reset runs (RDY = 1 still) that may have cleared it.
fn shst_is_changing(case: &Case<'_>) -> bool {
    let Some(csts) = case.read().map(|read| Csts::from(read.value as u32)) else { return false };
    let mut before = 0;
    let written = case.others().0.find_map(|record| match record.body() {
        Body::RegisterWrite(write) if write.offset == reg::CC => Some(Cc::from(write.value as u32)),
        Body::RegisterRead(read) if read.offset == reg::CSTS => {
            before = before.max(Csts::from(read.value as u32).shst());
            None
        }
        _ => None,
    });
    let legal = (before..=2).contains(&csts.shst());
    written.is_some_and(|cc| !cc.en() && csts.rdy() && csts.shst() != 3 || cc.shn() != 0 && legal)
}

/// The host has reset or disabled the controller since it sent the command, or does so before it looks at
/// the queue again: what it had not seen by then may have been dropped.
fn a_reset_follows(case: &Case<'_>) -> bool {
    let Some((cqid, _, cqe)) = completion(case.before()) else { return false };
    for record in case.others().0 {
        match record.body() {
            Body::Reset { .. } => return true,
            Body::RegisterWrite(write)
                if write.offset == reg::CC && !Cc::from(write.value as u32).en() =>
            {
                return true;
            }
            Body::Submit { sqid, sqe, .. } if (sqid, sqe.cid()) == (cqe.sqid(), cqe.cid()) => break,
            _ => {}
        }
    }
    for record in case.others().1 {
        match record.body() {
            Body::Reset { .. } => return true,
            Body::RegisterWrite(write) if write.offset == reg::CC => {
                let cc = Cc::from(write.value as u32);
                if !cc.en() || cc.shn() != 0 {
                    return true;
                }
            }
            Body::Completion { cqid: queue, .. } if queue == cqid => return false,
            Body::EmptyLook(look) if look.cqid == cqid && look.reason == LookReason::Idle => {
                return false;
            }
            _ => {}
        }
    }
    false
}

/// The completion queues that signal by `vector`: the admin queue by 0, others by their creation.
fn queues_of(case: &Case<'_>, vector: u16) -> Vec<Qid> {
    let mut queues = Vec::from_iter((vector == 0).then_some(Qid(0)));
    for record in case.others().0 {
        let Body::Submit { sqid, sqe, .. } = record.body() else { continue };
        let create = CreateIoCq::project(&sqe);
        let wanted = sqid.is_admin() && sqe.opcode() == CreateIoCq::OPCODE;
        if wanted && create.ien && create.iv == vector {
            queues.push(create.qid);
        }
    }
    queues
}

/// The vector may pend and need not: an entry was posted to a queue of it, and the host has released it
/// since the vector was masked.
fn pending_is_open(case: &Case<'_>) -> bool {
    let Body::MsixPending { vector, .. } = case.before().body() else { return false };
    let queues = queues_of(case, vector);
    let mut released = false;
    for record in case.others().0 {
        match record.body() {
            Body::Doorbell(bell) if bell.kind == DoorbellKind::CqHead => {
                released |= queues.contains(&bell.qid);
            }
            Body::MsixMask { vector: masked, .. } if masked == vector => break,
            _ => {}
        }
    }
    released
}

/// The write into a completion queue is as long as entries that commands in flight are owed: a controller
/// may post several at once.
fn entries_have_commands(case: &Case<'_>) -> bool {
    let Body::Dma { len, write: true, .. } = case.after().body() else { return false };
    let records = case.base.log.records();
    let next = (case.at..records.len()).find_map(|n| {
        let mine = records[n].ctrl == case.before().ctrl;
        completion(&records[n]).filter(|_| mine).map(|(cqid, ..)| cqid)
    });
    let index = &case.base.index;
    let in_flight = index.rung.iter().filter(|(submit, rung)| {
        let seen = index.completion.get(submit).filter(|seen| **seen > case.at);
        let there = seen.and_then(|seen| completion(&records[*seen])).map(|(cqid, ..)| cqid);
        **rung < case.at && there.is_some() && there == next
    });
    in_flight.count() >= len as usize / 16
}

/// Set Features of Volatile Write Cache, which tells nothing in dword 0.
fn feature_defines_no_dword(case: &Case<'_>) -> bool {
    case.base.command(case.at).is_some_and(|(admin, sqe)| {
        let set = admin && sqe.opcode() == SetFeatures::OPCODE;
        set && SetFeatures::project(&sqe).fid != Fid::NUMBER_OF_QUEUES
    })
}

/// The controller reads memory that the host has opened to it.
fn memory_is_open(case: &Case<'_>) -> bool {
    let Body::Dma { at, len, write: false, .. } = case.after().body() else { return false };
    let end = at.0 + u64::from(len);
    let mut from = at.0;
    while from < end {
        let open = case.base.log.records()[..case.at].iter().filter_map(|r| match r.body() {
            Body::Map { at, len, perm } if perm != Perm::FromController => Some((at.0, at.0 + len)),
            _ => None,
        });
        match open
            .filter(|(start, upto)| (*start..*upto).contains(&from))
            .map(|(_, upto)| upto)
            .max()
        {
            Some(upto) => from = upto,
            None => return false,
        }
    }
    true
}
