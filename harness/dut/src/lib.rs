//! What every device under test looks like to the harness: the [`Dut`] trait, its
//! [`Capabilities`], and the [`Arena`], the host memory that a controller may access.
//!
//! The trait is object-safe and used from one thread. Every call names the controller (function) it
//! means, so that one DUT may be a subsystem of several. Death, refusal and all-ones are
//! observations: they come back as values, are logged and judged. Only our own failures are errors.

mod arena;
mod capability;
mod device;
mod tap;
mod who;

pub use arena::Arena;
pub use capability::Capability;
pub use device::{
    Capabilities, Clock, Ctrl, DmaVisibility, Doorbell, Dut, Event, Fault, Identity, IrqPrecision,
    Progress, ResetOutcome, Width,
};
pub use tap::{Access, HostMemory, Tap};
pub use who::{Who, WhoError, who_is};
