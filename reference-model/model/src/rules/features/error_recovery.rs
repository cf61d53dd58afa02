//! Error Recovery (FID 05h) of the NVM command set: one value for each namespace. NVM-CS-1.0 §4.1.3.2,
//! Base-2.3 §4.4.

use spec::requirement::{error_recovery, reset, set_features};

use super::value::{self, Default, Value, stays};
use super::*;
use crate::rules::common::{is_broadcast, valid};
use crate::ruling::AnyCommand;

/// Time Limited Error Recovery (TLER).
const TLER: u32 = 0xffff;
/// Deallocated or Unwritten Logical Block Error Enable (DULBE).
const DULBE: u32 = 1 << 16;

/// The feature. What selects a value is the namespace. DULBE need not come back as it was set from a
/// namespace without NSFEAT bit 2, which only the namespace tells: it is held by its default alone.
pub static VALUE: Value = by(|_| error_recovery::VALUE);

/// The feature, where it was set last for all namespaces at once.
static SET_WITH_ALL: Value = by(|_| set_features::BROADCAST);

const fn by(current: fn(u32) -> spec::Req) -> Value {
    Value {
        fid: Fid::ERROR_RECOVERY,
        of: |nsid, _, _| nsid,
        bits: |_, _, _| TLER,
        reserved: !(TLER | DULBE),
        current,
        default: |_, _| Some(Default { bits: DULBE, value: 0, by: error_recovery::VALUE }),
        after_reset: reset::FEATURES_DEFAULT,
        moves: stays,
        of_namespace: true,
    }
}

value_rules! {
    ERROR_RECOVERY, "05h", reads Cells::NAMESPACES;
    get get_features::MANDATORY,
        &[&DWORD_0, &PSDT_ADMIN, &GET_RESERVED, &GET_CHECKS, &ELSEWHERE, &NSID, &INACTIVE, &GET_OWN],
        accept_get;
    set error_recovery::VALUE,
        &[&DWORD_0, &PSDT_ADMIN, &SET_RESERVED, &SET_CHECKS, &SET_ELSEWHERE, &NSID,
          &INACTIVE, &SET_BROADCAST, &SET_OWN],
        accept_set;
}

static SET_RESERVED: Reserved<SetFeatures> = Reserved::and(|cmd, v| {
    let dulbe = cmd.cdw11 & DULBE != 0 && v.version < Version::new(1, 2);
    set_leftovers(cmd) || cmd.cdw11 & VALUE.reserved != 0 || dulbe
});

checks! {
    /// NSID of a feature of a namespace. Base-2.3 §4.4, §4.1.1 figure 92.
    static NSID: AnyCommand[sqe, v] in features {
        NSID_NAMESPACE_SCOPE  INVALID_NAMESPACE_OR_FORMAT
                          if !v.valid_nsid(sqe.nsid()) => "NSID {}, {}", sqe.nsid(), valid(v);
    }
}

checks! {
    static INACTIVE: AnyCommand[sqe, v] in common {
        NSID_INACTIVE     INVALID_FIELD_IN_COMMAND
                          if !is_broadcast(sqe)
                             & (v.valid_nsid(sqe.nsid()) & !v.active.is_active(sqe.nsid()))
                          => "NSID {} is not active", sqe.nsid();
        // Before 1.3 nothing is said of an identifier that does not name one active namespace.
        NSID_INVALID      INVALID_NAMESPACE_OR_FORMAT | INVALID_FIELD_IN_COMMAND
                          | FEATURE_NOT_NAMESPACE_SPECIFIC
                          if (v.version < Version::new(1, 3)
                             && (is_broadcast(sqe) || !v.active.is_active(sqe.nsid()).is_yes()))
                             & Maybe
                          => "NSID {}", sqe.nsid();
    }
}

checks! {
    static GET_OWN: GetFeatures[cmd, v] in get_features {
        BROADCAST         INVALID_NAMESPACE_OR_FORMAT
                          if cmd.nsid == Nsid::BROADCAST => "NSID FFFFFFFFh";
    }
}

checks! {
    static SET_BROADCAST: SetFeatures[cmd, v] in set_features {
        BROADCAST_MULTI_DOMAIN  INVALID_FIELD_IN_COMMAND
                          if cmd.nsid == Nsid::BROADCAST
                          => "NSID FFFFFFFFh, CTRATT bit 10 = 1";
    }
}

checks! {
    static SET_OWN: SetFeatures[cmd, v] in error_recovery {
        // Only the host is told not to ask for it.
        DULBE_UNSUPPORTED INVALID_FIELD_IN_COMMAND
                          if cmd.cdw11 & DULBE != 0 && !reports_unwritten(cmd.nsid, v).is_yes()
                          => "DULBE 1, NSFEAT bit 2 of namespace {}", cmd.nsid;
    }
}

/// Whether the namespace, or every one that is addressed, supports the error that DULBE turns on
/// (NSFEAT bit 2).
fn reports_unwritten(nsid: Nsid, v: &View) -> Truth {
    if nsid == Nsid::BROADCAST {
        return Maybe;
    }
    let claims = v.world.namespace(nsid).and_then(|namespace| namespace.claims);
    claims.map(|claims| claims.nsfeat & 1 << 2 != 0).into()
}

fn accept_set(apply: &mut Apply) {
    no_second_dword(apply);
    answered(apply, true);
    let nsid = SetFeatures::project(apply.sqe).nsid;
    if nsid != Nsid::BROADCAST {
        apply.controller().features.value_mut(VALUE.fid, Nsid::BROADCAST.0).current = None;
        value::set(apply, &VALUE, nsid.0);
        doubt_elsewhere(apply, &[nsid.0, Nsid::BROADCAST.0]);
        return;
    }
    let mut all = apply.controller().active.known().to_vec();
    all.push(nsid.0);
    all.extend(apply.controller().features.values_mut(VALUE.fid).map(|(of, _)| of));
    all.iter().for_each(|of| value::set(apply, &VALUE, *of));
    doubt_elsewhere(apply, &all);
}

/// The value belongs to the namespace, which another controller may share: what it shows there is not known.
fn doubt_elsewhere(apply: &mut Apply, of: &[u32]) {
    let own = usize::from(apply.ctrl);
    let others = apply.world.controllers.iter_mut().enumerate().filter(|(n, _)| *n != own);
    for (_, other) in others {
        for of in of {
            let feature = other.features.value_mut(VALUE.fid, *of);
            *feature = Feature {
                default: feature.default,
                capabilities: feature.capabilities,
                ..Feature::default()
            };
        }
    }
}

fn accept_get(apply: &mut Apply) {
    let features = &apply.controller().features;
    let all = features.value(VALUE.fid, Nsid::BROADCAST.0);
    let with_all = all.current.is_some() && !all.since_reset;
    value::accept_get(apply, if with_all { &SET_WITH_ALL } else { &VALUE });
}
