//! Interrupt Coalescing (FID 08h). Base-2.3 §5.2.26.2.2.

use spec::requirement::interrupt_coalescing;

use super::value::{Default, Value, accept_get, accept_set, single, stays};
use super::*;

/// Aggregation Time and Aggregation Threshold.
const BOTH: u32 = 0xffff;

/// The feature.
pub static VALUE: Value = Value {
    fid: Fid::INTERRUPT_COALESCING,
    of: single,
    bits: |_, _, _| BOTH,
    reserved: !BOTH,
    current: |_| interrupt_coalescing::VALUE,
    default: |_, _| Some(Default { bits: BOTH, value: 0, by: interrupt_coalescing::RESET }),
    after_reset: interrupt_coalescing::RESET,
    moves: stays,
    of_namespace: false,
};

value_rules! {
    INTERRUPT_COALESCING, "08h", reads Cells::NONE;
    get get_features::MANDATORY, get_tables!(&ELSEWHERE), |apply| accept_get(apply, &VALUE);
    set interrupt_coalescing::VALUE, set_tables!(&SET_RESERVED, &SET_ELSEWHERE),
        |apply| accept_set(apply, &VALUE);
}

static SET_RESERVED: Reserved<SetFeatures> =
    Reserved::and(|cmd, _| set_leftovers(cmd) || cmd.cdw11 & VALUE.reserved != 0);
