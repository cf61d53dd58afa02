//! Interrupts: on which vectors they may come. A missing one is never more than a warning.

use spec::requirement::interrupt;

use super::Judge;
use super::report::Place;
use crate::{Allowed, FindingKind};

impl Judge {
    /// Messages were seen.
    pub(super) fn on_interrupt(&mut self, vector: u16, count: u32) {
        if self.is_lost() {
            return;
        }
        self.coverage.interrupts += 1;
        let (from, seen) = (self.now.when.not_before, self.now.when.seen);
        let msix = self.believed().msix;
        let place = || Place::at(format!("interrupt vector {vector}"));
        if msix.is_none() {
            // Vector 0 then stands for INTx.
            self.hold(interrupt::SILENT_WITHOUT_MSIX, vector == 0, |_| {
                let observed = format!("a message on vector {vector}");
                (place(), (observed, "none".into(), "MSI-X is off".into()))
            });
            return;
        }
        let unit = self.unit();
        let masked = unit.masked.iter().any(|(v, since)| *v == vector && from >= *since);
        let all = unit.cqs.iter_mut().flatten();
        let named = all.filter(|cq| cq.ien && cq.iv == vector);
        let mut used = false;
        for cq in named {
            used = true;
            cq.signalled = true;
            cq.unsignalled = None;
        }
        // A message for a queue that is gone may have been under way for any time.
        used |= unit.past_vectors.contains(&vector);
        let (messages, last) = unit.messages.entry(vector).or_default();
        (*messages, *last) = (*messages + count, seen);
        self.hold(interrupt::MASKED_PENDING, !masked, |_| {
            let because = "the host has masked the vector".to_string();
            (place(), ("a message".into(), "none, and the pending bit".into(), because))
        });
        self.hold(interrupt::UNUSED_VECTOR, used, |_| {
            let because = "no interrupt-enabled CQ names this vector".to_string();
            (place(), ("a message".into(), "none".into(), because))
        });
    }

    /// The controller is idle: a CQ that never signalled, or whose only unreleased CQE did not.
    pub(super) fn signal_missing(&mut self, cqid: u16) {
        let visible = !self.unit().messages.is_empty();
        if self.believed().msix.is_none() || !visible {
            return;
        }
        let unit = self.unit();
        let masked: Vec<u16> = unit.masked.iter().map(|(vector, _)| *vector).collect();
        let Some(cq) = unit.cq(cqid) else { return };
        let lacking = cq.unsignalled.is_some();
        let never = cq.ien && (!cq.signalled && cq.seen > 0 || lacking);
        let vector = cq.iv;
        if !never || masked.contains(&vector) {
            return;
        }
        let first = !std::mem::replace(&mut cq.signalled, true);
        cq.unsignalled = None;
        let place = Place::at(format!("CQ {cqid}"));
        let because = match first {
            true => format!("{} CQEs were posted with IEN = 1", cq.seen),
            false => "a CQE was posted into the empty queue and not released".to_string(),
        };
        let allowed = vec![Allowed { answer: format!("a message on vector {vector}"), because }];
        let req = Some(interrupt::SIGNALLED);
        self.find(FindingKind::Warning, req, place, "no message".into(), allowed);
    }

    pub(super) fn on_msix_enable(&mut self, on: bool, vectors: u16) {
        let ctrl = self.now.ctrl;
        if !on {
            self.unit().past_vectors.clear();
        }
        self.learn(ctrl, |controller| controller.msix = on.then_some(vectors));
    }

    pub(super) fn on_msix_mask(&mut self, vector: u16, masked: bool) {
        let since = self.now.when.seen;
        let unit = self.unit();
        unit.masked.retain(|(v, _)| *v != vector);
        if masked {
            unit.masked.push((vector, since));
        }
        for cq in unit.cqs.iter_mut().flatten().filter(|cq| cq.iv == vector) {
            cq.posted_masked = false;
        }
    }

    /// A CQE was seen in an empty queue with vector `iv`: whether it was posted while that was masked, and
    /// whether a message has come since.
    pub(super) fn posted_into_empty(&mut self, cqid: u16, iv: u16) {
        let from = self.now.when.not_before;
        let unit = self.unit();
        let masked = unit.masked.iter().any(|(v, since)| *v == iv && from >= *since);
        let signalled = unit.messages.get(&iv).is_some_and(|(_, last)| *last >= from);
        if let Some(cq) = unit.cq(cqid) {
            cq.posted_masked |= masked;
            cq.unsignalled = (!signalled).then_some(from);
        }
    }

    /// Whether anything may have made vector `vector` pend: an entry of a queue that names it, seen or
    /// perhaps posted, or a queue that is gone.
    fn may_pend(&self, vector: u16) -> bool {
        let unit = &self.units[usize::from(self.now.ctrl)];
        let posts = |cqid: usize| {
            let mut sqs = unit.sqs.iter().flatten();
            sqs.any(|sq| usize::from(sq.cqid) == cqid && !sq.in_flight.is_empty())
        };
        let mut cqs = unit.cqs.iter().enumerate();
        unit.past_vectors.contains(&vector)
            || cqs.any(|(cqid, cq)| {
                cq.as_ref()
                    .is_some_and(|cq| cq.ien && cq.iv == vector && (cq.seen > 0 || posts(cqid)))
            })
    }

    /// The host read a pending bit.
    pub(super) fn on_msix_pending(&mut self, vector: u16, pending: bool) {
        let unit = self.unit();
        let idle = unit.idle;
        // A CQ that was empty when its vector was masked and got an entry since must pend.
        let owed = unit
            .cqs
            .iter()
            .flatten()
            .any(|cq| cq.ien && cq.iv == vector && cq.dead_since.is_none() && cq.posted_masked);
        if !owed {
            let cause = self.may_pend(vector);
            self.hold(interrupt::UNUSED_VECTOR, cause || !pending, |_| {
                let because = "no queue that names this vector has posted an entry".to_string();
                let place = Place::at(format!("interrupt vector {vector}"));
                (place, ("pending bit 1".into(), "pending bit 0".into(), because))
            });
            return;
        }
        if !pending && !idle {
            // The message may not have been made yet.
            return;
        }
        self.hold(interrupt::MASKED_PENDING, pending, |_| {
            let because = "a CQE was posted while the vector was masked".to_string();
            let place = Place::at(format!("interrupt vector {vector}"));
            (place, ("pending bit 0".into(), "pending bit 1".into(), because))
        });
    }
}
