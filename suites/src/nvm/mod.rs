//! NVM Command Set Specification.
