//! How findings are made: by the force of their requirement, never by the judge's own opinion.

use spec::requirement::Level;
use spec::{Req, Sqe};

use super::Judge;
use crate::ruling::{Applies, Broken};
use crate::{Allowed, DivergenceKind, Finding, FindingKind};

/// Where a finding shows, and the command that it concerns.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// `admin CQE, CID 0041h`.
    pub text: String,
    /// The command.
    pub command: Option<Sqe>,
    /// What it is probably only a consequence of.
    pub consequence_of: Option<u32>,
}

impl Place {
    /// A place without a command.
    pub fn at(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// Observed, allowed, because: each a whole phrase.
pub type Story = (String, String, String);

impl Judge {
    /// An observation was held against `req` and agrees. That judges it only where `req` is in force:
    /// elsewhere the opposite would have been no finding either.
    #[inline]
    pub(super) fn agrees(&mut self, req: Req) {
        self.agree(req, 1);
    }

    /// As [`Self::agrees`], for `count` observations alike.
    #[inline]
    pub(super) fn agree(&mut self, req: Req, count: u32) {
        let ctrl = self.now.ctrl;
        self.refresh_forces(ctrl);
        let at = usize::from(req.0);
        self.coverage.exercised[at] += count;
        if matches!(self.units[usize::from(ctrl)].forces.of(req), Applies::On(_)) {
            self.coverage.judged[at] += count;
        }
    }

    /// Holds an observation against `req`. The finding that it makes, if it makes one.
    pub(super) fn hold(
        &mut self,
        req: Req,
        agrees: bool,
        story: impl FnOnce(&Judge) -> (Place, Story),
    ) -> Option<u32> {
        if agrees {
            self.agrees(req);
            return None;
        }
        let (place, story) = story(self);
        self.broken(req, place, story)
    }

    /// An observation does not agree with `req`: a divergence, a warning or nothing, by its force.
    pub(super) fn broken(&mut self, req: Req, place: Place, story: Story) -> Option<u32> {
        self.broken_as(req, DivergenceKind::Rule, place, story)
    }

    /// As [`Self::broken`], for a divergence of another kind.
    pub(super) fn broken_as(
        &mut self,
        req: Req,
        kind: DivergenceKind,
        place: Place,
        (observed, answer, because): Story,
    ) -> Option<u32> {
        self.refresh_forces(self.now.ctrl);
        let at = usize::from(req.0);
        self.coverage.exercised[at] += 1;
        let as_kind = kind;
        let kind = match self.units[usize::from(self.now.ctrl)].forces.of(req) {
            Applies::On(force) => match force.level {
                Level::Shall => FindingKind::Divergence(kind),
                Level::Should => FindingKind::Warning,
                Level::May => return None,
            },
            Applies::Off => return None,
            Applies::Unknown => {
                self.reconsider_broken(req, as_kind, place, (observed, answer, because));
                return None;
            }
        };
        self.coverage.judged[at] += 1;
        let allowed = vec![Allowed { answer, because }];
        Some(self.find(kind, Some(req), place, observed, allowed))
    }

    /// What a rule's effect held and found broken.
    pub(super) fn held_broken(&mut self, req: Req, place: Place, broken: Broken) -> Option<u32> {
        self.broken(req, place, (broken.observed, broken.allowed, broken.because))
    }

    /// Makes a finding.
    pub(super) fn find(
        &mut self,
        kind: FindingKind,
        req: Option<Req>,
        place: Place,
        observed: String,
        allowed: Vec<Allowed>,
    ) -> u32 {
        if let (FindingKind::Divergence(_), Some(req)) = (kind, req) {
            self.coverage.diverged[usize::from(req.0)] += 1;
        }
        if kind == FindingKind::Inconclusive {
            self.coverage.inconclusive += 1;
        }
        let lost = self.units.get(usize::from(self.now.ctrl)).and_then(|unit| unit.lost).flatten();
        self.findings.push(Finding {
            kind,
            req,
            record: self.now.record,
            step: self.now.step,
            ctrl: self.now.ctrl,
            place: place.text,
            observed,
            allowed,
            command: place.command,
            consequence_of: place.consequence_of.or(lost),
        });
        self.findings.len() as u32 - 1
    }

    /// Something arrived that the model does not know.
    pub(super) fn gap(&mut self, what: String, command: Option<Sqe>) {
        let place = Place { text: "not modelled".into(), command, consequence_of: None };
        self.find(FindingKind::Gap, None, place, what, Vec::new());
    }

    /// The judge could not decide.
    pub(super) fn inconclusive(&mut self, what: String, place: Place) {
        self.find(FindingKind::Inconclusive, None, place, what, Vec::new());
    }

    /// Something legal that no healthy DUT does.
    pub(super) fn anomaly(&mut self, req: Option<Req>, place: Place, observed: String) {
        if let Some(req) = req {
            self.agrees(req);
        }
        self.find(FindingKind::Anomaly, req, place, observed, Vec::new());
    }

    /// The DUT is gone.
    pub(super) fn on_death(&mut self, how: String) {
        let place = Place::at("the DUT");
        let because = "a controller stays there whatever a host sends".to_string();
        let allowed = vec![Allowed { answer: "an answer".into(), because }];
        let kind = FindingKind::Divergence(DivergenceKind::Death);
        let finding = self.find(kind, None, place, how, allowed);
        for unit in &mut self.units {
            unit.lost.get_or_insert(Some(finding));
        }
    }

    /// The DUT or its transport refused an access: legal by the transport, and no healthy DUT does it.
    pub(super) fn on_refusal(&mut self, how: String) {
        self.anomaly(None, Place::at("transport"), how);
    }

    /// Stops judging the controller `ctrl` until its next reset, because of `finding`.
    pub(super) fn lose(&mut self, ctrl: u8, finding: Option<u32>) {
        let unit = &mut self.units[usize::from(ctrl)];
        unit.lost.get_or_insert(finding);
        unit.counted.most.unsure += 1;
    }

    /// Judges the controller `ctrl` again. What it did meanwhile is not known.
    pub(super) fn find_again(&mut self, ctrl: u8) {
        if self.ending.dead {
            return;
        }
        let unit = &mut self.units[usize::from(ctrl)];
        unit.lost = None;
        if !std::mem::take(&mut unit.unfollowed) {
            return;
        }
        self.memory.forget_all();
        self.media.unsure_all();
        let over: Vec<u32> = self.commands.recent().collect();
        for n in over {
            self.commands[n].disturbed = true;
        }
    }

    /// Whether commands are at work that are not followed: then nothing is said of memory.
    pub(super) fn is_memory_unsure(&self) -> bool {
        self.units.iter().any(|unit| unit.lost.is_some() && unit.unfollowed)
    }

    /// Whether the controller under judgement is lost; counts what is not judged because of it.
    pub(super) fn is_lost(&mut self) -> bool {
        let lost = self.units[usize::from(self.now.ctrl)].lost.is_some();
        if lost {
            self.coverage.tainted += 1;
        }
        lost
    }
}
