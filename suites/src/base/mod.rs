//! NVM Express Base Specification.

pub mod admin;
pub mod completions;
pub mod controllers;
pub mod doorbells;
pub mod given;
pub mod held;
pub mod interrupts;
pub mod opcodes;
pub mod power;
pub mod prp;
pub mod queues;
pub mod ready;
pub mod registers;
pub mod reset;
pub mod shutdown;
