//! The text form of a sequence: one action a line, readable, editable. See `docs/sequences.md`.
//!
//! [`Sequence::to_text`] and [`Sequence::from_text`] are inverse to each other over canonical
//! actions, which is what a [`crate::Lab`] keeps.

mod parse;
mod print;
mod words;

use crate::sequence::Sequence;

pub use words::TextError;

/// The first line of every sequence: the format and its version.
pub const HEADER: &str = "lockstep sequence 1";

impl Sequence {
    /// The text form.
    pub fn to_text(&self) -> String {
        print::sequence(self)
    }

    /// The sequence that a text describes.
    ///
    /// # Errors
    /// The first line that is no action, with the word at fault and what was expected.
    pub fn from_text(text: &str) -> Result<Self, TextError> {
        parse::sequence(text)
    }
}

/// Registers by the names that a sequence may use.
pub(crate) const REGISTERS: &[(&str, u32)] = {
    use spec::register as r;
    &[
        ("cap", r::CAP),
        ("vs", r::VS),
        ("intms", r::INTMS),
        ("intmc", r::INTMC),
        ("cc", r::CC),
        ("csts", r::CSTS),
        ("nssr", r::NSSR),
        ("aqa", r::AQA),
        ("asq", r::ASQ),
        ("acq", r::ACQ),
        ("crto", r::CRTO),
    ]
};

/// Resets by the names that a sequence may use.
pub(crate) const RESETS: &[(&str, log::ResetKind)] = &[
    ("controller", log::ResetKind::Controller),
    ("function-level", log::ResetKind::FunctionLevel),
    ("conventional", log::ResetKind::Conventional),
    ("subsystem", log::ResetKind::Subsystem),
    ("power-cycle", log::ResetKind::PowerCycle),
];

/// Permissions by the names that a sequence may use.
pub(crate) const PERMS: &[(&str, log::Perm)] = &[
    ("to-controller", log::Perm::ToController),
    ("from-controller", log::Perm::FromController),
    ("both", log::Perm::Both),
];

/// The name that `table` gives a value.
pub(crate) fn name_in<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, other)| other == value).map_or("?", |(name, _)| name)
}

#[cfg(test)]
mod tests;
