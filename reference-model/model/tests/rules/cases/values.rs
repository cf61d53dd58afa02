//! Cases of the features whose value stands in one dword.

use super::*;

/// Each feature: a value to set, and another one.
pub const VALUES: &[(Fid, u32, u32)] = &[
    (Fid::ARBITRATION, 1, 0),
    (Fid::POWER_MANAGEMENT, 1, 0),
    (Fid::TEMPERATURE_THRESHOLD, 300, 310),
    (Fid::ERROR_RECOVERY, 1, 0),
    (Fid::INTERRUPT_COALESCING, 1, 0),
    (Fid::INTERRUPT_VECTOR_CONFIGURATION, 0x0001_0001, 1),
    (Fid::WRITE_ATOMICITY_NORMAL, 1, 0),
    (Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 1, 0),
];

/// What a command with this value of dword 11 selects within the feature.
fn selection(fid: Fid) -> u32 {
    match fid {
        Fid::ERROR_RECOVERY | Fid::INTERRUPT_VECTOR_CONFIGURATION => 1,
        _ => 0,
    }
}

/// What holds for each of them.
pub fn of_all(c: &mut Cases) {
    for &(fid, value, other) in VALUES {
        let (get, set) = (good::get_features(fid), good::set_features(fid, value));
        c.add(get_features::SEL_RESERVED, get, GetFeatures { sel: 4, ..get });
        let without = |s: &mut Scene| s.claims().oncs = 0;
        c.add_in(common::RESERVED_BITS, Sure, get, GetFeatures { sel: 1, ..get }, without);
        let save = SetFeatures { sv: true, ..set };
        c.add_in(set_features::SAVE_WITHOUT_SUPPORT, Sure, set, save, without);
        let told = |bits: u32| {
            Scene::new().with(|s| {
                let feature = Feature {
                    capabilities: Some(bits),
                    current: Some(other),
                    ..Default::default()
                };
                *s.controller().features.value_mut(fid, selection(fid)) = feature;
            })
        };
        let same = SetFeatures { cdw11: other, ..set };
        let push = |c: &mut Cases, req, fault, bits: (u32, u32), good: SetFeatures, bad| {
            c.push(req, fault, (good.into(), told(bits.0)), (Sqe::from(bad), told(bits.1)));
        };
        push(c, set_features::NOT_SAVEABLE, Sure, (0b100, 0b100), set, save);
        push(c, set_features::NOT_CHANGEABLE, Sure, (0b101, 0b001), set, set);
        // Setting the value that the feature already has.
        push(c, set_features::NOT_CHANGEABLE, Possible, (0b101, 0b001), same, same);
        let mut reserved = Sqe::from(set);
        reserved.dw[13] = 1;
        c.add(common::RESERVED_BITS, set, reserved);
        let elsewhere = |s: &mut Scene| s.claims().cntrltype = 2;
        if fid != Fid::ASYNCHRONOUS_EVENT_CONFIGURATION {
            c.changed(get_features::FID_UNKNOWN, Possible, get, elsewhere);
            c.changed(set_features::FID_UNKNOWN, Possible, set, elsewhere);
        }
        if fid != Fid::ERROR_RECOVERY {
            let all = SetFeatures { nsid: Nsid::BROADCAST, ..set };
            let one = SetFeatures { nsid: Nsid(1), ..set };
            c.add(set_features::NSID_CONTROLLER_SCOPE, all, one);
            let above = Nsid(9);
            c.add_in(
                common::NSID_INVALID,
                Possible,
                set,
                SetFeatures { nsid: above, ..set },
                |_| {},
            );
            c.add_in(
                common::NSID_INVALID,
                Possible,
                get,
                GetFeatures { nsid: above, ..get },
                |_| {},
            );
        }
    }
}

/// What is particular to one of them.
pub fn own(c: &mut Cases) {
    let state = good::set_features(Fid::POWER_MANAGEMENT, 3);
    let beyond = SetFeatures { cdw11: 4, ..state };
    c.add(power_management::UNSUPPORTED_STATE, state, beyond);
    c.add(common::RESERVED_BITS, state, SetFeatures { cdw11: 3 << 5, ..state });
    let used = good::get_features(Fid::INTERRUPT_VECTOR_CONFIGURATION);
    let unused = GetFeatures { cdw11: 3, ..used };
    c.add_in(interrupt_vector::UNUSED, Possible, used, unused, |_| {});
    let used = good::set_features(Fid::INTERRUPT_VECTOR_CONFIGURATION, 1);
    c.add(interrupt_vector::UNUSED, used, SetFeatures { cdw11: 0x0001_0003, ..used });
    let admin = SetFeatures { cdw11: 0, ..used };
    c.add_in(interrupt_vector::UNUSED, Possible, used, admin, |_| {});
    let events = good::set_features(Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 0x1f);
    let event = |n: u32| SetFeatures { cdw11: 1 << n, ..events };
    c.add(event_configuration::ENDURANCE_GROUPS, events, event(14));
    c.add(event_configuration::UNADVERTISED, events, event(9));
    let sends = |s: &mut Scene| s.claims().oaes = 1 << 9;
    c.add_in(event_configuration::UNADVERTISED, Sure, event(9), event(8), sends);
    c.add(common::RESERVED_BITS, events, event(22));
    thresholds(c);
    error_recovery_of_namespaces(c);
}

fn thresholds(c: &mut Cases) {
    use temperature_threshold::*;
    let set = good::set_features(Fid::TEMPERATURE_THRESHOLD, 300);
    let get = good::get_features(Fid::TEMPERATURE_THRESHOLD);
    let select = |tmpsel: u32, thsel: u32| tmpsel << 16 | thsel << 20;
    for bad in [select(9, 0), select(14, 1), select(0, 2), select(15, 3)] {
        c.add(RESERVED_SELECTORS, set, SetFeatures { cdw11: bad | 300, ..set });
        c.add(RESERVED_SELECTORS, get, GetFeatures { cdw11: bad, ..get });
    }
    let warm = |s: &mut Scene| {
        s.claims().wctemp = 340;
        let mut sensors = [0; 8];
        sensors[1] = 310;
        s.controller().temperatures = Some(Temperatures { composite: 310, sensors });
    };
    let under = SetFeatures { cdw11: select(0, 1) | 250, ..set };
    let of_composite = (Sqe::from(under), Scene::new().with(warm));
    c.push(UNDER, Possible, of_composite, (under.into(), Scene::new()));
    let under = GetFeatures { cdw11: select(0, 1), ..get };
    c.push(UNDER, Possible, (under.into(), Scene::new().with(warm)), (under.into(), Scene::new()));
    let sensor = |n: u32| SetFeatures { cdw11: select(n, 0) | 300, ..set };
    c.add_in(SENSORS, Possible, sensor(2), sensor(3), warm);
    let all = (Sqe::from(sensor(15)), Scene::new().with(warm));
    c.push(SENSORS, Possible, all, (sensor(15).into(), Scene::new()));
    let sensor = |n: u32| GetFeatures { cdw11: select(n, 1), ..get };
    c.add_in(SENSORS, Possible, sensor(2), sensor(3), warm);
    let all = GetFeatures { cdw11: select(15, 0), ..get };
    c.add_in(RESERVED_SELECTORS, Sure, get, all, warm);
}

fn error_recovery_of_namespaces(c: &mut Cases) {
    let (get, set) =
        (good::get_features(Fid::ERROR_RECOVERY), good::set_features(Fid::ERROR_RECOVERY, 5));
    for nsid in [Nsid(0), Nsid(5)] {
        c.add(features::NSID_NAMESPACE_SCOPE, get, GetFeatures { nsid, ..get });
        c.add(features::NSID_NAMESPACE_SCOPE, set, SetFeatures { nsid, ..set });
    }
    c.add(common::NSID_INACTIVE, get, GetFeatures { nsid: Nsid(3), ..get });
    c.add(common::NSID_INACTIVE, set, SetFeatures { nsid: Nsid(3), ..set });
    let all = GetFeatures { nsid: Nsid::BROADCAST, ..get };
    c.add(get_features::BROADCAST, get, all);
    let old = |s: &mut Scene| s.revision(1, 2);
    c.add_in(common::NSID_INVALID, Possible, get, all, old);
    let all = SetFeatures { nsid: Nsid::BROADCAST, ..set };
    let old = |s: &mut Scene| s.revision(1, 2);
    c.add_in(common::NSID_INVALID, Possible, set, all, old);
    let domains = |s: &mut Scene| s.claims().ctratt = 1 << 10;
    c.changed(set_features::BROADCAST_MULTI_DOMAIN, Sure, all, domains);
    let unwritten = SetFeatures { cdw11: 1 << 16, ..set };
    let supports = |s: &mut Scene| {
        s.world.namespace_mut(Nsid(1)).claims.as_mut().unwrap().nsfeat = 1 << 2;
    };
    let supported = (Sqe::from(unwritten), Scene::new().with(supports));
    c.push(error_recovery::DULBE_UNSUPPORTED, Sure, supported, (unwritten.into(), Scene::new()));
}
