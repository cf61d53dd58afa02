//! The judge: for each behaviour a conforming log passes, and the same log with one wrong
//! observation is flagged by the right requirement.

extern crate lockstep_model as model;

mod answers;
mod behaviours;
mod brute_force;
mod choices;
mod events;
mod health;
mod honesty;
mod lost;
mod memory;
mod mixed_law;
mod prps;
mod registers;
mod reused;
mod script;
mod unexplained;
