//! Findings as reports hold them: everything already in words.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a finding is. "Agrees" makes no finding: it is counted.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// Not allowed.
    Divergence,
    /// Allowed, against a recommendation.
    Warning,
    /// Legal by clause at any time, yet nothing that a healthy controller does.
    Anomaly,
    /// The judge could not decide.
    Inconclusive,
    /// Something arrived that the model does not know.
    Gap,
}

impl FindingKind {
    /// The word that opens the story.
    pub const fn word(self) -> &'static str {
        match self {
            FindingKind::Divergence => "DIVERGED",
            FindingKind::Warning => "WARNING",
            FindingKind::Anomaly => "ANOMALY",
            FindingKind::Inconclusive => "INCONCLUSIVE",
            FindingKind::Gap => "GAP",
        }
    }
}

/// What kind of divergence.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
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

/// One answer that was allowed, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Allowed {
    /// In the specification's notation: `Completion Queue Invalid (SCT 1h SC 00h)`.
    pub answer: String,
    /// Because: `I/O CQs = {1}, granted 4`. Empty if there is nothing to add.
    pub because: String,
}

/// A command, decoded and raw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// Decoded: `create-io-sq qid=1 cqid=2 entries=64`.
    pub decoded: String,
    /// The 64 bytes of the SQE as sixteen hexadecimal dwords, dword 0 first.
    pub sqe: String,
}

/// Observations that were judged and agreed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Observations {
    /// Completions.
    pub completions: u64,
    /// Register reads.
    pub register_reads: u64,
    /// Data bytes.
    pub data_bytes: u64,
    /// Interrupts.
    pub interrupts: u64,
    /// Observations that could not be decided.
    pub inconclusive: u64,
    /// Observations that rested on tainted state.
    pub tainted: u64,
}

impl Observations {
    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Observations) {
        self.completions += other.completions;
        self.register_reads += other.register_reads;
        self.data_bytes += other.data_bytes;
        self.interrupts += other.interrupts;
        self.inconclusive += other.inconclusive;
        self.tainted += other.tainted;
    }

    /// How many observations there were, a run of data bytes that one look saw counted by its
    /// completion.
    pub fn total(&self) -> u64 {
        self.completions + self.register_reads + self.interrupts
    }
}

impl fmt::Display for Observations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Observations { completions, register_reads, data_bytes, interrupts, .. } = self;
        write!(
            f,
            "{} · {} · {}",
            Counted(*completions, "completion"),
            Counted(*register_reads, "register read"),
            Counted(*data_bytes, "data byte"),
        )?;
        match interrupts {
            0 => Ok(()),
            n => write!(f, " · {}", Counted(*n, "interrupt")),
        }
    }
}

/// A number and its noun: `1 test`, `2 tests`.
pub struct Counted(pub u64, pub &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

/// Where in the run of a test a finding was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The step (action) of the sequence, from 1.
    pub step: u32,
    /// How many steps the sequence has.
    pub steps: u32,
    /// The controller: index in the DUT's list of functions.
    pub ctrl: u8,
    /// Index of the record in the trace at which it was decided.
    pub record: u32,
    /// Where it showed: `admin CQE, CID 0041h`.
    pub at: String,
}

/// One finding: everything that a person needs at 3 a.m.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// For a divergence, what kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence: Option<DivergenceKind>,
    /// The requirement that was broken; none for gaps, deaths and inconclusive rulings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// The clause of the requirement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// How strongly the DUT is held to it, at the DUT's revision: `shall`, `should`, `may`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Where in the run of the test.
    pub place: Place,
    /// What was observed, in the specification's notation.
    pub observed: String,
    /// What was allowed, and why. Several answers: any of them.
    pub allowed: Vec<Allowed>,
    /// The command that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// What had agreed before it.
    pub agreed: Observations,
    /// The finding of the same test (index) that this one is probably only a consequence of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequence_of: Option<u32>,
    /// The waiver that covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived_by: Option<String>,
    /// Lines of the DUT's own trace around it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dut_lines: Vec<String>,
}
