//! What the user expects of a DUT, beside the specification: margins, budgets, pinned choices.

/// The profile of a DUT. What the DUT *claims* (CAP, Identify, logs) is never here: it is learned from
/// the log.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// Added to every deadline that the specification gives, in nanoseconds.
    pub deadline_margin: u64,
    /// How long a wall-clock DUT must be quiet before an owed completion counts as missing, in
    /// nanoseconds. A named choice: the specification gives no limit to a command.
    pub quiet_window: u64,
    /// How many anomalies a test may show.
    pub anomaly_budget: u32,
    /// Judge by this revision in place of VS.
    pub revision: Option<spec::Version>,
    /// Pinned choices, by name and reading: see [`CHOICES`](crate::CHOICES).
    pub choices: Vec<(String, String)>,
    /// Share of judged observations that may be inconclusive before a run is not a pass, in percent.
    pub inconclusive_ceiling: f64,
    /// Share of judged observations that may rest on tainted state before a run is not a pass, in percent.
    pub tainted_ceiling: f64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            deadline_margin: 1_000_000_000,
            quiet_window: 10_000_000_000,
            anomaly_budget: 0,
            revision: None,
            choices: Vec::new(),
            inconclusive_ceiling: 1.0,
            tainted_ceiling: 10.0,
        }
    }
}

impl Profile {
    /// For each choice, the reading that is pinned.
    pub fn pins(&self) -> Vec<Option<usize>> {
        let pin = |choice: &crate::Choice| {
            let (_, reading) = self.choices.iter().find(|(name, _)| name == choice.name)?;
            choice.readings.iter().position(|known| known == reading)
        };
        crate::CHOICES.iter().map(pin).collect()
    }
}
