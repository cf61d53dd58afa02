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
        let from = self.now.when.not_before;
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
        }
        // A message for a queue that is gone may have been under way for any time.
        used |= unit.past_vectors.contains(&vector);
        *unit.messages.entry(vector).or_default() += count;
        self.hold(interrupt::MASKED_PENDING, !masked, |_| {
            let because = "the host has masked the vector".to_string();
            (place(), ("a message".into(), "none, and the pending bit".into(), because))
        });
        self.hold(interrupt::UNUSED_VECTOR, used, |_| {
            let because = "no interrupt-enabled CQ names this vector".to_string();
            (place(), ("a message".into(), "none".into(), because))
        });
    }

    /// The controller is idle: a CQ whose first CQE was never signalled.
    pub(super) fn signal_missing(&mut self, cqid: u16) {
        let visible = !self.unit().messages.is_empty();
        if self.believed().msix.is_none() || !visible {
            return;
        }
        let unit = self.unit();
        let masked: Vec<u16> = unit.masked.iter().map(|(vector, _)| *vector).collect();
        let Some(cq) = unit.cq(cqid) else { return };
        let never = cq.ien && !cq.signalled && cq.seen > 0;
        let vector = cq.iv;
        if !never || masked.contains(&vector) {
            return;
        }
        cq.signalled = true;
        let place = Place::at(format!("CQ {cqid}"));
        let because = format!("{} CQEs were posted with IEN = 1", cq.seen);
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

    /// A CQE was seen in an empty queue with vector `iv`: whether it was posted while that was masked.
    pub(super) fn posted_while_masked(&mut self, cqid: u16, iv: u16) {
        let from = self.now.when.not_before;
        let unit = self.unit();
        let masked = unit.masked.iter().any(|(v, since)| *v == iv && from >= *since);
        if masked && let Some(cq) = unit.cq(cqid) {
            cq.posted_masked = true;
        }
    }

    /// The host read a pending bit.
    pub(super) fn on_msix_pending(&mut self, vector: u16, pending: bool) {
        let unit = self.unit();
        // A CQ that was empty when its vector was masked and got an entry since must pend.
        let owed = unit
            .cqs
            .iter()
            .flatten()
            .any(|cq| cq.ien && cq.iv == vector && cq.dead_since.is_none() && cq.posted_masked);
        if !owed {
            return;
        }
        self.hold(interrupt::MASKED_PENDING, pending, |_| {
            let because = "a CQE was posted while the vector was masked".to_string();
            let place = Place::at(format!("interrupt vector {vector}"));
            (place, ("pending bit 0".into(), "pending bit 1".into(), because))
        });
    }
}
