//! The same tables, sampled: one answer that the text permits, for the model run as a controller.
//!
//! Pure: randomness comes from the caller. What a controller does besides answering (data, queues,
//! time) is the caller's; `tests/random_controller` is such a controller, and the judge must have
//! nothing to say against it.

use spec::command::{Command, GetFeatures, SetFeatures};
use spec::feature::NumberOfQueues;
use spec::opcode::admin;
use spec::{Entries, Fid, Sqe, Status};

use crate::rules::features::value;
use crate::ruling::{Decision, Forces, Rule, View, bits};
use crate::state::Feature;

/// An answer of a controller: what its CQE says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status.
    pub status: Status,
    /// Dword 0.
    pub dw0: u32,
}

/// One permitted answer to `sqe` in the world of `view`, which must be the whole truth about the
/// controller. `random(n)` draws a number below n.
///
/// Answers against a recommendation are not drawn: what follows from accepting a second admin queue
/// is not defined. Nor are Internal Error and its like, which would fit always.
pub fn answer(
    rule: &Rule,
    sqe: &Sqe,
    view: &View,
    forces: &Forces,
    mut random: impl FnMut(u64) -> u64,
) -> Answer {
    let ruling = rule.in_force(rule.evaluate(sqe, view), forces);
    let permits = |status| {
        matches!(rule.decide(ruling, status, forces), Decision::Agrees { .. } | Decision::Tolerated)
    };
    let refusals = bits(ruling.failing | ruling.undecided).flat_map(|n| rule.check(n).1).copied();
    let refusals: Vec<Status> = refusals.filter(|status| permits(*status)).collect();
    // A command with nothing wrong that may be refused all the same is refused seldom.
    let accepts = permits(Status::SUCCESSFUL_COMPLETION);
    let refused = !accepts || (!refusals.is_empty() && random(4) == 0);
    match refusals.get(random(refusals.len().max(1) as u64) as usize) {
        Some(status) if refused => Answer { status: *status, dw0: 0 },
        _ => Answer { status: Status::SUCCESSFUL_COMPLETION, dw0: result(sqe, view, random) },
    }
}

/// Dword 0 of a successful completion.
fn result(sqe: &Sqe, view: &View, mut random: impl FnMut(u64) -> u64) -> u32 {
    let (controller, admin, version) = (view.controller, view.sqid.is_admin(), view.version);
    match sqe.opcode() {
        admin::GET_FEATURES if admin => {
            let cmd = GetFeatures::project(sqe);
            let granted = controller.number_of_queues.current.unwrap_or(0);
            match cmd.fid {
                Fid::NUMBER_OF_QUEUES => selected(controller.number_of_queues, cmd.sel, granted),
                Fid::VOLATILE_WRITE_CACHE => selected(controller.volatile_write_cache, cmd.sel, 0),
                fid => value::of(fid).map_or(0, |value| {
                    let of = (value.of)(cmd.nsid.0, cmd.cdw11, version);
                    let told = selected(controller.features.value(fid, of), cmd.sel, 0);
                    // The vector stands in the value beside what is told of it.
                    match fid == Fid::INTERRUPT_VECTOR_CONFIGURATION && cmd.sel < 3 {
                        true => told & !0xffff | of,
                        false => told,
                    }
                }),
            }
        }
        admin::SET_FEATURES if admin => match SetFeatures::project(sqe).fid {
            // The first allocation may be any; later ones repeat it.
            Fid::NUMBER_OF_QUEUES if controller.granted_answered => {
                controller.number_of_queues.current.unwrap_or(0)
            }
            Fid::NUMBER_OF_QUEUES => {
                let mut count = || Entries(1 + random(6) as u32);
                NumberOfQueues::of(count(), count()).into_bits()
            }
            _ => 0,
        },
        // Not aborted: a controller that can abort says otherwise itself.
        admin::ABORT if admin => 1,
        _ => 0,
    }
}

/// The value that SEL asks for. Values that are not known are 0, as after manufacture.
fn selected(feature: Feature, sel: u8, unset: u32) -> u32 {
    let default = feature.default.unwrap_or(0);
    match sel {
        1 => default,
        2 => feature.saved.unwrap_or(default),
        3 => feature.capabilities.unwrap_or(0),
        _ => feature.current.unwrap_or(unset),
    }
}
