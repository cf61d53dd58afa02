//! Rounds of what comes by itself: asynchronous events, interrupts; and of Aborts.

use spec::command::{Abort, AsyncEventRequest, GetFeatures, GetLogPage};
use spec::register::DoorbellKind;
use spec::{Bytes, Fid, Lid, Qid};

use super::plan::{Plan, Question};
use crate::action::{Action, Condition, Links, Patience, Word};

impl Plan<'_> {
    /// An Abort of a command that was just submitted, or of an event request.
    pub(super) fn abort_round(&mut self, ctrl: u8) {
        if self.random.one_in(3) {
            return self.abort_event_request(ctrl);
        }
        if !self.options.races {
            return;
        }
        self.settle(ctrl);
        let sq = self.ctrl(ctrl).sqs.iter().find(|sq| !sq.errored && Self::has_room(sq));
        let Some(sqid) = sq.map(|sq| sq.qid) else { return };
        self.io_command(ctrl, sqid);
        let Some((target, _)) = self.ctrl(ctrl).in_flight.last().copied() else { return };
        // The Abort may come before its target was fetched, while it runs, or after it.
        let before = self.random.one_in(2);
        if before {
            self.push(Action::Ring { ctrl, sqid });
        }
        let links = Links { target: Some(target), ..Links::default() };
        self.admin(ctrl, Abort::default(), links);
        if !before {
            self.push(Action::Ring { ctrl, sqid });
        }
        // An aborted read has filled nothing, or anything.
        self.looks.retain(|look| look.ctrl != ctrl);
        self.settle(ctrl);
    }

    /// Aborts an event request of this controller, or names one of another: identifiers mean the
    /// controller's own commands.
    fn abort_event_request(&mut self, ctrl: u8) {
        let own = self.ctrl(ctrl).events.pop();
        let all = self.ctrls.iter().flat_map(|other| other.events.last().copied());
        let Some(target) = own.or_else(|| all.last()) else { return self.request_event(ctrl) };
        let links = Links { target: Some(target), ..Links::default() };
        self.admin(ctrl, Abort::default(), links);
    }

    /// An Asynchronous Event Request, seldom one more than there may be.
    pub(super) fn request_event(&mut self, ctrl: u8) {
        let limit = self.options.event_limit as usize;
        let waiting = self.ctrl(ctrl).events.len();
        let room = (self.ctrl(ctrl).admin_entries as usize - 1) / 2;
        if waiting >= room || waiting > limit || waiting == limit && !self.random.one_in(2) {
            return;
        }
        if self.ctrl(ctrl).unfetched as usize >= room {
            // Its SQHD tells that the requests before it have left their slots.
            let ask = GetFeatures { fid: Fid::NUMBER_OF_QUEUES, ..Default::default() };
            self.admin(ctrl, ask, Links::default());
        }
        let id =
            self.submit(ctrl, Qid::ADMIN, AsyncEventRequest::default().into(), Links::default());
        self.push(Action::Ring { ctrl, sqid: Qid::ADMIN });
        self.ctrl(ctrl).unfetched += 1;
        self.ctrl(ctrl).events.push(id);
    }

    /// Asynchronous Event Requests, an invalid doorbell value, the log page.
    pub(super) fn event_round(&mut self, ctrl: u8) {
        let limit = u64::from(self.options.event_limit);
        let requests = if self.random.one_in(6) { limit + 1 } else { self.random.below(4) };
        for _ in 0..requests {
            self.request_event(ctrl);
        }
        let errors = self.random.below(3);
        for n in 0..errors {
            if n != 0 && self.random.one_in(2) {
                self.error_log(ctrl);
            }
            self.invalid_doorbell(ctrl);
        }
        if errors == 0 {
            return;
        }
        if self.random.one_in(2) {
            self.error_log(ctrl);
        }
        // Events came, how many is the controller's business: what waits now is not known.
        self.ctrl(ctrl).events.clear();
        self.push(Action::Release { ctrl, cqid: Qid::ADMIN });
    }

    pub(super) fn error_log(&mut self, ctrl: u8) {
        let page = GetLogPage {
            lid: Lid::ERROR_INFORMATION,
            rae: self.random.one_in(2),
            ..GetLogPage::default()
        };
        let bytes = 64 * self.random.between(1, 4);
        let sqe = page.with_bytes(Bytes(bytes)).into();
        self.ask_and_keep(ctrl, Question { sqe, bytes });
    }

    /// A value that no slot has, to the doorbell of a queue that works; it is good for nothing then.
    fn invalid_doorbell(&mut self, ctrl: u8) {
        let good = self.ctrl(ctrl).sqs.iter().find(|sq| !sq.errored).cloned();
        let Some(sq) = good else { return };
        self.settle(ctrl);
        let beyond = self.random.below(3) as u32;
        if self.random.one_in(3) {
            let (qid, entries) = (sq.cqid, self.cq_entries(ctrl, sq.cqid));
            let value = entries + beyond;
            self.push(Action::Doorbell { ctrl, kind: DoorbellKind::CqHead, qid, value });
            let bound = self.ctrl(ctrl).sqs.iter_mut().filter(|other| other.cqid == qid);
            bound.for_each(|other| other.errored = true);
        } else {
            let (qid, value) = (sq.qid, sq.entries + beyond);
            self.push(Action::Doorbell { ctrl, kind: DoorbellKind::SqTail, qid, value });
            let same = self.ctrl(ctrl).sqs.iter_mut().filter(|other| other.qid == qid);
            same.for_each(|other| other.errored = true);
        }
        let (condition, patience) = (Condition::Idle, Patience::Nanos(20_000_000));
        self.push(Action::Wait { ctrl, condition, patience });
    }

    fn cq_entries(&mut self, ctrl: u8, cqid: Qid) -> u32 {
        let cq = self.ctrl(ctrl).cqs.iter().find(|cq| cq.qid == cqid);
        cq.map_or(u32::from(u16::MAX), |cq| cq.entries)
    }

    /// Masks, pending bits and looks at interrupts.
    pub(super) fn interrupt_round(&mut self, ctrl: u8) {
        let vectors = self.options.msix_vectors;
        if !self.ctrl(ctrl).msix || vectors == 0 {
            if self.random.one_in(4) {
                self.push(Action::Irq { ctrl });
            } else {
                self.mask_round(ctrl);
            }
            return;
        }
        let vector = self.random.below(u64::from(vectors)) as u16;
        self.push(Action::MsixMask { ctrl, vector, masked: true });
        self.io_round(ctrl);
        self.push(Action::MsixPending { ctrl, vector });
        self.push(Action::MsixMask { ctrl, vector, masked: false });
        self.push(Action::Irq { ctrl });
    }

    /// INTMS and INTMC, which a host may only touch while MSI-X is off. Base-2.3 §3.1.4.3, §3.1.4.4.
    fn mask_round(&mut self, ctrl: u8) {
        use spec::register::{INTMC, INTMS};
        if self.msix_on.remove(&ctrl) {
            self.push(Action::MsixEnable { ctrl, vectors: 0 });
        }
        for _ in 0..self.random.between(1, 3) {
            let offset = *self.random.pick(&[INTMS, INTMC]);
            let value = Word::Raw(self.random.number() & 0xffff_ffff);
            self.push(Action::WriteReg { ctrl, offset, width: 4, value });
            let offset = *self.random.pick(&[INTMS, INTMC]);
            self.push(Action::ReadReg { ctrl, offset, width: 4 });
        }
    }
}
