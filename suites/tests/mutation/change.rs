//! Changes to a log: small operations, applied to a copy.

use log::{Body, Claim, Log, Record, SubmitRef};

/// One operation. Indices are those of the log as the operations before it have left it.
#[derive(Clone, Debug)]
pub enum Op {
    /// Another record in place of this one.
    Set(usize, Record),
    /// The record is taken out.
    Remove(usize),
    /// A record more, before this index.
    Insert(usize, Record),
    /// Other bytes in the payload area, at this offset.
    Bytes(u64, Vec<u8>),
    /// Everything from this record on happens later, by so many nanoseconds.
    Delay(usize, u64),
}

/// A copy of `log` with `ops` applied in their order. Claims go on naming the command that they named.
pub fn apply(log: &Log, ops: &[Op]) -> Log {
    let mut log = log.clone();
    for op in ops {
        match op {
            Op::Set(at, record) => log.records_mut()[*at] = *record,
            Op::Remove(at) => {
                log.records_mut().remove(*at);
                renumber(&mut log, |n| if n > *at { n - 1 } else { n });
            }
            Op::Insert(at, record) => {
                renumber(&mut log, |n| if n >= *at { n + 1 } else { n });
                log.records_mut().insert(*at, *record);
            }
            Op::Bytes(offset, bytes) => {
                let from = *offset as usize;
                log.payload_area_mut()[from..from + bytes.len()].copy_from_slice(bytes);
            }
            Op::Delay(from, nanos) => {
                for record in &mut log.records_mut()[*from..] {
                    record.not_before += nanos;
                    record.seen += nanos;
                }
            }
        }
    }
    log
}

/// `record` with another body.
pub fn with_body(record: &Record, body: Body) -> Record {
    Record::new(record.ctrl, record.step, record.when(), body)
}

/// Gives the commands that claims name their new record numbers.
fn renumber(log: &mut Log, new: impl Fn(usize) -> usize) {
    let moved = |submit: SubmitRef| SubmitRef(new(submit.0 as usize) as u32);
    for record in log.records_mut() {
        let Body::Claim(claim) = record.body() else { continue };
        let claim = match claim {
            Claim::RefusedBy(submit, req) => Claim::RefusedBy(moved(submit), req),
            Claim::Accepted(submit) => Claim::Accepted(moved(submit)),
            Claim::Ruled(submit) => Claim::Ruled(moved(submit)),
            Claim::InFlight(submit) => Claim::InFlight(moved(submit)),
            Claim::Judged(req) => Claim::Judged(req),
        };
        *record = with_body(record, Body::Claim(claim));
    }
}
