//! Shrinking on a lane: the lab does it, the lane gives the DUTs.

use std::sync::Arc;

use lab::{Sequence, Target};
use model::Profile;
use spec::Req;

use crate::lane::Lane;
use crate::run::{on_fresh, on_same};

/// The shortest sequence that was found in `runs_max` runs, and by what it diverges: `wanted`, or what
/// bring-up does not show already. `None` if `sequence` does not diverge so.
///
/// # Errors
/// In words, if the DUT does not open or the harness fails.
pub fn shrink(
    lane: &dyn Lane,
    profile: &Arc<Profile>,
    sequence: &Sequence,
    wanted: Option<Req>,
    runs_max: u32,
) -> Result<Option<(Sequence, Target)>, String> {
    let target = wanted.map(Target::by);
    let rewinds = lane.open().map_err(|error| error.to_string())?.capabilities().rewind;
    if !rewinds {
        // A DUT that died must not be asked again.
        return lab::shrink(sequence, target, runs_max, &mut |candidate| {
            Ok(on_fresh(lane, profile, |bench| bench.replay_possible(candidate))?.0)
        });
    }
    on_same(lane, profile, |stand| {
        stand.prime();
        lab::shrink(sequence, target, runs_max, &mut |candidate| {
            Ok(stand.perform(|bench| bench.replay_possible(candidate))?.0)
        })
    })?
}
