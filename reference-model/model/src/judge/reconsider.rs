//! Judging later: what could not be decided because something was not read yet (VS, CAP, Identify) is
//! decided when it is.
//!
//! Claims are constant, so what is learned late was true before. What may change (queues, features) is
//! kept as it was believed at the time.

use spec::{Cqe, Qid, Req, Sqe, Version};

use super::claims::Standing;
use super::report::{Place, Story};
use super::{Judge, Now};
use crate::memory::Memory;
use crate::ruling::{Applies, Decision, Others, Rule, View};
use crate::state::{ActiveNamespaces, World};
use crate::{DivergenceKind, FindingKind};

/// How many undecided observations of one controller are kept at most.
const KEPT: usize = 32;

/// An observation that could not be decided.
#[derive(Clone, Debug)]
pub struct Open {
    now: Now,
    what: Undecided,
}

#[derive(Clone, Debug)]
enum Undecided {
    /// It does not agree with this requirement, which may not be in force.
    Broken(Req, DivergenceKind, Place, Story),
    /// The status of a command.
    Status(Box<Answered>),
}

/// A command, its answer, and what was believed when it completed.
#[derive(Clone, Debug)]
struct Answered {
    rule: &'static Rule,
    sqid: Qid,
    sqe: Sqe,
    cqe: Cqe,
    submit: u32,
    others: Others,
    place: Place,
    world: World,
}

impl Judge {
    /// Keeps an observation that breaks `req`, if it is the revision that is not known yet.
    pub(super) fn reconsider_broken(
        &mut self,
        req: Req,
        kind: DivergenceKind,
        place: Place,
        story: Story,
    ) {
        if self.version(self.now.ctrl).is_none() {
            self.keep_open(Undecided::Broken(req, kind, place, story));
        }
    }

    /// Keeps the answer of command `n`, which nothing decided, if something was not read yet. Called
    /// before its effects.
    pub(super) fn reconsider_status(&mut self, n: u32) {
        let command = &self.commands[n];
        let Some(rule) = command.rule else { return };
        let world = &self.worlds[0];
        let controller = &world.controllers[usize::from(command.ctrl)];
        let nsid = command.sqe.nsid();
        let read = controller.claims.is_some()
            && controller.cap.is_some()
            && self.version(command.ctrl).is_some()
            && (command.sqid == 0 || world.namespace(nsid).is_some_and(|ns| ns.claims.is_some()));
        if read {
            return;
        }
        let answered = Answered {
            rule,
            sqid: Qid(command.sqid),
            sqe: command.sqe,
            cqe: command.cqe,
            submit: command.submit,
            others: command.others,
            place: self.place_of(n),
            world: world.clone(),
        };
        self.keep_open(Undecided::Status(Box::new(answered)));
    }

    fn keep_open(&mut self, what: Undecided) {
        let now = self.now;
        let open = &mut self.unit().open;
        if open.len() < KEPT {
            open.push(Open { now, what });
        } else {
            self.coverage.inconclusive += 1;
        }
    }

    /// Something more is known of controller `ctrl`: what was left open is tried again.
    pub(super) fn reconsider(&mut self, ctrl: u8) {
        let now = self.now;
        for open in std::mem::take(&mut self.units[usize::from(ctrl)].open) {
            self.now = open.now;
            match open.what {
                // What still cannot be decided is kept again.
                Undecided::Broken(req, kind, place, story) => {
                    self.broken_as(req, kind, place, story);
                }
                Undecided::Status(answered) => self.reconsider_answer(answered),
            }
        }
        self.now = now;
    }

    fn reconsider_answer(&mut self, mut answered: Box<Answered>) {
        let ctrl = self.now.ctrl;
        fill_in(&mut answered.world, &self.worlds[0]);
        let Answered { rule, sqid, sqe, cqe, submit, others, place, world } = &*answered;
        // Lists may have changed since: of host memory nothing is known.
        let memory = Memory::default();
        let view = View {
            world,
            controller: &world.controllers[usize::from(ctrl)],
            ctrl,
            sqid: *sqid,
            version: self.version(ctrl).unwrap_or(Version::new(2, 3)),
            memory: &memory,
            others: *others,
        };
        let forces = self.units[usize::from(ctrl)].forces.clone();
        let ruling = rule.in_force(rule.evaluate(sqe, &view), &forces);
        let (kind, by) = match rule.decide(ruling, cqe.status(), &forces) {
            Decision::Diverges { by } => (FindingKind::Divergence(DivergenceKind::Rule), by),
            Decision::Warns { by } => (FindingKind::Warning, by),
            Decision::Agrees { by } if by != 0 && !cqe.status().is_success() => {
                let refused: Vec<Req> =
                    crate::ruling::bits(by).map(|check| rule.check(check).0).collect();
                refused.iter().for_each(|req| self.agrees(*req));
                self.refused.insert(*submit, refused);
                if let Some(standing) = self.ruled.get_mut(*submit as usize) {
                    *standing = Standing::Refused;
                }
                return;
            }
            Decision::Agrees { .. } | Decision::Ambient => return,
            Decision::Tolerated => return self.keep_open(Undecided::Status(answered)),
        };
        let allowed = super::completions::allowed(rule, by, sqe, &view);
        let binds = |req: &Req| !matches!(forces.of(*req), Applies::Off | Applies::Unknown);
        let req = crate::ruling::bits(by).map(|check| rule.check(check).0).find(binds);
        let req = req.or(rule.succeeds);
        if let Some(req) = req {
            self.agrees(req);
        }
        let place = place.clone();
        self.find(kind, req, place, cqe.status().to_string(), allowed);
    }
}

/// Puts what is known `now` of constant things into what was believed `then`.
fn fill_in(then: &mut World, now: &World) {
    for (old, new) in then.controllers.iter_mut().zip(&now.controllers) {
        old.cap = old.cap.or(new.cap);
        old.vs = old.vs.or(new.vs);
        old.claims = old.claims.or(new.claims);
        old.msix_vectors = old.msix_vectors.or(new.msix_vectors);
        if old.active == ActiveNamespaces::default() {
            old.active = new.active.clone();
        }
    }
    for known in now.namespaces.iter().filter(|ns| ns.claims.is_some()) {
        let old = then.namespace_mut(known.nsid);
        old.claims = old.claims.or(known.claims);
    }
}
