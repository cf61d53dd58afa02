//! Run events: what a runner says while it runs, one JSON line each.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, Observations, RequirementCounts, Verdict};

/// Version of the events and of the report. Raised whenever a field changes its meaning or goes.
pub const FORMAT: u32 = 1;

/// One event of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first event.
    RunStarted(Box<RunStarted>),
    /// A test begins. Tests may overlap, and begin in any order.
    TestStarted(TestStarted),
    /// A test has its verdict. These come in the order of the selection.
    TestFinished(Box<TestFinished>),
    /// The last event. A stream without it was cut short.
    RunFinished(RunFinished),
}

/// A seed. JSON numbers lose bits above 2^53, so it is written as `0x000000005eed0041`.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub struct Seed(pub u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

impl From<Seed> for String {
    fn from(seed: Seed) -> String {
        seed.to_string()
    }
}

/// A text that is no seed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no seed; write a number up to 64 bits, such as 7 or 0x5eed0041")]
pub struct SeedError(String);

impl std::str::FromStr for Seed {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, SeedError> {
        let digits = text.replace('_', "");
        let number = match digits.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        number.map(Seed).map_err(|_| SeedError(text.into()))
    }
}

impl TryFrom<String> for Seed {
    type Error = SeedError;

    fn try_from(text: String) -> Result<Self, SeedError> {
        text.parse()
    }
}

/// Where the DUT's time comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Virtual: the same seed gives the same bytes.
    Virtual,
    /// The machine's clock.
    Wall,
}

/// Who the DUT is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DutFacts {
    /// Its kind: `emulator`, `qemu`.
    pub kind: String,
    /// The arguments of the program that open it: `--dut emulator --defect accept-any-cqid`.
    pub arguments: String,
    /// Its version, configuration and defect, in words.
    pub description: String,
    /// Where its time comes from.
    pub clock: Clock,
    /// The revision it was judged by, from VS or pinned by the profile: `2.3`. Empty if unknown.
    pub revision: String,
    /// How many controllers it has.
    pub controllers: u8,
    /// What its transport can do.
    #[serde(default)]
    pub capabilities: Vec<CapabilityFact>,
}

/// What a transport has of one capability.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CapabilityFact {
    /// Its name: `msix-table`.
    pub name: String,
    /// What there is of it: `yes`, `4`, `guarded`.
    pub value: String,
}

/// A named choice, and the reading taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChoiceTaken {
    /// Its name: `silence.quiet-window`.
    pub name: String,
    /// The question that the text leaves open.
    pub question: String,
    /// The readings.
    pub readings: Vec<String>,
    /// The reading that the judge takes: the one pinned, or `either` (no reading is accused).
    pub taken: String,
    /// Whether the profile pinned it.
    pub pinned: bool,
    /// The readings that the DUT showed, and how often.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<Shown>,
}

/// How often a DUT showed a reading of a named choice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// The choice: `prp.low-bits`.
    pub choice: String,
    /// The reading: `refused`.
    pub reading: String,
    /// How often.
    pub times: u64,
}

/// What the user expects of the DUT.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProfileFacts {
    /// The file, or `default`.
    pub name: String,
    /// Every named choice.
    pub choices: Vec<ChoiceTaken>,
}

/// The run begins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunStarted {
    /// Version of the events: [`FORMAT`].
    pub format: u32,
    /// Version of the program.
    pub version: String,
    /// The commit the program was built from, or `unknown`.
    pub commit: String,
    /// Who is tested.
    pub dut: DutFacts,
    /// The seed that every random choice flows from.
    pub seed: Seed,
    /// What the user expects.
    pub profile: ProfileFacts,
    /// The filter expression, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The waiver file, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waivers: Option<String>,
    /// Whether warnings fail the run.
    pub strict: bool,
    /// How many tests were selected.
    pub selected: u32,
    /// Where traces and the event stream go.
    pub out: String,
    /// When it began, RFC 3339; only with [`Clock::Wall`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// The machine; only with [`Clock::Wall`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A test begins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TestStarted {
    /// The test.
    pub id: String,
    /// Its place in the selection, from 0.
    pub number: u32,
}

/// A test has its verdict.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TestFinished {
    /// The test: `base/admin/create_io_sq/refuses_to_…`.
    pub id: String,
    /// Its place in the selection, from 0.
    pub number: u32,
    /// The requirements that it claims to test.
    pub requirements: Vec<String>,
    /// The verdict, after waivers.
    pub verdict: Verdict,
    /// Why, in words; empty for a test that passed.
    pub reason: String,
    /// For a test that is n/a because of the transport, the name of the capability that it lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<String>,
    /// What the judge found, in order.
    pub findings: Vec<Finding>,
    /// What was observed and judged.
    pub observations: Observations,
    /// What was counted for each requirement; those with nothing to count are left out.
    pub coverage: Vec<RequirementCounts>,
    /// The readings of named choices that the DUT showed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Shown>,
    /// The trace, if it was kept: a path relative to the working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// How long it took, in microseconds; only with [`Clock::Wall`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
}

/// What is wrong with a run beyond its tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The tests that a waiver names ran in full, and it matched nothing.
    WaiverMatchedNothing,
    /// Too large a share of the observations was inconclusive or tainted.
    CeilingPassed,
    /// The harness failed outside of a test.
    Harness,
}

/// Something wrong with a run beyond its tests.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What it is.
    pub kind: ProblemKind,
    /// In words.
    pub text: String,
}

/// The run is over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunFinished {
    /// Whether it was interrupted: then some selected tests have no verdict.
    pub interrupted: bool,
    /// What is wrong beyond the tests.
    pub problems: Vec<Problem>,
    /// The exit code.
    pub exit: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_keeps_all_its_bits_in_json() {
        let seed = Seed(u64::MAX - 1);
        let json = serde_json::to_string(&seed).unwrap();
        assert_eq!(json, "\"0xfffffffffffffffe\"");
        assert_eq!(serde_json::from_str::<Seed>(&json).unwrap(), seed);
        assert_eq!("0x5eed_0041".parse(), Ok(Seed(0x5eed_0041)));
        assert_eq!("7".parse(), Ok(Seed(7)));
        assert!("0x1_0000_0000_0000_0000".parse::<Seed>().is_err());
        assert!("".parse::<Seed>().is_err());
    }
}
