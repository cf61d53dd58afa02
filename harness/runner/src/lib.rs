//! Runs tests on a device under test, and says what came of it as run events.

pub mod filter;
pub mod profile;
pub mod schedule;
pub mod settle;
pub mod source;
pub mod waiver;
