//! Arbitration (FID 01h). Base-2.3 §5.2.26.1.1.

use spec::requirement::{reset, set_features};

use super::value::{Value, accept_get, accept_set, single, stays, untold};
use super::*;

/// Arbitration Burst, and the weights of the classes.
const BURST: u32 = 0x7;
const WEIGHTS: u32 = 0xffff_ff00;

/// The feature.
pub static VALUE: Value = Value {
    fid: Fid::ARBITRATION,
    of: single,
    bits: |controller, _, _| {
        // The weights mean nothing without weighted round robin (CAP.AMS).
        let weighted = controller.cap.is_some_and(|cap| cap.ams() & 1 != 0);
        if weighted { BURST | WEIGHTS } else { BURST }
    },
    reserved: !(BURST | WEIGHTS),
    current: |_| set_features::EFFECTIVE_AT_COMPLETION,
    default: untold,
    after_reset: reset::FEATURES_DEFAULT,
    moves: stays,
    of_namespace: false,
};

value_rules! {
    ARBITRATION, "01h", reads Cells::NONE;
    get get_features::MANDATORY, get_tables!(&ELSEWHERE), |apply| accept_get(apply, &VALUE);
    set set_features::BOTH_SUPPORTED, set_tables!(&SET_RESERVED, &SET_ELSEWHERE),
        |apply| accept_set(apply, &VALUE);
}

static SET_RESERVED: Reserved<SetFeatures> =
    Reserved::and(|cmd, _| set_leftovers(cmd) || cmd.cdw11 & VALUE.reserved != 0);
