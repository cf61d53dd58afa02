//! Why a test stops before its end.

/// The outcome of a test's body: it ran to its end, or it stopped, and why.
pub type Outcome = Result<(), Stop>;

/// Why a test stopped. Whatever led here is in the log already; the judge makes the verdict.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Stop {
    /// The DUT, or the consent of its owner, lacks what the test needs.
    #[error("not applicable: needs {0}")]
    NotApplicable(String),
    /// The judge did not hold a claim of the test true, so what follows would make no sense.
    #[error("diverged: {0}")]
    Diverged(String),
    /// The DUT is gone.
    #[error("the DUT is gone: {0}")]
    Gone(String),
    /// The DUT or its transport refused an access.
    #[error("refused: {0}")]
    Refused(String),
    /// What was waited for did not come, and the patience is over.
    #[error("no sign of {0}")]
    PatienceOver(String),
    /// The harness, or the test itself, did something that cannot be.
    #[error("harness: {0}")]
    Harness(String),
}
