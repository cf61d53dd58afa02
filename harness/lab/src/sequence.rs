//! A sequence: what a host did, as actions, and where it started from.

use crate::action::Action;

/// Where a sequence starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Start {
    /// Controller 0 was reset, enabled and identified by the lab's bring-up.
    #[default]
    Enabled,
    /// Every controller was reset by the widest means of the transport, and nothing else.
    Reset,
}

/// What a host did, in order. See `docs/sequences.md` for its text form.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sequence {
    /// Where it starts from.
    pub start: Start,
    /// The seed of the test or generator that made it; 0 if it was written by hand.
    pub seed: u64,
    /// The steps; the first is step 1.
    pub actions: Vec<Action>,
}
