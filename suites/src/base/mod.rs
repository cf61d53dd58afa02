//! NVM Express Base Specification.

pub mod admin;
