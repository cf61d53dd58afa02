//! Verdicts of tests, their counts, and the exit code that follows from them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Problem, ProblemKind};

/// The verdict of one test, after waivers. The reason stands beside it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything claimed was held, and everything judged agreed.
    Passed,
    /// As passed, but a recommendation was not followed.
    Warned,
    /// At least one divergence that no waiver covers.
    Diverged,
    /// Nothing wrong was seen, but what the test is for was not proved.
    Unproved,
    /// The harness failed.
    Error,
    /// Each of its divergences is covered by a waiver.
    Waived,
    /// The DUT lacks what the test needs.
    NotApplicable,
}

impl Verdict {
    /// Every verdict, in the order of summaries.
    pub const ALL: [Verdict; 7] = [
        Verdict::Passed,
        Verdict::Warned,
        Verdict::Diverged,
        Verdict::Unproved,
        Verdict::Error,
        Verdict::Waived,
        Verdict::NotApplicable,
    ];

    /// The word for it in a summary: `3 diverged`.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Warned => "warned",
            Verdict::Diverged => "diverged",
            Verdict::Unproved => "unproved",
            Verdict::Error => "error",
            Verdict::Waived => "waived",
            Verdict::NotApplicable => "n/a",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How many tests got which verdict.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Tests that finished.
    pub tests: u32,
    /// See [`Verdict::Passed`].
    pub passed: u32,
    /// See [`Verdict::Warned`].
    pub warned: u32,
    /// See [`Verdict::Diverged`].
    pub diverged: u32,
    /// See [`Verdict::Unproved`].
    pub unproved: u32,
    /// See [`Verdict::Error`].
    pub error: u32,
    /// See [`Verdict::Waived`].
    pub waived: u32,
    /// See [`Verdict::NotApplicable`].
    pub not_applicable: u32,
}

impl Counts {
    /// Counts one more test.
    pub fn add(&mut self, verdict: Verdict) {
        self.tests += 1;
        *self.of_mut(verdict) += 1;
    }

    /// How many tests got this verdict.
    pub fn of(mut self, verdict: Verdict) -> u32 {
        *self.of_mut(verdict)
    }

    fn of_mut(&mut self, verdict: Verdict) -> &mut u32 {
        match verdict {
            Verdict::Passed => &mut self.passed,
            Verdict::Warned => &mut self.warned,
            Verdict::Diverged => &mut self.diverged,
            Verdict::Unproved => &mut self.unproved,
            Verdict::Error => &mut self.error,
            Verdict::Waived => &mut self.waived,
            Verdict::NotApplicable => &mut self.not_applicable,
        }
    }
}

/// Why the program ended, as its exit code says it. One place, so that `--help`,
/// `docs/exit-codes.md` and the program cannot differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// 0.
    Passed,
    /// 1.
    Diverged,
    /// 2.
    Usage,
    /// 3.
    Unproved,
    /// 4.
    Harness,
    /// 5.
    NothingRan,
    /// 130.
    Interrupted,
}

impl Exit {
    /// Every exit, in the order of the codes.
    pub const ALL: [Exit; 7] = [
        Exit::Passed,
        Exit::Diverged,
        Exit::Usage,
        Exit::Unproved,
        Exit::Harness,
        Exit::NothingRan,
        Exit::Interrupted,
    ];

    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Passed => 0,
            Exit::Diverged => 1,
            Exit::Usage => 2,
            Exit::Unproved => 3,
            Exit::Harness => 4,
            Exit::NothingRan => 5,
            Exit::Interrupted => 130,
        }
    }

    /// What the code means, in one line.
    pub const fn meaning(self) -> &'static str {
        match self {
            Exit::Passed => "at least one test passed or warned, the others were waived or n/a",
            Exit::Diverged => "the DUT diverged (or warned, under --strict), or a defect survived",
            Exit::Usage => "bad usage: arguments, filter, profile, waivers, sequence or trace file",
            Exit::Unproved => {
                "unproved: a test proved nothing, a ceiling was passed, or a waiver matched nothing"
            }
            Exit::Harness => "the harness failed: no DUT, a write that failed, an error of ours",
            Exit::NothingRan => "nothing ran: no test was selected, or all were waived or n/a",
            Exit::Interrupted => "interrupted by Ctrl-C; finished results are kept",
        }
    }

    /// The exit of a run: the first that applies of 130, 1, 4, 3, 5, else 0.
    pub fn of_run(counts: &Counts, problems: &[Problem], strict: bool, interrupted: bool) -> Exit {
        let problem = |kinds: &[ProblemKind]| problems.iter().any(|p| kinds.contains(&p.kind));
        if interrupted {
            Exit::Interrupted
        } else if counts.diverged > 0 || strict && counts.warned > 0 {
            Exit::Diverged
        } else if counts.error > 0 || problem(&[ProblemKind::Harness]) {
            Exit::Harness
        } else if counts.unproved > 0
            || problem(&[ProblemKind::WaiverMatchedNothing, ProblemKind::CeilingPassed])
        {
            Exit::Unproved
        } else if counts.passed + counts.warned == 0 {
            Exit::NothingRan
        } else {
            Exit::Passed
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}: {}", self.code(), self.meaning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(verdicts: &[Verdict]) -> Counts {
        let mut counts = Counts::default();
        verdicts.iter().for_each(|v| counts.add(*v));
        counts
    }

    fn problem(kind: ProblemKind) -> Problem {
        Problem { kind, text: String::new() }
    }

    #[test]
    fn the_first_that_applies_wins() {
        use Verdict::*;
        let all = counts(&Verdict::ALL);
        let stale = [problem(ProblemKind::WaiverMatchedNothing)];
        let table: [(Counts, &[Problem], bool, bool, Exit); 12] = [
            (all, &[], false, true, Exit::Interrupted),
            (all, &[], false, false, Exit::Diverged),
            (counts(&[Passed, Warned]), &[], true, false, Exit::Diverged),
            (counts(&[Passed, Error, Unproved]), &[], false, false, Exit::Harness),
            (counts(&[Passed, Unproved]), &[], false, false, Exit::Unproved),
            (counts(&[Passed]), &stale, false, false, Exit::Unproved),
            (
                counts(&[Passed]),
                &[problem(ProblemKind::CeilingPassed)],
                false,
                false,
                Exit::Unproved,
            ),
            (counts(&[Passed]), &[problem(ProblemKind::Harness)], false, false, Exit::Harness),
            (counts(&[Waived, NotApplicable]), &[], false, false, Exit::NothingRan),
            (counts(&[]), &[], false, false, Exit::NothingRan),
            (counts(&[Passed, Waived, NotApplicable]), &[], true, false, Exit::Passed),
            (counts(&[Warned]), &[], false, false, Exit::Passed),
        ];
        for (counts, problems, strict, interrupted, exit) in table {
            assert_eq!(Exit::of_run(&counts, problems, strict, interrupted), exit, "{counts:?}");
        }
    }
}
