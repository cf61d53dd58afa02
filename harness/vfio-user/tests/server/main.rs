//! The server: hostile clients, their memory, and an independent client.

mod common;
mod hostile;
mod memory;
mod msi;
mod peer;
