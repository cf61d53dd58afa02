//! The report for machines, assembled from the events.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::Req;

use crate::{
    ChoiceTaken, Counts, DutFacts, Event, FORMAT, Observations, Problem, RunFinished, RunStarted,
    Seed, Story, TestFinished,
};

/// What was counted for one requirement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequirementCounts {
    /// The catalogue's ordinal: `QUE-CSQ-06`.
    pub id: String,
    /// The name in words: `create-io-sq.cqid-not-created`.
    pub name: String,
    /// How often its rule was evaluated on an observation that could have broken it.
    pub exercised: u64,
    /// How often an observation was decided by it.
    pub judged: u64,
    /// How often it was broken.
    pub diverged: u64,
}

impl RequirementCounts {
    /// Nothing counted yet for `req`.
    pub fn zero(req: Req) -> Self {
        let info = req.info();
        Self { id: info.id.into(), name: info.name.into(), exercised: 0, judged: 0, diverged: 0 }
    }
}

/// A whole run, as `--json` writes it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of the report.
    pub format: u32,
    /// Version of the program.
    pub version: String,
    /// The commit the program was built from.
    pub commit: String,
    /// Who was tested.
    pub dut: DutFacts,
    /// The seed that every random choice flowed from.
    pub seed: Seed,
    /// The profile's name.
    pub profile: String,
    /// The filter expression.
    pub filter: Option<String>,
    /// Whether warnings failed the run.
    pub strict: bool,
    /// When it began, RFC 3339; null in virtual time.
    pub started: Option<String>,
    /// How many tests were selected.
    pub selected: u32,
    /// How many tests got which verdict.
    pub counts: Counts,
    /// What was observed and judged in all.
    pub observations: Observations,
    /// Every test that finished, in the order of the selection.
    pub tests: Vec<TestFinished>,
    /// Every named requirement, with what was counted for it.
    pub requirements: Vec<RequirementCounts>,
    /// Every named choice, with the reading taken.
    pub choices: Vec<ChoiceTaken>,
    /// What is wrong beyond the tests.
    pub problems: Vec<Problem>,
    /// Whether the run was cut short: by Ctrl-C, or (of a stream read back) by anything.
    pub interrupted: bool,
    /// The exit code; null if the stream was cut short.
    pub exit: Option<u8>,
}

impl Report {
    /// The report of a run that has only begun.
    pub fn begin(started: &RunStarted) -> Self {
        let started = started.clone();
        Self {
            format: FORMAT,
            version: started.version,
            commit: started.commit,
            dut: started.dut,
            seed: started.seed,
            profile: started.profile.name,
            filter: started.filter,
            strict: started.strict,
            started: started.started,
            selected: started.selected,
            counts: Counts::default(),
            observations: Observations::default(),
            tests: Vec::new(),
            requirements: Req::all().map(RequirementCounts::zero).collect(),
            choices: started.profile.choices,
            problems: Vec::new(),
            interrupted: true,
            exit: None,
        }
    }

    /// What the findings of one of its tests are told from.
    pub fn story<'a>(&'a self, test: &'a TestFinished) -> Story<'a> {
        let Self { dut, seed, commit, profile, .. } = self;
        Story { dut, seed: *seed, commit, profile, test, again: None }
    }

    /// Takes in a test.
    pub fn add(&mut self, test: &TestFinished) {
        self.counts.add(test.verdict);
        self.observations.add(&test.observations);
        for count in &test.coverage {
            let Some(total) = self.requirements.iter_mut().find(|r| r.name == count.name) else {
                self.requirements.push(count.clone());
                continue;
            };
            total.exercised += count.exercised;
            total.judged += count.judged;
            total.diverged += count.diverged;
        }
        for shown in &test.choices {
            let Some(choice) = self.choices.iter_mut().find(|c| c.name == shown.choice) else {
                continue;
            };
            match choice.shown.iter_mut().find(|known| known.reading == shown.reading) {
                Some(known) => known.times += shown.times,
                None => choice.shown.push(shown.clone()),
            }
        }
        self.tests.push(test.clone());
    }

    /// Takes in the end.
    pub fn finish(&mut self, finished: &RunFinished) {
        self.interrupted = finished.interrupted;
        self.problems.clone_from(&finished.problems);
        self.exit = Some(finished.exit);
    }

    /// From a stream of events; `None` if the first is not the start of a run.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Self> {
        let mut events = events.into_iter();
        let Some(Event::RunStarted(started)) = events.next() else { return None };
        let mut report = Self::begin(started);
        for event in events {
            match event {
                Event::TestFinished(test) => report.add(test),
                Event::RunFinished(finished) => report.finish(finished),
                Event::RunStarted(_) | Event::TestStarted(_) => {}
            }
        }
        Some(report)
    }

    /// Writes it as JSON, for people to read too.
    pub fn write_json(&self, to: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *to, self)?;
        writeln!(to)
    }
}

/// The JSON schema of [`Report`], made from the types; committed as `reports/schema.json`.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Report);
    schema.insert("title".into(), "lockstep report".into());
    schema.to_value()
}
