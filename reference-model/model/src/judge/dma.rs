//! Accesses to host memory, on transports that show them; guard bytes on those that do not.

use spec::command::{Command as _, CreateIoCq, CreateIoSq};
use spec::requirement::{abort, delete_io_sq, dma, get_log_page, prp, queue, ready};
use spec::{Addr, Req, Status};

use super::Judge;
use super::commands::{Aborted, Command, Flight};
use super::queues::lies_in;
use super::report::Place;
use crate::ruling::Data;
use crate::truth::No;

/// Where the controller has accessed host memory.
#[derive(Clone, Copy)]
struct Access {
    at: u64,
    len: u64,
    write: bool,
    /// The access was refused by an IOMMU, which names no more than the page or the first bytes: it was
    /// somewhere in `len` bytes at `at`.
    somewhere: bool,
}

impl Access {
    /// Whether it lies, or may lie, in one of the ranges (address, bytes).
    fn lies_in(self, ranges: &[(u64, u64)]) -> bool {
        ranges.iter().any(|range| self.lies_in_one(*range))
    }

    fn place(self) -> Place {
        let Self { at, len, write, somewhere } = self;
        let what = if write { "write" } else { "read" };
        let extent = if somewhere { "within" } else { "of" };
        Place::at(format!("DMA {what} {extent} {len} bytes at {}", Addr(at)))
    }

    fn lies_in_one(self, (start, bytes): (u64, u64)) -> bool {
        let (end, last) = (start.saturating_add(bytes), self.at.saturating_add(self.len));
        match self.somewhere {
            true => self.at < end && start < last,
            false => self.at >= start && last <= end,
        }
    }
}

impl Judge {
    /// The controller accessed host memory.
    pub(super) fn on_dma(&mut self, at: Addr, len: u32, write: bool, fault: bool) {
        if self.is_lost() {
            return;
        }
        let time = self.now.when.seen;
        let len = u64::from(len);
        let exact = self.origin.is_some_and(|origin| origin.exact_dma);
        let access = Access { at: at.0, len, write, somewhere: fault && !exact };
        if !write && !fault {
            let unmapped = self.memory.accessible(at, len, false).is_no();
            self.unit().reads_unmapped |= unmapped;
        }
        let place = || access.place();
        let queue = self.queue_access(access);
        let dead = queue.flatten().is_some_and(|since| time > since);
        // The memory of a dead queue may have been given to a command since.
        let asked = queue.is_none() || dead;
        let command = asked.then(|| self.command_access(access, time)).flatten();
        let given = command.is_some_and(|n| self.too_late(&self.commands[n], time).is_none());
        if queue.is_some() && !(dead && given) {
            let late = dead;
            if write && !late && !access.somewhere {
                self.posting(at.0, len);
            }
            self.hold(ready::NOTHING_WHILE_DISABLED, !late, |_| {
                let because = "the queue was deleted, or the controller reset".to_string();
                (place(), ("an access to a queue".into(), "none".into(), because))
            });
            return;
        }
        let Some(n) = command else {
            // What no command or queue gives, whether it is mapped or not.
            let observed = match (access.somewhere, fault) {
                (true, _) => "an access that was refused, as the IOMMU tells",
                (false, true) => "an access that was refused",
                (false, false) => "an access",
            };
            let because = "no command in flight and no queue gives this memory".to_string();
            if write {
                let story = (observed.into(), "none".into(), because);
                self.broken(dma::WRITE_WITHIN_PRPS, place(), story);
            } else if fault || self.memory.accessible(at, len, false).is_no() {
                // No clause forbids reading more than was given; no healthy controller reads what the
                // host never opened to it.
                self.anomaly(None, place(), format!("{observed}: {because}"));
            }
            return;
        };
        match self.too_late(&self.commands[n], time) {
            None => {
                if write {
                    self.agrees(dma::WRITE_WITHIN_PRPS);
                }
                let command = &mut self.commands[n];
                // Of a page that holds more than its data it may have been the rest that was reached for.
                command.denied |= fault && !write && lies_in(&command.runs, at.0, len);
                // What it moved instead is not known.
                command.disturbed |= fault && !write && access.lies_in(&command.runs);
                self.credit_access(n, write);
            }
            Some(late) => {
                let because = "the command was over".to_string();
                let place = Place { command: Some(self.commands[n].sqe), ..place() };
                self.broken(late, place, ("an access".into(), "none".into(), because));
            }
        }
    }

    /// Whether an access belongs to a queue; if so, since when that queue is dead, or the latest of
    /// several that have lain there.
    fn queue_access(&self, access: Access) -> Option<Option<u64>> {
        let unit = &self.units[usize::from(self.now.ctrl)];
        // `None`, a queue that lives, counts as the latest.
        let latest = |a: Option<u64>, b: Option<u64>| Some(a?.max(b?));
        if access.write {
            let here = unit.cqs.iter().flatten().filter(|cq| access.lies_in(&cq.ranges));
            return here.map(|cq| cq.dead_since).reduce(latest);
        }
        // The PRP list of a queue that is not contiguous is read until the queue is deleted. It may lie
        // where an earlier queue lay.
        let believed = &self.worlds[0].controllers[usize::from(self.now.ctrl)];
        let page = believed.page_bytes();
        let lists = believed.io_sqs.0.iter().filter(|q| !q.pc).map(|q| q.prp1);
        let lists = lists.chain(believed.io_cqs.0.iter().filter(|q| !q.pc).map(|q| q.prp1));
        let mut lists = lists.map(|prp1| prp1.page_base(page));
        if lists.any(|list| access.lies_in_one((list, page))) {
            return Some(None);
        }
        let here = unit.sqs.iter().flatten().filter(|sq| access.lies_in(&sq.ranges));
        here.map(|sq| sq.dead_since).reduce(latest)
    }

    /// The controller wrote into a completion queue: only entries that are free to be posted next, and no
    /// more of them than commands are in flight.
    fn posting(&mut self, at: u64, len: u64) {
        let unit = self.unit();
        unit.shows_postings = true;
        let cqs = unit.cqs.iter().enumerate().filter_map(|(qid, cq)| Some((qid, cq.as_ref()?)));
        let mut hit = cqs.filter(|(_, cq)| cq.dead_since.is_none()).filter_map(|(qid, cq)| {
            let (first, last) = cq.slots_at(at, len)?;
            Some((qid, first, last))
        });
        let Some((cqid, first, last)) = hit.next() else { return };
        let sqs = unit.sqs.iter().flatten().filter(|sq| usize::from(sq.cqid) == cqid);
        let owed = sqs.map(|sq| sq.in_flight.len() as u64).sum::<u64>();
        let Some(cq) = unit.cq(cqid as u16) else { return };
        let owed = owed + cq.orphans.len() as u64;
        let entries = u64::from(cq.entries);
        let free = (entries - 1).saturating_sub(cq.seen - cq.released);
        let ahead = |slot: u64| (slot + entries - cq.seen % entries) % entries;
        let furthest = ahead(first).max(ahead(last));
        let next = ahead(last) >= ahead(first) && last - first < entries;
        if next {
            cq.written = cq.written.max(cq.seen + ahead(last) + 1);
        }
        if cq.errored != No {
            return;
        }
        let place =
            move || Place::at(format!("CQ {cqid}, DMA write of {len} bytes into slot {first}"));
        if furthest >= free && furthest < owed {
            let because = format!("{free} slots are free");
            let observed = "an entry beyond them".to_string();
            let story = (observed, "none until a slot is released".into(), because);
            self.broken(queue::FULL_CQ_WAITS, place(), story);
        }
        self.hold(queue::CQE_SLOT_ORDER, next && furthest < owed, |_| {
            let because = format!("commands in flight that post here: {owed}");
            let observed = match first == last {
                true => format!("a write into slot {first}"),
                false => format!("a write into slots {first} to {last}"),
            };
            (
                place(),
                (observed, "one into the next slot for each command in flight".into(), because),
            )
        });
    }

    /// A CQE was seen. On a transport that shows every access it was written before.
    pub(super) fn was_written(&mut self, cqid: u16) {
        let unit = self.unit();
        if !unit.shows_postings {
            return;
        }
        let Some(cq) = unit.cq(cqid).filter(|cq| cq.written < cq.seen) else { return };
        cq.written = cq.seen;
        let exact = self.origin.is_some_and(|origin| origin.exact_dma && !origin.device_vantage);
        if exact {
            let what = "a CQE stands where no write of the controller was seen".to_string();
            self.inconclusive(what, Place::at(format!("CQ {cqid}")));
        }
    }

    /// The command that an access at `time` belongs to: one that may still access this memory, else
    /// one that might have, earlier.
    fn command_access(&self, access: Access, time: u64) -> Option<u32> {
        let ctrl = self.now.ctrl;
        let gives = |n: &u32| {
            let command = &self.commands[*n];
            command.ctrl == ctrl && gives_memory(command, access)
        };
        let unit = &self.units[usize::from(ctrl)];
        let in_flight = unit.sqs.iter().flatten().flat_map(|sq| sq.in_flight.iter().copied());
        let mut late = None;
        for n in in_flight.chain(self.commands.recent()).filter(gives) {
            if self.too_late(&self.commands[n], time).is_none() {
                return Some(n);
            }
            late.get_or_insert(n);
        }
        late
    }

    /// The requirement that an access at `time` breaks because its command was over.
    fn too_late(&self, command: &Command, time: u64) -> Option<Req> {
        if let Aborted::Done(_, at) = command.aborted
            && time > at
        {
            return Some(abort::NO_EFFECT);
        }
        let over = time > command.ended_at;
        match command.flight {
            Flight::Completed if over => Some(dma::NONE_AFTER_COMPLETION),
            Flight::Dropped if over && command.dropped == Some(delete_io_sq::NO_LATER_CQE) => {
                Some(delete_io_sq::NO_LATER_DMA)
            }
            Flight::Dropped if over => Some(dma::NONE_AFTER_RESET),
            _ => None,
        }
    }

    /// Whether command `n` writes data from memory that the host has not opened to the controller.
    pub(super) fn lacks_memory(&self, n: u32) -> bool {
        let command = &self.commands[n];
        let closed = |&(at, len): &(u64, u64)| self.memory.accessible(Addr(at), len, false).is_no();
        matches!(command.data, Data::Write(_)) && command.runs.iter().any(closed)
    }

    /// Command `n` succeeded. It did not have its data if that lay in closed memory, and the transport
    /// showed that it was refused, or shows every access and showed none of closed memory.
    pub(super) fn judge_unmapped(&mut self, n: u32) {
        let unit = &self.units[usize::from(self.commands[n].ctrl)];
        let exact = self.origin.is_some_and(|origin| origin.exact_dma);
        let kept_out = exact && !unit.reads_unmapped;
        let command = &self.commands[n];
        let lacked = command.denied || (command.unmapped && kept_out);
        if !lacked || !self.lacks_memory(n) {
            return;
        }
        let because = "its data lies in memory that is not there for the controller".to_string();
        let observed = self.commands[n].cqe.status().to_string();
        let story = (observed, Status::DATA_TRANSFER_ERROR.to_string(), because);
        self.broken(prp::UNMAPPED, self.place_of(n), story);
    }

    /// What an access that lies where it may shows beside.
    fn credit_access(&mut self, n: u32, write: bool) {
        if write && self.commands[n].admin_opcode() == Some(0x02) {
            self.agrees(get_log_page::NUMD);
            self.agrees(get_log_page::BUFFER_BOUNDS);
        }
    }

    /// Guard bytes were looked at.
    pub(super) fn on_sweep(&mut self, at: Addr, len: u64, changed: u64) {
        if changed == 0 && self.unit().special.log_page_read {
            self.agrees(get_log_page::NUMD);
            self.agrees(get_log_page::BUFFER_BOUNDS);
        }
        self.hold(dma::WRITE_WITHIN_PRPS, changed == 0, |_| {
            let observed = format!("{changed} of {len} bytes changed");
            let because = "no command gives this memory as a destination".to_string();
            (Place::at(format!("guard bytes at {at}")), (observed, "no change".into(), because))
        });
    }
}

/// Whether the command gives this memory to the controller, in this direction.
fn gives_memory(command: &Command, access: Access) -> bool {
    let write = access.write;
    let within = access.lies_in(&command.runs);
    let data = match command.data {
        Data::Read(_) | Data::Returns { .. } => write && within,
        Data::Write(_) => !write && within,
        // How much it moves is not known: any access may be its.
        Data::Unknown => true,
        Data::None | Data::Flush(_) => !write && lists_queue(command, access),
    };
    // The controller may read more of a list than it needs: up to the end of its page.
    let in_list = |(start, bytes): &(u64, u64)| {
        let (from, to) = (start & !0xfff, (start + bytes + 0xfff) & !0xfff);
        access.lies_in_one((from, to - from))
    };
    data || (!write && command.lists.iter().any(in_list)) || command.rule.is_none()
}

/// Whether the command creates a queue whose PRP list holds the range: PC = 0, so that PRP Entry 1
/// points to a list.
fn lists_queue(command: &Command, access: Access) -> bool {
    let pc = match command.admin_opcode() {
        Some(CreateIoSq::OPCODE) => CreateIoSq::project(&command.sqe).pc,
        Some(CreateIoCq::OPCODE) => CreateIoCq::project(&command.sqe).pc,
        _ => true,
    };
    let list = command.sqe.prp1().page_base(4096);
    !pc && access.lies_in_one((list, 4096))
}
