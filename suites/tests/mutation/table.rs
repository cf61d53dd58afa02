//! What became of the mutants, per field, and the ratchet that holds it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::mutants::Label;

/// What became of one mutant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The judge found something more, or the verdict is no success any more.
    Flagged,
    /// Not flagged, and excused by this entry.
    Excused(usize),
    /// Not flagged, and no rule reads the field.
    Unjudged,
    /// Not flagged, and it should have been.
    Survived,
}

/// The mutants of one field.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    /// Flagged.
    pub flagged: u32,
    /// Excused.
    pub excused: u32,
    /// In bytes that no rule reads.
    pub unjudged: u32,
    /// Missed.
    pub survived: u32,
}

impl Counts {
    /// Counts one mutant.
    pub fn add(&mut self, fate: Fate) {
        match fate {
            Fate::Flagged => self.flagged += 1,
            Fate::Excused(_) => self.excused += 1,
            Fate::Unjudged => self.unjudged += 1,
            Fate::Survived => self.survived += 1,
        }
    }

    /// All mutants.
    pub fn mutants(&self) -> u32 {
        self.flagged + self.excused + self.unjudged + self.survived
    }

    /// Share of flagged mutants among those that a rule reads, in whole percent.
    pub fn killed(&self) -> u32 {
        let read = self.mutants() - self.unjudged;
        (100 * self.flagged).checked_div(read).unwrap_or(0)
    }
}

/// Counts per kind of record and field.
pub type Table = BTreeMap<(&'static str, String), Counts>;

/// Adds one mutant to the table.
pub fn count(table: &mut Table, label: Label, fate: Fate) {
    table.entry((label.record, label.path())).or_default().add(fate);
}

/// The table as text.
pub fn print(table: &Table) -> String {
    let mut text = format!(
        "{:<14} {:<40} {:>7} {:>7} {:>7} {:>8} {:>8} {:>6}\n",
        "record", "field", "mutants", "flagged", "excused", "unjudged", "survived", "killed"
    );
    let mut sum = Counts::default();
    for ((record, field), counts) in table {
        line(&mut text, record, field, counts);
        sum.flagged += counts.flagged;
        sum.excused += counts.excused;
        sum.unjudged += counts.unjudged;
        sum.survived += counts.survived;
    }
    line(&mut text, "all", "", &sum);
    text
}

fn line(text: &mut String, record: &str, field: &str, counts: &Counts) {
    let Counts { flagged, excused, unjudged, survived } = counts;
    let (mutants, killed) = (counts.mutants(), counts.killed());
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{record:<14} {field:<40} {mutants:>7} {flagged:>7} {excused:>7} {unjudged:>8} \
         {survived:>8} {killed:>5}%",
    );
}

/// The least share of flagged mutants, in percent, by kind of record and field.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratchet(BTreeMap<String, BTreeMap<String, u32>>);

/// Percent points that a blessed ratchet leaves below what was reached: the sample moves a little with
/// every test that is added.
const SLACK: u32 = 10;

impl Ratchet {
    /// Reads the committed one.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// What `table` would be held to.
    pub fn of(table: &Table) -> Self {
        let mut ratchet = Self::default();
        for ((record, field), counts) in table {
            let floor = match counts.killed() {
                100 => 95,
                killed => killed.saturating_sub(SLACK) / 5 * 5,
            };
            if counts.unjudged < counts.mutants() {
                ratchet.0.entry((*record).to_string()).or_default().insert(field.clone(), floor);
            }
        }
        ratchet
    }

    /// As text.
    pub fn print(&self) -> String {
        toml::to_string(self).expect("numbers by names are valid TOML")
    }

    /// What of `table` has fallen below, and what is missing on either side.
    pub fn check(&self, table: &Table) -> Vec<String> {
        let mut wrong = Vec::new();
        for (record, fields) in &self.0 {
            for (field, floor) in fields {
                let counts = table.iter().find(|((r, f), _)| r == record && f == field);
                match counts.map(|(_, counts)| counts.killed()) {
                    None => wrong.push(format!("{record} / {field}: no mutants any more")),
                    Some(killed) if killed < *floor => wrong.push(format!(
                        "{record} / {field}: {killed} % are flagged, and the ratchet holds {floor} %"
                    )),
                    Some(_) => {}
                }
            }
        }
        for ((record, field), counts) in table {
            let held = self.0.get(*record).is_some_and(|fields| fields.contains_key(field));
            if !held && counts.unjudged < counts.mutants() {
                wrong.push(format!("{record} / {field}: not in the ratchet"));
            }
        }
        wrong
    }
}
