//! How requirements stand for one controller: by its revision, and by what it claims.

use spec::requirement::{Fact, Facts, Force};
use spec::{Req, Version};

use crate::state::Controller;

/// How a requirement stands for one controller now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applies {
    /// Its `when` does not hold: the rule does not exist here.
    Off,
    /// It may not accuse: unverified, not known at this revision, or its `when` is undecided.
    Unknown,
    /// In force.
    On(Force),
}

/// Every revision of the Base specification, up to its minor number.
const REVISIONS: [(u16, u8); 9] =
    [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (2, 0), (2, 1), (2, 2), (2, 3)];

/// How every requirement stands for one controller, worked out once per change of its claims.
#[derive(Clone, Debug, Default)]
pub struct Forces {
    of: Vec<Applies>,
    from: Option<Basis>,
}

/// All that forces follow from: what the controller claims, and the revision that it is judged by.
type Basis = ([Option<u64>; Fact::TABLE.len()], Option<Version>);

impl Forces {
    /// For `controller`, judged by `version` (its VS, or what the profile says).
    pub fn new(controller: &Controller, version: Option<Version>) -> Self {
        let of = Req::all().map(|req| Self::work_out(req, controller, version)).collect();
        Self { of, from: Some(Self::basis(controller, version)) }
    }

    /// Whether [`Self::new`] would give the same: Identify is read more often than it changes.
    pub fn hold_for(&self, controller: &Controller, version: Option<Version>) -> bool {
        self.from.as_ref() == Some(&Self::basis(controller, version))
    }

    fn basis(controller: &Controller, version: Option<Version>) -> Basis {
        (std::array::from_fn(|n| controller.fact(Fact::TABLE[n].0)), version)
    }

    fn work_out(req: Req, controller: &Controller, version: Option<Version>) -> Applies {
        let info = req.info();
        if info.when.holds(controller) == Some(false) {
            return Applies::Off;
        }
        let known = info.verified && info.when.holds(controller) == Some(true);
        let force = match version {
            Some(version) => req.force(version),
            None => Self::of_every_revision(req),
        };
        match force {
            Some(force) if known => Applies::On(force),
            _ => Applies::Unknown,
        }
    }

    /// The weakest force that `req` has at any revision, if every revision has it: what holds for a
    /// controller whose VS was not read.
    fn of_every_revision(req: Req) -> Option<Force> {
        let mut forces =
            REVISIONS.iter().map(|(major, minor)| req.force(Version::new(*major, *minor)));
        let first = forces.next()??;
        forces.try_fold(first, |weakest, force| {
            let Force { level, status } = force?;
            Some(Force { level: weakest.level.min(level), status: weakest.status.min(status) })
        })
    }

    /// How `req` stands.
    #[inline]
    pub fn of(&self, req: Req) -> Applies {
        self.of.get(usize::from(req.0)).copied().unwrap_or(Applies::Unknown)
    }
}
