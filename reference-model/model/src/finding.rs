//! What the judge says: findings, and the verdict of a test.

use spec::{Req, Sqe};

/// What kind of divergence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DivergenceKind {
    /// A rule of the specification was broken.
    Rule,
    /// What the profile expects was not met.
    Profile,
    /// Something that was owed never came.
    Silence,
    /// The DUT died.
    Death,
}

/// What a finding is. "Agrees" makes no finding: it is counted in [`Coverage`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FindingKind {
    /// Not allowed.
    Divergence(DivergenceKind),
    /// Allowed, against a recommendation.
    Warning,
    /// Legal by clause at any time, yet nothing a healthy DUT does: Internal Error, an unsolicited event.
    Anomaly,
    /// The judge could not decide (beyond its bounds, or tainted).
    Inconclusive,
    /// Something arrived that the model does not know.
    Gap,
}

/// One answer that was allowed, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// In the specification's notation: `Completion Queue Invalid (SCT 1h SC 00h)`.
    pub answer: String,
    /// Because: `I/O CQs = {1}, granted 4`.
    pub because: String,
}

/// One finding: everything a person needs at 3 a.m. Made on the failing path only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The requirement that was broken; none for gaps, deaths and inconclusive rulings.
    pub req: Option<Req>,
    /// Index of the record at which it was decided.
    pub record: u32,
    /// The step (action) of the sequence.
    pub step: u16,
    /// The controller.
    pub ctrl: u8,
    /// Where it showed: `admin CQE, CID 0041h`.
    pub place: String,
    /// What was observed, in the specification's notation.
    pub observed: String,
    /// What was allowed, and why. Several answers: any of them.
    pub allowed: Vec<Allowed>,
    /// The command it concerns.
    pub command: Option<Sqe>,
    /// The finding (index) that this one is probably only a consequence of.
    pub consequence_of: Option<u32>,
}

/// Counts, per requirement and in all. Two arrays per requirement: it was *exercised* if its rule was
/// evaluated on an observation where it could have been broken; *judged* if an observation was held
/// against it.
#[derive(PartialEq, Eq, Debug)]
pub struct Coverage {
    /// Per requirement (index of the handle): evaluated where it applies.
    pub exercised: Vec<u32>,
    /// Per requirement: an observation was decided by it.
    pub judged: Vec<u32>,
    /// Per requirement: divergences.
    pub diverged: Vec<u32>,
    /// Per named choice (in the order of [`CHOICES`](crate::CHOICES)): how often each reading was shown.
    pub choices: Vec<[u32; 2]>,
    /// Completions judged.
    pub completions: u64,
    /// Register reads judged.
    pub register_reads: u64,
    /// Data bytes judged.
    pub data_bytes: u64,
    /// Interrupts judged.
    pub interrupts: u64,
    /// Observations that could not be decided.
    pub inconclusive: u64,
    /// Observations that rested on tainted state.
    pub tainted: u64,
}

impl Clone for Coverage {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.clone_from(self);
        copy
    }

    /// Keeps the memory of the arrays: thousands of short runs each begin with a copy.
    fn clone_from(&mut self, from: &Self) {
        let Self {
            exercised,
            judged,
            diverged,
            choices,
            completions,
            register_reads,
            data_bytes,
            interrupts,
            inconclusive,
            tainted,
        } = from;
        self.exercised.clone_from(exercised);
        self.judged.clone_from(judged);
        self.diverged.clone_from(diverged);
        self.choices.clone_from(choices);
        self.completions = *completions;
        self.register_reads = *register_reads;
        self.data_bytes = *data_bytes;
        self.interrupts = *interrupts;
        self.inconclusive = *inconclusive;
        self.tainted = *tainted;
    }
}

impl Default for Coverage {
    fn default() -> Self {
        let n = spec::requirement::TABLE.len();
        Self {
            exercised: vec![0; n],
            judged: vec![0; n],
            diverged: vec![0; n],
            choices: vec![[0; 2]; crate::CHOICES.len()],
            completions: 0,
            register_reads: 0,
            data_bytes: 0,
            interrupts: 0,
            inconclusive: 0,
            tainted: 0,
        }
    }
}

/// The verdict of one test, before waivers (which the runner applies).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Everything claimed was held, everything judged agreed.
    Passed,
    /// As passed, but recommendations were not followed.
    Warned,
    /// At least one divergence.
    Diverged,
    /// Nothing wrong was seen, but what the test is for was not proved. Why, in words.
    Unproved(String),
    /// The harness failed. Why, in words.
    Error(String),
    /// The DUT lacks what the test needs. Which, in words.
    NotApplicable(String),
}
