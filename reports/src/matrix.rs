//! The kill matrix: which planted defects the tests notice, and by what.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::story::style_of;
use crate::{Counted, FORMAT, Seed, Verdict};

/// What became of every defect.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct KillMatrix {
    /// Version of the matrix: [`FORMAT`].
    pub format: u32,
    /// The commit the program was built from.
    pub commit: String,
    /// The seed of all runs.
    pub seed: Seed,
    /// One row a defect, by name.
    pub defects: Vec<DefectRow>,
}

/// What became of one defect.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DefectRow {
    /// Its name.
    pub name: String,
    /// The real bug that it is modelled on.
    pub story: String,
    /// The requirements that it breaks, as its file declares.
    pub breaks: Vec<String>,
    /// How many tests the unmodified emulator passed; only these can kill.
    pub tests: u32,
    /// Tests that the unmodified emulator did not pass, and that are not n/a.
    pub unfit: Vec<String>,
    /// The declared requirements of which findings accuse it in the first test where one does: divergences, and
    /// warnings about a "should".
    pub kills: Vec<Kill>,
    /// Requirements beyond the declared ones of which findings accuse it.
    pub also: Vec<String>,
}

/// A finding that kills.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Kill {
    /// The test.
    pub test: String,
    /// The requirement.
    pub requirement: String,
}

impl DefectRow {
    /// Whether it was noticed for what it is.
    pub fn killed(&self) -> bool {
        !self.kills.is_empty()
    }
}

impl KillMatrix {
    /// A matrix without rows.
    pub fn new(commit: &str, seed: Seed) -> Self {
        Self { format: FORMAT, commit: commit.into(), seed, defects: Vec::new() }
    }

    /// How many defects survived.
    pub fn survivors(&self) -> usize {
        self.defects.iter().filter(|row| !row.killed()).count()
    }

    /// Writes it as JSON.
    pub fn write_json(&self, to: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *to, self)?;
        writeln!(to)
    }

    /// Writes the last lines for a terminal.
    pub fn write_summary(&self, to: &mut dyn Write) -> io::Result<()> {
        let all = self.defects.len();
        let killed = all - self.survivors();
        let style = style_of(if killed == all { Verdict::Passed } else { Verdict::Diverged });
        writeln!(to, "{style}{killed} of {} killed{style:#}", Counted(all as u64, "defect"))?;
        let mut unfit: Vec<&String> = self.defects.iter().flat_map(|row| &row.unfit).collect();
        unfit.sort();
        unfit.dedup();
        if !unfit.is_empty() {
            let count = Counted(unfit.len() as u64, "test");
            writeln!(to, "{count} not passed by an unmodified emulator, so unable to kill:")?;
            unfit.iter().try_for_each(|id| writeln!(to, "  {id}"))?;
        }
        Ok(())
    }
}

impl DefectRow {
    /// Writes its line for a terminal.
    pub fn write_line(&self, to: &mut dyn Write) -> io::Result<()> {
        let (word, verdict) = match self.killed() {
            true => ("KILLED", Verdict::Passed),
            false => ("SURVIVED", Verdict::Diverged),
        };
        let style = style_of(verdict);
        write!(to, "{style}{word:<9}{style:#} {:<40} ", self.name)?;
        match self.kills.as_slice() {
            [first, ..] => {
                let named: Vec<&str> = self.kills.iter().map(|k| k.requirement.as_str()).collect();
                writeln!(to, "{} in {}", named.join(", "), first.test)
            }
            [] => {
                writeln!(to, "none of {} diverged", self.breaks.join(", "))?;
                writeln!(to, "  it is     {}", self.story)?;
                let also = match self.also.as_slice() {
                    [] => "nothing at all".to_string(),
                    also => also.join(", "),
                };
                writeln!(to, "  diverged  {also}, in {}", Counted(self.tests.into(), "test"))
            }
        }
    }
}
