//! Claims of the test, and its verdict (design.md section 6).

use log::{Claim, SubmitRef};
use spec::Req;

use super::{Judge, Ruled};
use crate::ruling::Applies;
use crate::state::Phase;
use crate::{FindingKind, Verdict};

/// What became of a submitted command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// The record submits none, or it was not rung.
    #[default]
    None,
    /// Rung, and not ruled.
    Pending,
    /// Accepted, and no check failed.
    Accepted,
    /// Refused, and judged by checks.
    Refused,
    /// Judged otherwise.
    Other,
}

impl Judge {
    /// Command `n` is ruled.
    #[inline]
    pub(super) fn stand(&mut self, n: u32, standing: Standing) {
        if let Some(place) = self.ruled.get_mut(self.commands[n].submit as usize) {
            *place = standing;
        }
    }

    pub(super) fn standing_of(&self, submit: SubmitRef) -> Ruled {
        match self.ruled.get(submit.0 as usize).copied().unwrap_or_default() {
            Standing::None | Standing::Pending => Ruled::Pending,
            Standing::Accepted => Ruled::Accepted,
            Standing::Other => Ruled::Other,
            Standing::Refused => {
                let first = self.refused.get(&submit.0).and_then(|by| by.first());
                first.map_or(Ruled::Other, |req| Ruled::Refused(*req))
            }
        }
    }

    /// The test claims something. What is true only at this moment is decided now.
    pub(super) fn on_claim(&mut self, claim: Claim) {
        let now = match claim {
            Claim::InFlight(submit) => Some(self.is_in_flight(submit)),
            _ => None,
        };
        self.claims.push((self.now.record, claim, now));
    }

    /// Submitted (even if its doorbell was not rung yet) and not completed.
    fn is_in_flight(&self, submit: SubmitRef) -> bool {
        let rung = self.commands.in_flight().any(|n| self.commands[n].submit == submit.0);
        let mut sqs = self.units.iter().flat_map(|unit| unit.sqs.iter().flatten());
        let waits = self.ruled.get(submit.0 as usize) == Some(&Standing::None)
            && sqs.any(|sq| sq.slots.iter().any(|slot| slot.submit == submit.0));
        rung || waits
    }

    pub(super) fn decided_claim(&self, record: u32) -> Option<bool> {
        let (_, claim, now) = self.claims.iter().find(|(at, ..)| *at == record)?;
        now.or_else(|| self.decide_claim(*claim))
    }

    /// Whether a claim holds by what is known now; `None` while it is open.
    fn decide_claim(&self, claim: Claim) -> Option<bool> {
        let ruled = |submit| match self.standing_of(submit) {
            Ruled::Pending => None,
            ruled => Some(ruled),
        };
        match claim {
            Claim::RefusedBy(submit, req) => ruled(submit).map(|ruled| {
                matches!(ruled, Ruled::Refused(_))
                    && self.refused.get(&submit.0).is_some_and(|by| by.contains(&req))
            }),
            Claim::Accepted(submit) => ruled(submit).map(|ruled| ruled == Ruled::Accepted),
            Claim::Ruled(submit) => ruled(submit).map(|_| true),
            Claim::InFlight(submit) => Some(self.is_in_flight(submit)),
            Claim::Judged(req) => match self.was_judged(req) {
                true => Some(true),
                false => self.ending.ended.then(|| !self.may_apply(req)),
            },
        }
    }

    /// Whether an observation was held against `req` in the test's own steps.
    fn was_judged(&self, req: Req) -> bool {
        let at = usize::from(req.0);
        let before = self.judged_before.get(at).copied().unwrap_or(0);
        self.coverage.judged[at] > before
    }

    /// Whether `req` is in force for some controller, or may be: not if one is known not to have it, by its
    /// revision or by what it claims, and none is known to have it.
    fn may_apply(&self, req: Req) -> bool {
        let (mut on, mut off) = (false, false);
        for (ctrl, unit) in self.units.iter().enumerate() {
            let Some(version) = self.version(ctrl as u8) else { continue };
            match unit.forces.of(req) {
                Applies::On(_) => on = true,
                Applies::Off => off = true,
                Applies::Unknown => off |= req.force(version).is_none(),
            }
        }
        on || !off
    }

    /// A requirement that the test claims to have judged, where none of those does apply to the DUT.
    pub fn applies_to_none(&self) -> Option<Req> {
        let claimed = || {
            self.claims.iter().filter_map(|(_, claim, _)| match claim {
                Claim::Judged(req) => Some(*req),
                _ => None,
            })
        };
        let void = |req: Req| !self.was_judged(req) && !self.may_apply(req);
        claimed().next().filter(|_| claimed().all(void))
    }

    /// The test has ended: what was not decided by now is not.
    pub(super) fn on_end(&mut self, audited: bool) {
        self.ending.ended = true;
        for ctrl in 0..self.units.len() {
            self.refresh_forces(ctrl as u8);
        }
        // What nothing that was read has decided will not be decided any more.
        let open: usize = self.units.iter().map(|unit| unit.open.len()).sum();
        self.coverage.inconclusive += open as u64;
        if audited {
            self.unfinished();
        }
        self.coverage.inconclusive += u64::from(std::mem::take(&mut self.media.overflows));
    }

    /// An audit waits for every command. One that still owes its completion, without a silence that was
    /// judged, was lost by whoever wrote the log: then nothing was proved.
    fn unfinished(&mut self) {
        let mut left = 0;
        for (unit, controller) in self.units.iter().zip(&self.worlds[0].controllers) {
            if unit.lost.is_some() || controller.phase != Phase::Ready {
                continue;
            }
            let answers = |cqid: u16| {
                let cq = unit.cqs.get(usize::from(cqid)).and_then(Option::as_deref);
                cq.is_some_and(super::queues::Cq::answers)
            };
            let alive = |sq: &&super::queues::Sq| {
                sq.dead_since.is_none() && !sq.deleting && answers(sq.cqid)
            };
            let sqs = unit.sqs.iter().filter_map(Option::as_deref).filter(alive);
            let owed = |n: &&u32| self.commands[**n].owes_cqe();
            left += sqs.flat_map(|sq| &sq.in_flight).filter(owed).count();
        }
        if left > 0 {
            let what = format!("{left} commands had not completed when the log ended");
            self.inconclusive(what, super::report::Place::at("the end"));
        }
    }

    pub(super) fn work_out_verdict(&self) -> Verdict {
        let has = |wanted: fn(&FindingKind) -> bool| self.findings.iter().find(|f| wanted(&f.kind));
        if has(|kind| matches!(kind, FindingKind::Divergence(_))).is_some() {
            return Verdict::Diverged;
        }
        if let Some(error) = &self.ending.harness_error {
            return Verdict::Error(error.clone());
        }
        if let Some(missing) = &self.ending.not_applicable {
            return Verdict::NotApplicable(missing.clone());
        }
        if !self.ending.ended {
            return Verdict::Unproved("the test did not end".into());
        }
        for (record, claim, _) in &self.claims {
            if let Some(why) = self.unheld(*record, *claim) {
                return Verdict::Unproved(why);
            }
        }
        if let Some(req) = self.applies_to_none() {
            return Verdict::NotApplicable(format!("{req}, which does not apply here"));
        }
        if let Some(gap) = has(|kind| *kind == FindingKind::Gap) {
            return Verdict::Unproved(format!("not modelled: {}", gap.observed));
        }
        if let Some(open) = has(|kind| *kind == FindingKind::Inconclusive) {
            return Verdict::Unproved(format!("inconclusive: {}", open.observed));
        }
        let anomalies = self.findings.iter().filter(|f| f.kind == FindingKind::Anomaly).count();
        if anomalies > self.profile.anomaly_budget as usize {
            let budget = self.profile.anomaly_budget;
            return Verdict::Unproved(format!("{anomalies} anomalies, and the budget is {budget}"));
        }
        if self.coverage.judged.iter().all(|n| *n == 0) {
            return Verdict::Unproved("nothing was judged".into());
        }
        match has(|kind| *kind == FindingKind::Warning) {
            Some(_) => Verdict::Warned,
            None => Verdict::Passed,
        }
    }

    /// Why a claim is not held, if it is not.
    fn unheld(&self, record: u32, claim: Claim) -> Option<String> {
        let what = match claim {
            Claim::RefusedBy(_, req) => format!("that the command was refused by {req}"),
            Claim::Accepted(_) => "that the command was accepted".to_string(),
            Claim::Ruled(_) => "that the command was ruled".to_string(),
            Claim::InFlight(_) => "that the race was reached".to_string(),
            Claim::Judged(req) => format!("that {req} was judged"),
        };
        match self.decided_claim(record) {
            Some(true) => None,
            Some(false) => Some(format!("the claim {what} does not hold")),
            None => Some(format!("the claim {what} was never decided")),
        }
    }
}
