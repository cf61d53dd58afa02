//! What a controller needs from its surroundings: host memory, messages, time.

/// Host memory refused an access: no such address, or no permission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BusFault;

/// The host's side of the link, as the controllers of a subsystem see it. `ctrl` is the index of
/// the controller that makes the access.
pub trait Bus {
    /// The time in nanoseconds. Never goes back.
    fn now(&self) -> u64;

    /// Whether the controller may access host memory and send messages at all (Bus Master Enable).
    /// One that may not does no work until it may.
    fn masters(&self, ctrl: usize) -> bool {
        let _ = ctrl;
        true
    }

    /// Whether an access to `len` bytes from `at` would be let through; `write`: by the controller.
    fn allows(&self, ctrl: usize, at: u64, len: usize, write: bool) -> bool;

    /// Copies `to.len()` bytes of host memory from `at` on. Nothing is copied on a fault.
    fn read(&mut self, ctrl: usize, at: u64, to: &mut [u8]) -> Result<(), BusFault>;

    /// Copies `from` into host memory from `at` on. Nothing is copied on a fault.
    fn write(&mut self, ctrl: usize, at: u64, from: &[u8]) -> Result<(), BusFault>;

    /// Copies host memory, as the controller would see it, for an observer: no access, nothing is
    /// logged, and permissions do not matter. False where memory cannot be looked at.
    fn peek(&self, ctrl: usize, at: u64, to: &mut [u8]) -> bool;

    /// Sends the message of a vector, of MSI-X or of MSI.
    fn message(&mut self, ctrl: usize, vector: u16);

    /// The accesses that follow belong to another command: a log of accesses does not join them
    /// with those before.
    fn next_command(&mut self) {}
}
