//! The audit that every segment ends with: what was done is read back, or it does not count.

use log::Perm;
use spec::command::{GetFeatures, Identify};
use spec::register::{self, Csts};
use spec::{Cns, Entries, Fid, Lba, Nsid, Qid};

use crate::action::{Action, Condition, Patience, Seen};
use crate::core::Core;
use crate::stop::{Outcome, Stop};

/// The most logical blocks of one namespace that are read back.
const BLOCKS_MAX: u64 = 8192;

impl Core<'_> {
    /// Drains, sweeps, reads back touched LBAs and their neighbours, features and Identify.
    pub(crate) fn audit(&mut self) -> Result<Seen, Stop> {
        self.hidden += 1;
        let done = (0..self.caps.controllers).try_for_each(|ctrl| self.audit_controller(ctrl));
        self.hidden -= 1;
        done?;
        self.sweep_guards();
        Ok(Seen::Nothing)
    }

    fn audit_controller(&mut self, ctrl: u8) -> Outcome {
        let used = self.controller(ctrl).cap.is_some();
        if !used {
            return Ok(());
        }
        let csts = Csts::from(self.read_register(ctrl, register::CSTS, 4)? as u32);
        let controller = self.controller(ctrl);
        if !csts.rdy() || csts.cfs() || controller.shut_down || !controller.cc.en() {
            return self.look_at_all_slots(ctrl);
        }
        let condition = Condition::AllCompleted;
        self.perform(&Action::Wait { ctrl, condition, patience: Patience::Default })?;
        self.look_at_all_slots(ctrl)?;
        self.release_all(ctrl)?;
        self.read_back(ctrl)?;
        self.audit_admin(ctrl)?;
        self.look_at_all_slots(ctrl)
    }

    pub(crate) fn release_all(&mut self, ctrl: u8) -> Outcome {
        self.controller(ctrl).cqids().into_iter().try_for_each(|cqid| {
            self.release(ctrl, cqid)?;
            Ok(())
        })
    }

    fn audit_admin(&mut self, ctrl: u8) -> Outcome {
        let page = self.hidden_buffer(ctrl, 4096, Perm::FromController)?;
        let identify = Identify { prp1: page, cns: Cns::IDENTIFY_CONTROLLER, ..Default::default() };
        let answer = self.ask(ctrl, Qid::ADMIN, identify.into())?;
        if answer.is_some_and(|cqe| cqe.status().is_success()) {
            self.see_bytes(page, 4096)?;
        }
        let cached = self.controller(ctrl).facts.is_some_and(|facts| facts.volatile_write_cache);
        for (fid, asked) in [(Fid::NUMBER_OF_QUEUES, true), (Fid::VOLATILE_WRITE_CACHE, cached)] {
            if asked {
                self.ask(ctrl, Qid::ADMIN, GetFeatures { fid, ..Default::default() }.into())?;
            }
        }
        Ok(())
    }

    /// Reads the touched blocks and their neighbours of every namespace.
    fn read_back(&mut self, ctrl: u8) -> Outcome {
        let touched: Vec<_> =
            self.host.controllers.iter().flat_map(|c| c.touched.iter().copied()).collect();
        if touched.is_empty() {
            return Ok(());
        }
        let Some(qid) = self.audit_queue(ctrl)? else { return Ok(()) };
        for namespace in self.host.namespaces.clone() {
            let mine = touched.iter().filter(|(nsid, ..)| *nsid == namespace.nsid);
            let ranges = ranges(mine.map(|(_, lba, n)| (*lba, u64::from(*n))), namespace.blocks);
            let limit = self.controller(ctrl).facts.and_then(|facts| facts.transfer_bytes_max);
            let page = self.controller(ctrl).page_bytes();
            // Two pages need no PRP list, which keeps the audit's own commands simple.
            let bytes = limit.unwrap_or(u64::MAX).min(2 * page);
            let step = (bytes / u64::from(namespace.block_bytes)).max(1);
            let buffer = self.hidden_buffer(
                ctrl,
                step * u64::from(namespace.block_bytes),
                Perm::FromController,
            )?;
            for (first, count) in ranges {
                let mut at = 0;
                while at < count {
                    let blocks = (count - at).min(step) as u32;
                    if !self.read_chunk(ctrl, qid, namespace, (first + at, blocks), buffer)? {
                        return Ok(());
                    }
                    at += u64::from(blocks);
                }
            }
        }
        Ok(())
    }

    /// False if the controller does not answer: then the queue fills up, and nothing more is learned.
    fn read_chunk(
        &mut self,
        ctrl: u8,
        qid: Qid,
        namespace: crate::host::NamespaceFacts,
        (lba, blocks): (u64, u32),
        buffer: spec::Addr,
    ) -> Result<bool, Stop> {
        let page = self.controller(ctrl).page_bytes();
        let bytes = u64::from(blocks) * u64::from(namespace.block_bytes);
        let prp2 = if bytes > page { spec::Addr(buffer.0 + page) } else { spec::Addr(0) };
        let read = spec::command::Read {
            nsid: Nsid(namespace.nsid),
            slba: Lba(lba),
            nlb: Entries(blocks),
            prp1: buffer,
            prp2,
            ..Default::default()
        };
        let answer = self.ask(ctrl, qid, read.into())?;
        if answer.is_some_and(|cqe| cqe.status().is_success()) {
            self.see_blocks(buffer, namespace.block_bytes, blocks)?;
        }
        Ok(answer.is_some())
    }

    /// An I/O queue to read through: one that exists and works, or a new pair.
    fn audit_queue(&mut self, ctrl: u8) -> Result<Option<Qid>, Stop> {
        let controller = self.controller(ctrl);
        let usable = |qid: &Qid| {
            let Some(sq) = controller.sq(*qid).filter(|_| !qid.is_admin()) else { return false };
            let spoilt = sq.spoilt || controller.cq(sq.cqid).is_none_or(|cq| cq.spoilt);
            !spoilt && sq.in_flight.is_empty() && sq.free() > 0
        };
        if let Some(qid) = controller.sqids().into_iter().find(usable) {
            return Ok(Some(qid));
        }
        let Some((sqs, cqs)) = controller.granted else { return Ok(None) };
        let free = (1..=sqs.min(cqs))
            .map(Qid)
            .find(|qid| controller.sq(*qid).is_none() && controller.cq(*qid).is_none());
        let Some(qid) = free else { return Ok(None) };
        let entries = 16.min(self.controller(ctrl).queue_entries_max()) as u16;
        let made = self.create_pair(ctrl, qid, entries)?;
        Ok(made.then_some(qid))
    }
}

/// The touched ranges with one neighbour on each side, merged, inside the namespace, and bounded.
fn ranges(touched: impl Iterator<Item = (u64, u64)>, size: u64) -> Vec<(u64, u64)> {
    let mut wide: Vec<(u64, u64)> = touched
        .map(|(lba, n)| (lba.saturating_sub(1), lba.saturating_add(n).saturating_add(1).min(size)))
        .filter(|(from, to)| from < to)
        .collect();
    wide.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (from, to) in wide {
        match merged.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => merged.push((from, to)),
        }
    }
    let mut left = BLOCKS_MAX;
    let mut bounded = Vec::new();
    for (from, to) in merged {
        let count = (to - from).min(left);
        left -= count;
        if count != 0 {
            bounded.push((from, count));
        }
    }
    bounded
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn neighbours_are_read_back_too_and_ranges_merge() {
        let touched = [(0, 2), (10, 1), (3, 1), (99, 5), (500, 1)];
        assert_eq!(ranges(touched.into_iter(), 100), [(0, 5), (9, 3), (98, 2)]);
        assert_eq!(ranges([(u64::MAX, 5)].into_iter(), 100), []);
    }
}
