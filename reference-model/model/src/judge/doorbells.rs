//! What the host puts into submission queues, and the doorbells that it rings.

use log::DoorbellWrite;
use spec::register::DoorbellKind;
use spec::requirement::async_event;
use spec::{Addr, Qid, Sqe};

use super::Judge;
use super::queues::Slot;
use crate::truth::{Maybe, No, Yes};

impl Judge {
    /// The host filled a slot. Nothing happens before the doorbell.
    pub(super) fn on_submit(&mut self, sqid: Qid, slot: u16, sqe: Sqe) {
        let submit = self.now.record;
        if let Some(sq) = self.unit().sq(sqid.0)
            && let Some(place) = sq.slots.get_mut(usize::from(slot))
        {
            *place = Slot { sqe, submit };
        }
    }

    /// The host changed bytes that may lie in a submission queue.
    pub(super) fn edit_slots(&mut self, at: Addr, bytes: &[u8]) {
        for unit in &mut self.units {
            for sq in unit.sqs.iter_mut().flatten() {
                let mut before = 0;
                for &(start, len) in &sq.ranges {
                    for (n, byte) in bytes.iter().enumerate() {
                        let address = at.0.wrapping_add(n as u64);
                        if address < start || address >= start + len {
                            continue;
                        }
                        let offset = before + (address - start);
                        let Some(slot) = sq.slots.get_mut((offset / 64) as usize) else { continue };
                        let mut raw = slot.sqe.to_bytes();
                        raw[(offset % 64) as usize] = *byte;
                        slot.sqe = Sqe::from_bytes(&raw);
                    }
                    before += len;
                }
            }
        }
    }

    /// The host rang a doorbell.
    pub(super) fn on_doorbell(&mut self, doorbell: DoorbellWrite) {
        self.unit().idle = false;
        if self.is_lost() {
            self.unit().unfollowed |= doorbell.kind == DoorbellKind::SqTail;
            return;
        }
        let qid = doorbell.qid.0;
        match doorbell.kind {
            DoorbellKind::SqTail => self.on_tail(qid, doorbell.value),
            DoorbellKind::CqHead => self.on_head(qid, doorbell.value),
        }
    }

    /// A doorbell write that the controller may report as an error event.
    fn event_may_come(&mut self) {
        let unit = self.unit();
        unit.special.event_causes += 1;
        unit.events.may_come();
    }

    fn on_tail(&mut self, qid: u16, value: u32) {
        let (enabled, record) = (self.unit().enabled, self.now.record);
        let Some(sq) = self.unit().sq(qid).filter(|sq| enabled && sq.dead_since.is_none()) else {
            // A doorbell of a queue that is not there: undefined by the transport.
            self.unit().events.no_queue();
            self.event_may_come();
            return;
        };
        let (entries, unsure) = (u64::from(sq.entries), sq.unsure);
        let tail = u64::from(value & 0xffff);
        if tail >= entries {
            sq.errored = Yes;
            // Commands rung before may not have been fetched.
            let waiting = sq.in_flight.clone();
            for n in waiting {
                let errored = &mut self.commands[n].errored;
                *errored = *errored | Maybe;
            }
            self.unit().special.event_causes += 1;
            self.unit().events.other_causes = true;
            self.invalid_doorbell(async_event::INVALID_SQ_TAIL);
            return;
        }
        let from = sq.tail;
        let added = (tail + entries - from % entries) % entries;
        sq.batched |= added > 1;
        sq.same_tail |= added == 0;
        if added == 0 {
            sq.same_tail_at = Some(record);
        }
        let overfull = from + added - sq.head > entries - 1;
        if added == 0 && !overfull && value <= 0xffff {
            self.unit().events.same_tail = true;
        } else if overfull || value > 0xffff {
            self.unit().events.other_causes = true;
        }
        let Some(sq) = self.unit().sq(qid) else { return };
        if added == 0 || overfull || value > 0xffff {
            // Listed among the causes of the event: the controller may take it for invalid.
            sq.errored = sq.errored | Maybe;
            sq.doubted_at = record;
            let waiting = sq.in_flight.clone();
            for n in waiting {
                let errored = &mut self.commands[n].errored;
                *errored = *errored | Maybe;
            }
            self.event_may_come();
        }
        if unsure {
            self.unit().events.no_queue();
            self.event_may_come();
        }
        for pointer in from..from + added {
            let Some(sq) = self.unit().sq(qid) else { return };
            let slot = sq.slots[(pointer % entries) as usize];
            sq.tail = pointer + 1;
            if slot.submit == u32::MAX {
                // What stands there was never told: it may be any command.
                sq.errored = sq.errored | Maybe;
                sq.doubted_at = record;
                let what = format!("slot {} of SQ {qid} was never filled", pointer % entries);
                self.gap(what, None);
                continue;
            }
            self.start_command(qid, slot.sqe, slot.submit, pointer);
        }
    }

    fn on_head(&mut self, qid: u16, value: u32) {
        let enabled = self.unit().enabled;
        let Some(cq) = self.unit().cq(qid).filter(|cq| enabled && cq.dead_since.is_none()) else {
            self.unit().events.no_queue();
            self.event_may_come();
            return;
        };
        let entries = u64::from(cq.entries);
        let head = u64::from(value & 0xffff);
        if head >= entries {
            cq.errored = Yes;
            self.unit().special.event_causes += 1;
            self.unit().events.other_causes = true;
            self.invalid_doorbell(async_event::INVALID_CQ_HEAD);
            return;
        }
        let freed = (head + entries - cq.released % entries) % entries;
        if freed == 0 || cq.released + freed > cq.seen || value > 0xffff {
            // Without progress, or past what was seen: the controller may take it for invalid.
            if freed != 0 && cq.errored == No {
                cq.errored = Maybe;
            }
            self.unit().events.other_causes = true;
            self.event_may_come();
            return;
        }
        let full = cq.is_full();
        cq.released += freed;
        // What pends may be withdrawn once the entry is consumed.
        cq.posted_masked = false;
        cq.unsignalled = None;
        if full
            && self.unit().posts_to(qid)
            && let Some(cq) = self.unit().cq(qid)
        {
            cq.held_back = true;
        }
    }
}
