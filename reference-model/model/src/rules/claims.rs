//! Predicates over structures that a controller returns (Identify, log pages): what it says of
//! itself, held against the text and against what was seen before.

use spec::{Req, Version};

use crate::ruling::{Apply, Broken, Held, Weight};
use crate::state::{Controller, World};
use crate::truth::{Truth, Yes};

/// What a predicate sees beside the structure. Dereferences to the controller that returned it.
pub struct Seen<'a> {
    /// Everything believed.
    pub world: &'a World,
    /// The controller's index.
    pub ctrl: usize,
    /// The revision that the controller is judged by.
    pub version: Version,
}

impl Seen<'_> {
    /// The other controllers of the subsystem.
    pub fn others(&self) -> impl Iterator<Item = &Controller> {
        let all = self.world.controllers.iter().enumerate();
        all.filter(|(n, _)| *n != self.ctrl).map(|(_, controller)| controller)
    }
}

impl std::ops::Deref for Seen<'_> {
    type Target = Controller;
    fn deref(&self) -> &Controller {
        &self.world.controllers[self.ctrl]
    }
}

/// One predicate over a structure `S`.
pub struct Claim<S> {
    /// The requirement.
    pub req: Req,
    /// Whether it holds.
    pub holds: fn(&S, &Seen) -> Truth,
    /// What was observed. Called on the failing path only.
    pub observed: fn(&S, &Seen) -> String,
    /// What is allowed.
    pub allowed: &'static str,
}

/// Declares a table of predicates: requirement, what must hold, what is allowed, what was observed.
macro_rules! claims {
    (
        $(#[$doc:meta])*
        $vis:vis static $table:ident : $structure:ty [$id:ident, $v:ident] in $group:ident {
            $( $req:ident : $holds:expr, $allowed:literal, $observed:literal $(, $arg:expr)* ; )*
        }
    ) => {
        $(#[$doc])*
        $vis static $table: &[$crate::rules::claims::Claim<$structure>] = &[
            $( $crate::rules::claims::Claim {
                req: spec::requirement::$group::$req,
                holds: |$id: &$structure, $v: &$crate::rules::claims::Seen| {
                    let _ = (&$id, &$v);
                    $crate::truth::Truth::from($holds)
                },
                observed: |$id: &$structure, $v: &$crate::rules::claims::Seen| {
                    let _ = (&$id, &$v);
                    format!($observed $(, $arg)*)
                },
                allowed: $allowed,
            }, )*
        ];
    };
}
pub(super) use claims;

/// Holds a structure against a table of predicates.
pub fn hold_all<S>(apply: &mut Apply, structure: &S, table: &[Claim<S>]) {
    let ctrl = usize::from(apply.ctrl);
    let seen = Seen { world: apply.world, ctrl, version: apply.version };
    for claim in table {
        let broken = match (claim.holds)(structure, &seen) {
            Truth::Maybe => continue,
            Yes => None,
            Truth::No => Some(Broken {
                observed: (claim.observed)(structure, &seen),
                allowed: claim.allowed.into(),
                because: claim.req.info().text.trim_end_matches('.').into(),
            }),
        };
        apply.held.push(Held { req: claim.req, broken, weight: Weight::Broken });
    }
}

/// The first byte that is not 0: its offset.
pub fn first_set(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte != 0)
}

/// An identifier for reports: its bytes as they stand in the structure.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>() + "h"
}

/// The first reserved byte that is not 0: its offset.
pub fn first_reserved(bytes: &[u8], ranges: &[std::ops::Range<usize>]) -> Option<usize> {
    ranges.iter().flat_map(|range| range.clone()).find(|at| bytes[*at] != 0)
}
