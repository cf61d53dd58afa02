//! The server: hostile clients, and an independent client.

mod common;
mod hostile;
mod peer;
