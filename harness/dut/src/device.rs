//! The [`Dut`] trait.

use std::ops::Range;
use std::sync::Arc;

use log::{Perm, ResetKind};
use spec::Addr;

use crate::Arena;

/// A controller of the DUT: index in its list of functions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ctrl(pub u8);

/// The width of a register access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// One byte.
    U8,
    /// Two bytes.
    U16,
    /// Four bytes.
    U32,
    /// Eight bytes.
    U64,
}

impl Width {
    /// In bytes.
    pub const fn bytes(self) -> u8 {
        match self {
            Width::U8 => 1,
            Width::U16 => 2,
            Width::U32 => 4,
            Width::U64 => 8,
        }
    }
}

/// One 4-byte write to a doorbell, by its offset in BAR 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doorbell {
    /// Byte offset, from `spec::register::doorbell_offset`.
    pub offset: u32,
    /// The value.
    pub value: u32,
}

/// Where a DUT's time comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// It moves only in `wait` and by accesses: byte-identical runs.
    Virtual,
    /// The machine's monotonic clock.
    Wall,
}

/// How reliably an interrupt seen stands for a message sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IrqPrecision {
    /// Each message is seen once.
    Exact,
    /// Several messages may be seen as one.
    AtLeastOnce,
    /// A level.
    Level,
    /// Interrupts cannot be seen.
    None,
}

/// How much of the controller's DMA the harness sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DmaVisibility {
    /// Every access.
    Exact,
    /// Accesses that an IOMMU refused.
    Faulting,
    /// Only what guard bytes show.
    Guarded,
}

/// What the transport of a DUT can do. A test that needs more is not applicable, with that reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// Where time comes from.
    pub clock: Clock,
    /// How many controllers (functions) there are.
    pub controllers: u8,
    /// Resets that can be made, beside CC.EN.
    pub resets: Vec<ResetKind>,
    /// How interrupts are seen.
    pub irq: IrqPrecision,
    /// How many MSI-X vectors each function has; 0: no MSI-X.
    pub msix_vectors: u16,
    /// Whether a pending bit can be read and a vector masked.
    pub msix_table: bool,
    /// How DMA is seen.
    pub dma: DmaVisibility,
    /// Whether a register read that returned has made the controller's earlier DMA visible.
    pub read_flushes_dma: bool,
    /// Whether 8-byte register accesses are made as one.
    pub wide_access: bool,
    /// Whether [`Dut::hold`] and [`Dut::let_go`] work.
    pub holds: bool,
    /// Whether [`Dut::mark`] and [`Dut::rewind`] work.
    pub rewind: bool,
}

/// Who the DUT is, for reports and traces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Its kind: `emulator`, `qemu`.
    pub kind: String,
    /// Its version, configuration and defect, in words: `QEMU emulator version 7.2.22`.
    pub description: String,
}

/// Why an access gave no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// The DUT is gone: an observation.
    #[error("the DUT is gone: {0}")]
    Gone(String),
    /// The transport or the DUT refused this access: an observation.
    #[error("refused: {0}")]
    Refused(String),
    /// No answer in time: an observation (the DUT may still live).
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The harness failed: an error, never a finding.
    #[error("harness: {0}")]
    Harness(String),
}

/// What became of a [`Dut::wait`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Something may have changed: look again.
    Ran,
    /// The DUT knows that nothing will change without the host (emulator only).
    Idle,
    /// The time given is over.
    TimeUp,
}

/// Something the DUT or its transport showed by itself. Times are on the DUT's clock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// An MSI-X message (or INTx as vector 0): function, vector, how many.
    Interrupt {
        /// The function.
        ctrl: Ctrl,
        /// The vector.
        vector: u16,
        /// How many messages.
        count: u32,
        /// Not before.
        not_before: u64,
        /// Seen.
        seen: u64,
    },
    /// The controller accessed host memory.
    Dma {
        /// The function.
        ctrl: Ctrl,
        /// Where.
        at: Addr,
        /// How many bytes.
        len: u32,
        /// Whether it wrote.
        write: bool,
        /// Whether it was refused.
        fault: bool,
        /// When.
        time: u64,
    },
    /// A line of the DUT's own trace, for the story.
    Line(String),
}

/// What a reset did beside resetting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResetOutcome {
    /// Every function was reset with it.
    pub all: bool,
    /// MSI-X was turned off by it and the transport did not turn it on again.
    pub msix_off: bool,
}

/// A device under test. Object-safe; used from one thread.
pub trait Dut {
    /// Who it is.
    fn identity(&self) -> Identity;
    /// What its transport can do.
    fn capabilities(&self) -> &Capabilities;
    /// The host memory it may access.
    fn memory(&self) -> &Arc<Arena>;
    /// The time, in nanoseconds on its clock.
    fn now(&self) -> u64;

    /// Reads a register of BAR 0.
    fn read(&mut self, ctrl: Ctrl, offset: u32, width: Width) -> Result<u64, Fault>;
    /// Writes a register of BAR 0. Posted: it may take effect later.
    fn write(&mut self, ctrl: Ctrl, offset: u32, width: Width, value: u64) -> Result<(), Fault>;
    /// Writes doorbells in order, in one pipelined send where the transport can.
    fn ring(&mut self, ctrl: Ctrl, doorbells: &[Doorbell]) -> Result<(), Fault>;

    /// Lets the DUT run until something may have changed, or until `until` (on [`Self::now`]'s clock).
    fn wait(&mut self, until: u64) -> Result<Progress, Fault>;
    /// Lets time pass for a DUT that said it is idle: a virtual clock moves to `until`, so that a look
    /// can begin after a deadline. Wall clocks move by themselves.
    fn pass(&mut self, until: u64) {
        let _ = until;
    }
    /// Hands over what has shown itself since the last call, in order.
    fn drain(&mut self, sink: &mut dyn FnMut(Event));

    /// Programs `vectors` MSI-X vectors and turns MSI-X on (0 turns it off).
    fn irq_setup(&mut self, ctrl: Ctrl, vectors: u16) -> Result<(), Fault>;
    /// Masks or unmasks one vector.
    fn irq_mask(&mut self, ctrl: Ctrl, vector: u16, masked: bool) -> Result<(), Fault>;
    /// Reads the pending bit of one vector.
    fn irq_pending(&mut self, ctrl: Ctrl, vector: u16) -> Result<bool, Fault>;

    /// Resets by means outside BAR 0 and re-programs what the transport owns (BARs, bus mastering).
    fn reset(&mut self, ctrl: Ctrl, kind: ResetKind) -> Result<ResetOutcome, Fault>;

    /// The part of the arena that controllers can only read (none by default): what is for them to read
    /// and not to write is to be put there.
    fn read_only(&self) -> Range<u64> {
        0..0
    }
    /// Makes a range of the arena accessible to the controllers (default: all of it is).
    fn map(&mut self, at: Addr, len: u64, perm: Perm) -> Result<(), Fault> {
        let _ = (at, len, perm);
        Ok(())
    }
    /// Takes a range away (0 bytes: all).
    fn unmap(&mut self, at: Addr, len: u64) -> Result<(), Fault> {
        let _ = (at, len);
        Ok(())
    }

    /// From now on commands that need the media of a namespace stay in flight: once fetched they are
    /// not finished before [`Self::let_go`], or a reset ([`Self::reset`] ends the hold).
    fn hold(&mut self) -> Result<(), Fault> {
        Err(Fault::Harness("this DUT cannot hold commands in flight".into()))
    }
    /// Ends a hold: what is held goes on, and nothing is held any more. It works although the DUT itself
    /// waits for what is held, at a controller reset for example.
    fn let_go(&mut self) -> Result<(), Fault> {
        Ok(())
    }
    /// How many accesses to the media are held now: at most one for each command of the tests.
    fn held(&mut self) -> usize {
        0
    }

    /// Remembers the present state, for [`Self::rewind`].
    fn mark(&mut self) -> Result<(), Fault> {
        Err(Fault::Harness("this DUT cannot be rewound".into()))
    }
    /// Goes back to the marked state: controller, media, time and arena.
    fn rewind(&mut self) -> Result<(), Fault> {
        Err(Fault::Harness("this DUT cannot be rewound".into()))
    }
}
