//! Power Management (FID 02h). Base-2.3 §5.2.26.1.2, §8.1.18.

use spec::feature::PowerManagement;
use spec::requirement::{power_management, reset};

use super::value::{Value, accept_get, accept_set, single, untold};
use super::*;
use crate::truth::No;

/// Power State (PS). The Workload Hint beside it is not said to come back.
const STATE: u32 = 0x1f;
/// The last Workload Hint that is defined. Base-2.3 figure 674.
const LAST_HINT: u8 = 2;

/// The feature.
pub static VALUE: Value = Value {
    fid: Fid::POWER_MANAGEMENT,
    of: single,
    bits: |_, _, _| STATE,
    reserved: !0xff,
    current: |_| power_management::STATE,
    default: untold,
    after_reset: reset::FEATURES_DEFAULT,
    moves,
    of_namespace: false,
};

/// An I/O command takes a controller out of a non-operational state, and autonomous transitions
/// (APSTA) take it anywhere.
fn moves(controller: &Controller, value: u32) -> Truth {
    let Some(claims) = controller.claims else { return Maybe };
    let non_operational = claims.nops >> (value & STATE) & 1 != 0;
    if claims.apsta & 1 != 0 || non_operational { Maybe } else { No }
}

value_rules! {
    POWER_MANAGEMENT, "02h", reads Cells::NONE;
    get get_features::MANDATORY, get_tables!(&ELSEWHERE), |apply| accept_get(apply, &VALUE);
    set power_management::STATE, set_tables!(&SET_RESERVED, &SET_ELSEWHERE, &SET_OWN),
        |apply| accept_set(apply, &VALUE);
}

static SET_RESERVED: Reserved<SetFeatures> = Reserved::and(|cmd, v| {
    let hint = PowerManagement::from_bits(cmd.cdw11).wh();
    let last = if v.version < Version::new(1, 2) { 0 } else { LAST_HINT };
    set_leftovers(cmd) || cmd.cdw11 & VALUE.reserved != 0 || hint > last
});

checks! {
    static SET_OWN: SetFeatures[cmd, v] in power_management {
        UNSUPPORTED_STATE INVALID_FIELD_IN_COMMAND
                          if unsupported(cmd.cdw11, v)
                          => "power state {}, NPSS = {}", cmd.cdw11 & STATE,
                             v.claims.map_or(0, |claims| claims.npss);
    }
}

/// Whether the state is beyond the last. 1.0 and 1.1 leave open what becomes of it.
fn unsupported(value: u32, v: &View) -> Truth {
    v.claims.map(|claims| (value & STATE) > u32::from(claims.npss)).into()
}
