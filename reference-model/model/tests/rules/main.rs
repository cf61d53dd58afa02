//! The rules, without the judge: every check fails alone where it should, and passes next to it.

extern crate lockstep_model as model;

mod again;
mod cases;
mod claims;
mod effects;
mod laws;
mod structures;
mod world;
