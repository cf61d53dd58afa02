//! Write Atomicity Normal (FID 0Ah) of the NVM command set. NVM-CS-1.0 §4.1.3.5.

use spec::requirement::{reset, write_atomicity};

use super::value::{Value, accept_get, accept_set, single, stays, untold};
use super::*;

/// Disable Normal (DN).
const DN: u32 = 1;

/// The feature.
pub static VALUE: Value = Value {
    fid: Fid::WRITE_ATOMICITY_NORMAL,
    of: single,
    bits: |_, _, _| DN,
    reserved: !DN,
    current: |_| write_atomicity::VALUE,
    default: untold,
    after_reset: reset::FEATURES_DEFAULT,
    moves: stays,
    of_namespace: false,
};

value_rules! {
    WRITE_ATOMICITY_NORMAL, "0Ah", reads Cells::NONE;
    get get_features::MANDATORY, get_tables!(&ELSEWHERE), |apply| accept_get(apply, &VALUE);
    set write_atomicity::VALUE, set_tables!(&SET_RESERVED, &SET_ELSEWHERE),
        |apply| accept_set(apply, &VALUE);
}

static SET_RESERVED: Reserved<SetFeatures> =
    Reserved::and(|cmd, _| set_leftovers(cmd) || cmd.cdw11 & VALUE.reserved != 0);
