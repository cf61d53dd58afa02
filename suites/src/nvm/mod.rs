//! NVM Command Set Specification.

pub mod data;
pub mod flush;
pub mod read;
pub mod write;
