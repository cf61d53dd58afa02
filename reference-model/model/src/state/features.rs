//! Features whose value stands in one dword: one value for the controller, or one for each sensor,
//! vector or namespace.

use spec::Fid;

use super::Feature;

/// What is believed of the features of one controller, by identifier and by what the command selects
/// within the feature (0 where there is nothing to select).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Features {
    values: Vec<((Fid, u32), Feature)>,
    /// Values that were never heard of are as a reset has left them.
    since_reset: bool,
}

/// Whether the texts that were read say what a reset makes of a value that is not saved
/// (survival.toml): a power state is also left by what the host cannot see, and of the features of
/// the NVM command set no text that was read speaks.
fn is_told(fid: Fid) -> bool {
    let untold = [Fid::POWER_MANAGEMENT, Fid::ERROR_RECOVERY, Fid::WRITE_ATOMICITY_NORMAL];
    !untold.contains(&fid)
}

impl Features {
    fn unheard(&self) -> Feature {
        Feature { since_reset: self.since_reset, ..Feature::default() }
    }

    /// What is believed of one value.
    pub fn value(&self, fid: Fid, of: u32) -> Feature {
        let found = self.values.iter().find(|(key, _)| *key == (fid, of));
        found.map_or_else(|| self.unheard(), |(_, feature)| *feature)
    }

    /// The belief about one value, to be changed.
    pub fn value_mut(&mut self, fid: Fid, of: u32) -> &mut Feature {
        let at = self.values.partition_point(|((f, o), _)| (f.0, *o) < (fid.0, of));
        if self.values.get(at).is_none_or(|(found, _)| *found != (fid, of)) {
            let unheard = self.unheard();
            self.values.insert(at, ((fid, of), unheard));
        }
        &mut self.values[at].1
    }

    /// Every value of one feature that was heard of, and what it is of.
    pub fn values_mut(&mut self, fid: Fid) -> impl Iterator<Item = (u32, &mut Feature)> {
        let own = self.values.iter_mut().filter(move |((f, _), _)| *f == fid);
        own.map(|((_, of), feature)| (*of, feature))
    }

    /// Whether two beliefs agree on every value of one feature.
    pub fn agree_on(&self, other: &Features, fid: Fid) -> bool {
        let own = self.values.iter().filter(|((f, _), _)| *f == fid);
        let others = other.values.iter().filter(|((f, _), _)| *f == fid);
        self.since_reset == other.since_reset && own.eq(others)
    }

    /// A Set Features was aborted: current and saved value may be the old or the new.
    pub fn forget(&mut self, fid: Fid) {
        self.since_reset = false;
        for (_, feature) in self.values_mut(fid) {
            feature.current = None;
            feature.saved = None;
            feature.since_reset = false;
        }
    }

    /// A controller level reset: current becomes the saved value if there is one, else the default.
    /// `none_saved`: the controller cannot save features at all.
    pub fn reset(&mut self, none_saved: bool) {
        self.since_reset = true;
        for ((fid, _), feature) in &mut self.values {
            let saveable = feature.capabilities.map(|c| c & 1 != 0);
            feature.current = match saveable {
                // A namespace's value may outlive the reset of one of several controllers.
                _ if *fid == Fid::ERROR_RECOVERY => None,
                Some(true) => feature.saved,
                Some(false) if is_told(*fid) => feature.default,
                None if is_told(*fid) && none_saved => feature.default,
                _ => None,
            };
            feature.since_reset = true;
        }
    }
}

/// A temperature threshold, in kelvins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Threshold {
    /// The threshold (TMPTH).
    pub kelvins: u16,
    /// The most that its hysteresis (TMPTHH) may be: so far behind the threshold a warning may last.
    pub hysteresis: u16,
}

/// Temperatures as the SMART / Health Information log showed them last, in kelvins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Temperatures {
    /// Composite Temperature (CTEMP).
    pub composite: u16,
    /// Temperature Sensor 1 to 8; 0: not implemented.
    pub sensors: [u16; 8],
}

impl Temperatures {
    /// Whether sensor `n` (1 to 8) is implemented.
    pub fn has_sensor(&self, n: usize) -> bool {
        n.checked_sub(1).and_then(|n| self.sensors.get(n)).is_some_and(|kelvins| *kelvins != 0)
    }

    /// Whether any sensor is.
    pub fn any_sensor(&self) -> bool {
        self.sensors.iter().any(|kelvins| *kelvins != 0)
    }
}
