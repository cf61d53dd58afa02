//! The client: hostile servers, and an independent server.

mod fake;
mod hostile;
mod peer;
