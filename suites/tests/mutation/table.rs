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

    /// Share of flagged mutants among those that should be, in whole percent: what an excuse covers is
    /// legal, and what no rule reads is counted apart. Nothing, where no mutant should be flagged.
    pub fn killed(&self) -> Option<u32> {
        (100 * self.flagged).checked_div(self.flagged + self.survived)
    }

    /// Share of excused mutants among those that a rule reads, in whole percent, rounded up.
    pub fn excused(&self) -> u32 {
        let read = self.mutants() - self.unjudged;
        if read == 0 { 0 } else { (100 * self.excused).div_ceil(read) }
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
    let mutants = counts.mutants();
    let killed = counts.killed().map_or("-".to_string(), |share| format!("{share}%"));
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{record:<14} {field:<40} {mutants:>7} {flagged:>7} {excused:>7} {unjudged:>8} \
         {survived:>8} {killed:>6}",
    );
}

/// Percent by kind of record and field.
type Shares = BTreeMap<String, BTreeMap<String, u32>>;

/// What the fields are held to.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratchet {
    /// The least share of flagged mutants ([`Counts::killed`]).
    killed: Shares,
    /// The largest share of excused mutants ([`Counts::excused`]), where any is.
    excused: Shares,
}

/// Percent points that a blessed ratchet leaves around what was reached: the sample moves a little with
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
            if let Some(killed) = counts.killed() {
                let floor = match killed {
                    100 => 100,
                    killed => killed.saturating_sub(SLACK) / 5 * 5,
                };
                ratchet.killed.entry((*record).into()).or_default().insert(field.clone(), floor);
            }
            if counts.excused > 0 {
                let ceiling = ((counts.excused() + SLACK).div_ceil(5) * 5).min(100);
                ratchet.excused.entry((*record).into()).or_default().insert(field.clone(), ceiling);
            }
        }
        ratchet
    }

    /// As text.
    pub fn print(&self) -> String {
        toml::to_string(self).expect("numbers by names are valid TOML")
    }

    /// What of `table` has fallen below a floor or risen above a ceiling, and what is missing on either
    /// side.
    pub fn check(&self, table: &Table) -> Vec<String> {
        let mut wrong = Vec::new();
        for (record, field, floor) in each(&self.killed) {
            match counts(table, record, field).and_then(Counts::killed) {
                None => wrong.push(format!("{record} / {field}: nothing to flag any more")),
                Some(killed) if killed < floor => wrong.push(format!(
                    "{record} / {field}: {killed} % are flagged, and the ratchet holds {floor} %"
                )),
                Some(_) => {}
            }
        }
        for (record, field, ceiling) in each(&self.excused) {
            match counts(table, record, field).map_or(0, Counts::excused) {
                0 => wrong.push(format!("{record} / {field}: nothing is excused any more")),
                share if share > ceiling => wrong.push(format!(
                    "{record} / {field}: {share} % are excused, and the ratchet allows {ceiling} %"
                )),
                _ => {}
            }
        }
        let held = |shares: &Shares, record: &str, field: &str| {
            shares.get(record).is_some_and(|fields| fields.contains_key(field))
        };
        for ((record, field), counts) in table {
            if counts.killed().is_some() && !held(&self.killed, record, field) {
                wrong.push(format!("{record} / {field}: no floor in the ratchet"));
            }
            if counts.excused > 0 && !held(&self.excused, record, field) {
                wrong.push(format!("{record} / {field}: excused, and not so in the ratchet"));
            }
        }
        wrong
    }
}

fn each(shares: &Shares) -> impl Iterator<Item = (&str, &str, u32)> {
    shares.iter().flat_map(|(record, fields)| {
        fields.iter().map(move |(field, share)| (record.as_str(), field.as_str(), *share))
    })
}

fn counts<'t>(table: &'t Table, record: &str, field: &str) -> Option<&'t Counts> {
    table.iter().find(|((r, f), _)| *r == record && f == field).map(|(_, counts)| counts)
}
