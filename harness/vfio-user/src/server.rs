//! The server: a device of the caller's, each of its controllers a PCI function behind a socket.
//!
//! One thread does everything: it takes messages, watches the doorbells that clients have mapped,
//! lets the device work, and sleeps when there is nothing to do. A client is never waited for
//! without a deadline, and what it sends is believed nothing: see `memory` for what it can do with
//! the file descriptors it hands over.
//!
//! When a client leaves, its function is reset, as by a link that goes down: the memory that its
//! queues lay in is gone with it. Namespaces stay. The next client is served then.

mod doorbells;
mod handle;
mod idle;
mod irqs;
mod link;
mod memory;
mod pci;
mod port;
mod run;

pub use pci::PciId;
pub use port::{Function, Messages};
pub use run::{Doorbells, Options, SPIN, ServeError, Server, Stopper, TURN};

/// Host memory refused an access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DmaFault;

/// What a device did in a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Something: there may be more to do.
    Worked,
    /// Nothing: there is something to do at this time, on [`Host::now`]'s clock.
    Until(u64),
    /// Nothing, until the host does something.
    Idle,
}

/// The clients, as the device sees them. `ctrl` is the controller that makes the access.
pub trait Host {
    /// Nanoseconds since the server began.
    fn now(&self) -> u64;
    /// Whether the function may access memory and send messages (Bus Master Enable).
    fn masters(&self, ctrl: usize) -> bool;
    /// Whether an access would be let through.
    fn allows(&self, ctrl: usize, at: u64, len: usize, write: bool) -> bool;
    /// Copies host memory. Nothing is copied on a fault.
    fn read(&mut self, ctrl: usize, at: u64, to: &mut [u8]) -> Result<(), DmaFault>;
    /// Copies into host memory. After a fault a part may have been copied if the client took its
    /// memory away meanwhile.
    fn write(&mut self, ctrl: usize, at: u64, from: &[u8]) -> Result<(), DmaFault>;
    /// Copies host memory for an observer: no access, and permissions do not matter. False where it is
    /// not there, or could only be had by a message.
    fn peek(&self, ctrl: usize, at: u64, to: &mut [u8]) -> bool;
    /// Sends the message of a vector, of MSI-X or of MSI.
    fn message(&mut self, ctrl: usize, vector: u16);
}

/// What a function may do with a piece of memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rights {
    /// It may read.
    pub read: bool,
    /// It may write.
    pub write: bool,
}

/// Why a device cannot go on.
pub type Fatal = Box<dyn std::error::Error + Send + Sync>;

/// What is exported.
pub trait Device {
    /// Its controllers, in their order.
    fn functions(&self) -> Vec<Function>;
    /// What it calls itself.
    fn name(&self) -> String;
    /// Whether clients may erase it without asking anybody.
    fn is_expendable(&self) -> bool;
    /// Reads `bytes` (1, 2, 4 or 8) of BAR 0.
    fn read(&mut self, ctrl: usize, host: &mut dyn Host, offset: u32, bytes: u8) -> u64;
    /// Writes `bytes` (1, 2, 4 or 8) of BAR 0.
    fn write(&mut self, ctrl: usize, host: &mut dyn Host, offset: u32, bytes: u8, value: u64);
    /// Whether doorbells mean anything now: those that are mapped are watched while they do.
    fn takes_doorbells(&self, ctrl: usize) -> bool;
    /// Does one bounded unit of work.
    fn step(&mut self, host: &mut dyn Host) -> Result<Step, Fatal>;
    /// A Function Level Reset.
    fn reset(&mut self, ctrl: usize, host: &mut dyn Host);
    /// A client opened memory to its function, for reading and writing as told.
    fn mapped(&mut self, ctrl: usize, host: &mut dyn Host, range: (u64, u64), rights: Rights) {
        let _ = (ctrl, host, range, rights);
    }
    /// A client took memory away: (address, size), or all of it.
    fn unmapped(&mut self, ctrl: usize, host: &mut dyn Host, range: Option<(u64, u64)>) {
        let _ = (ctrl, host, range);
    }
    /// Turns MSI-X on with every vector unmasked, or off.
    fn msix_enable(&mut self, ctrl: usize, host: &mut dyn Host, on: bool);
    /// Masks or unmasks a vector.
    fn msix_mask(&mut self, ctrl: usize, host: &mut dyn Host, vector: u16, masked: bool);
    /// Whether a message of the vector is held back.
    fn msix_pending(&self, ctrl: usize, vector: u16) -> bool;
    /// Grants so many messages of MSI, more than before or from none on; 0 turns MSI off. Never asked
    /// of a function without MSI.
    fn msi_enable(&mut self, ctrl: usize, host: &mut dyn Host, messages: u16);
    /// Whether INTx is asserted, if it is what the function uses.
    fn intx(&self, ctrl: usize) -> bool;
}
