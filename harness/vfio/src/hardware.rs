//! [`Hardware`]: the little that the DUT asks of a PCI function. The kernel's vfio answers it; in
//! tests a mock does, and misbehaves.

use std::io;
use std::time::Duration;

use dut::Width;

/// A kind of interrupt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IrqKind {
    /// The INTx pin: one level.
    Intx,
    /// Message signaled interrupts.
    Msi,
    /// The same by a table of vectors.
    Msix,
}

/// A line of the kernel log that is about DMA of some function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DmaFault {
    /// Where the function reached, an I/O virtual address; page or byte, as the IOMMU reports it.
    pub at: u64,
    /// Whether it wrote.
    pub write: bool,
}

/// A PCI function that belongs to this process.
pub(crate) trait Hardware: Send {
    /// Bytes of a BAR; 0 if it is not there.
    fn bar_bytes(&self, bar: u8) -> u64;
    /// Whether an access of the MSI-X table reaches the function (older kernels keep it away).
    fn reaches_msix_table(&self) -> bool;
    /// Reads memory space.
    fn bar_read(&mut self, bar: u8, offset: u64, width: Width) -> io::Result<u64>;
    /// Writes memory space. Posted.
    fn bar_write(&mut self, bar: u8, offset: u64, width: Width, value: u64) -> io::Result<()>;
    /// Reads 1, 2 or 4 bytes of configuration space.
    fn config_read(&mut self, offset: u16, bytes: u8) -> io::Result<u32>;
    /// Writes 1, 2 or 4 bytes of configuration space.
    fn config_write(&mut self, offset: u16, bytes: u8, value: u32) -> io::Result<()>;
    /// How many vectors of this kind there are.
    fn irq_vectors(&self, kind: IrqKind) -> u16;
    /// Turns `vectors` vectors of one kind on, and the others off; 0: all off.
    fn irq_enable(&mut self, kind: IrqKind, vectors: u16) -> io::Result<()>;
    /// Hands over how often each vector was signaled since the last call, if it was.
    fn irq_take(&mut self, sink: &mut dyn FnMut(u16, u64));
    /// Sleeps until an interrupt, or for `nap`.
    fn doze(&mut self, nap: Duration);
    /// Sleeps, whatever happens.
    fn sleep(&mut self, time: Duration);
    /// Time since some moment before the first call; it never goes back.
    fn now(&self) -> Duration;
    /// Resets the function, by the means that the kernel has for one function.
    fn function_reset(&mut self) -> io::Result<()>;
    /// Whether the bus can be reset: everything on it is ours.
    fn can_hot_reset(&self) -> bool;
    /// Resets the bus.
    fn hot_reset(&mut self) -> io::Result<()>;
    /// Why the kernel wants the function back (removal, a fatal error), if it does.
    fn recalled(&mut self) -> Option<String>;
    /// Hands over the DMA faults of this function that the kernel has logged, and everything else
    /// that it has said about it, as lines.
    fn kernel_log(&mut self, sink: &mut dyn FnMut(Result<DmaFault, String>));
}
