//! The excuses: mutants that no judge can flag, because what they show is legal.
//!
//! `ci/excuses.toml` names record, field, mutation and reason; the condition under which the excuse
//! holds is one of the predicates here. A predicate looks at the trace alone, never at the judge.

use serde::Deserialize;

use crate::bases::Base;
use crate::mutants::Label;
use crate::predicates;

/// A mutant that was not flagged.
pub struct Case<'a> {
    /// The trace before the change.
    pub base: &'a Base,
    /// The record that was changed.
    pub at: usize,
    /// The trace after it.
    pub mutated: &'a log::Log,
}

/// One excuse.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excuse {
    /// The kind of record.
    pub record: String,
    /// The field, with what holds it.
    pub field: String,
    /// The mutation.
    pub mutation: String,
    /// The name of a predicate; the excuse holds where it does.
    pub only_if: String,
    /// Why what the mutant shows is legal, and by which clause.
    pub reason: String,
}

/// `ci/excuses.toml`.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excuses {
    /// What is legal. There is no list of what is not and goes unseen: a mutant that no entry excuses
    /// and no finding flags fails the run.
    #[serde(default)]
    pub excuse: Vec<Excuse>,
}

/// Whether a field's path fits a pattern: itself, or `x.*`.
fn matches(pattern: &str, path: &str) -> bool {
    pattern == path
        || pattern
            .strip_suffix('*')
            .is_some_and(|within| within.ends_with('.') && path.starts_with(within))
}

/// Reads the table. Every mistake in it is told at once.
pub fn parse(text: &str) -> Result<Excuses, String> {
    let file: Excuses = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut wrong = Vec::new();
    for excuse in &file.excuse {
        let place = format!("{} / {} / {}", excuse.record, excuse.field, excuse.mutation);
        if predicates::find(&excuse.only_if).is_none() {
            wrong.push(format!("{place}: no predicate is called {:?}", excuse.only_if));
        }
        if excuse.reason.len() < 20 {
            wrong.push(format!("{place}: a reason is a sentence"));
        }
    }
    if wrong.is_empty() { Ok(file) } else { Err(wrong.join("\n")) }
}

/// The first excuse that covers the case.
pub fn find(excuses: &[Excuse], label: Label, case: &Case<'_>) -> Option<usize> {
    let path = label.path();
    excuses.iter().position(|excuse| {
        excuse.record == label.record
            && matches(&excuse.field, &path)
            && excuse.mutation == label.mutation
            && predicates::find(&excuse.only_if).is_some_and(|holds| holds(case))
    })
}
