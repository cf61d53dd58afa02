//! What an accepted or refused command does to what is believed, and what its effect holds.

use spec::{Cqe, Qid, Req, Sqe, Version};

use crate::memory::Memory;
use crate::state::{Controller, World};
use crate::truth::{No, Truth, Yes};

/// What a rule's `accept`, `refuse` or `seen` works on: the belief to change, and where what it
/// holds against the observation goes.
pub struct Apply<'a> {
    /// The belief; change it.
    pub world: &'a mut World,
    /// The controller's index.
    pub ctrl: u8,
    /// The submission queue of the command.
    pub sqid: Qid,
    /// The command.
    pub sqe: &'a Sqe,
    /// Its completion.
    pub cqe: &'a Cqe,
    /// The revision that the controller is judged by.
    pub version: Version,
    /// Host memory.
    pub memory: &'a Memory,
    /// What was held.
    pub held: &'a mut Vec<Held>,
}

/// One observation held against one requirement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// The requirement.
    pub req: Req,
    /// `None`: it agrees. Otherwise what was observed, what was allowed, and because.
    pub broken: Option<Broken>,
    /// What it means that it is `broken`.
    pub weight: Weight,
}

/// What it means that an observation does not agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// The requirement does not allow it.
    Broken,
    /// The text allows it, and no healthy controller does it: an anomaly.
    Odd,
    /// It was observed, and nothing that is modelled says what it should be.
    Gap,
}

/// An observation that a requirement does not allow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// What was observed: `NSQA 0, NCQA 65535`.
    pub observed: String,
    /// What was allowed.
    pub allowed: String,
    /// Because.
    pub because: String,
}

impl Apply<'_> {
    /// The controller that ran the command.
    pub fn controller(&mut self) -> &mut Controller {
        &mut self.world.controllers[usize::from(self.ctrl)]
    }

    /// Something observed is what every healthy controller shows, or else what `odd` says: an anomaly.
    pub fn expect(&mut self, req: Req, agrees: bool, odd: impl FnOnce() -> (String, String)) {
        let broken = (!agrees).then(|| {
            let (observed, because) = odd();
            Broken { observed, allowed: String::new(), because }
        });
        self.held.push(Held { req, broken, weight: Weight::Odd });
    }

    /// `what` was observed beside what `req` speaks of, and is not modelled.
    pub fn gap(&mut self, req: Req, what: String) {
        let broken = Broken { observed: what, allowed: String::new(), because: String::new() };
        self.held.push(Held { req, broken: Some(broken), weight: Weight::Gap });
    }

    /// Holds something observed against `req`. `broken` (observed, allowed, because) is called only
    /// if it does not agree. Whether it accuses is decided by the requirement's force.
    pub fn hold(
        &mut self,
        req: Req,
        agrees: impl Into<Truth>,
        broken: impl FnOnce() -> (String, String, String),
    ) {
        match agrees.into() {
            Truth::Maybe => {}
            Yes => self.held.push(Held { req, broken: None, weight: Weight::Broken }),
            No => {
                let (observed, allowed, because) = broken();
                let broken = Broken { observed, allowed, because };
                self.held.push(Held { req, broken: Some(broken), weight: Weight::Broken });
            }
        }
    }
}
