//! vfio-user both ways: a client that is a device under test, and a server that exports a device.
//!
//! - [`message`]: the codec, one for both ends, total on any bytes.
//! - [`channel`]: whole messages with their file descriptors over a Unix socket; nothing blocks
//!   without a deadline, nothing grows without a bound.
//! - [`client`]: [`VfioUser`], controllers behind vfio-user servers as a device under test.
//! - [`server`]: a device of the caller's ([`server::Device`]) behind sockets, each a PCI function.
//!
//! Neither end trusts the other. What this crate does not do: migration, dirty pages, ioeventfds,
//! a second socket for the server's commands.

pub mod channel;
pub mod client;
pub mod message;
pub mod server;

pub use client::{Dma, OpenError, Options, Ring, VfioUser};
