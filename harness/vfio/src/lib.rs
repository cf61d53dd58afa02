//! The DUT `vfio`: a PCI Express controller of this machine, driven by this process alone, through
//! the kernel's vfio.

mod bdf;
mod binding;
mod config;
mod device;
mod error;
mod guardian;
mod hardware;
mod in_use;
mod interface;
mod kernel;
mod kmsg;
mod raw;
mod session;
mod space;
mod tree;

pub use bdf::Bdf;
pub use binding::{Bound, DRIVER, Entry, Journal, examine, give_back, take};
pub use device::{PowerState, Vfio};
pub use error::OpenError;
pub use guardian::{COMMAND as GUARD, Taken, guard};
pub use hardware::IrqKind;
pub use in_use::users;
pub use interface::Interface;
pub use session::{Loan, Session};
pub use tree::{Controller, Tree};
