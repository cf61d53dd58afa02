//! Runs tests on a device under test, and says what came of it as run events.
//!
//! - A [`lane`] opens the DUT, a fresh one for each test, so that order never matters.
//! - [`run`] performs a [`run::Plan`] on a lane: tests side by side, delivered in order
//!   ([`schedule`]), the judge's findings put into words and held against the waivers ([`settle`],
//!   [`waiver`]), events to a sink, traces to a folder.
//! - A real controller gets what its owner has consented to, and no more ([`consent`]).
//! - [`sabotage`] asks whether the tests notice planted defects, [`panel`] whether they raise false
//!   alarms, [`shrink`] cuts a sequence down to what diverges.
//! - What users write (filters, profiles, waivers) is read here, with errors that point at the
//!   character ([`source`]).
//!
//! Nothing is judged here: findings and verdicts are the judge's, but for waivers, which only the
//! runner knows.

pub mod consent;
pub mod facts;
pub mod filter;
pub mod lane;
pub mod listen;
pub mod panel;
pub mod profile;
pub mod rates;
pub mod run;
pub mod sabotage;
pub mod schedule;
pub mod settle;
pub mod shrink;
pub mod source;
pub mod told;
pub mod waiver;
