//! The conformance suites: tests derived from the specifications, by document, chapter and command.
//!
//! A test drives and *claims*; only the model convicts. The folder listing reads as a table of
//! contents, and a command's tests stand under the same name as its wire format
//! (`spec/src/command`), its rule (`model/src/rules`) and its emulation.
//!
//! A test starts from a good command and changes one thing, is named after what the controller
//! does, and never depends on another test. What it needs of a DUT it says with `lab.needs`.

pub mod base;
pub mod nvm;
