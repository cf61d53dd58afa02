//! Reserved and unsupported values of features are accepted.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct FeatureValuesUnchecked;

impl Defect for FeatureValuesUnchecked {
    fn name(&self) -> &'static str {
        "feature-values-unchecked"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &[
            "temperature-threshold.reserved-selectors",
            "power-management.unsupported-state",
            "event-configuration.endurance-groups",
            "interrupt-vector.unused",
        ]
    }

    fn story(&self) -> &'static str {
        "Set Features masks the value and stores it."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        found.filter(|_| check != Check::FeatureValue)
    }
}
