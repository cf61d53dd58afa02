//! The emulator as a device under test: `dut::Dut` over a [`Subsystem`].

mod host;

use std::sync::Arc;

use dut::{
    Arena, Capabilities, Clock, Ctrl, DmaVisibility, Doorbell, Dut, Event, Fault, Identity,
    IrqPrecision, Progress, ResetOutcome, Width,
};
use log::{Perm, ResetKind};
use spec::Addr;

use crate::config::{Config, ConfigError};
use crate::seam::{Correct, Defect};
use crate::subsystem::Subsystem;
use crate::tapped::Tapped;
use crate::work::Work;
use host::Host;

/// Where the arena begins for the controllers, unless told otherwise.
pub const ARENA_BASE: u64 = 0x10_0000;
/// How large the arena is, unless told otherwise.
pub const ARENA_BYTES: u64 = 16 << 20;

/// What a register read costs, in nanoseconds of the virtual clock.
const READ_NS: u64 = 500;
/// What a register or doorbell write costs, in nanoseconds of the virtual clock.
const WRITE_NS: u64 = 100;
/// What a unit of work costs, in nanoseconds of the virtual clock.
const STEP_NS: u64 = 50;
/// What a reset from outside costs, in nanoseconds of the virtual clock.
const RESET_NS: u64 = 1_000_000;
/// Units of work in one `wait`, after which the host is asked to look again: no correct controller
/// does so many without anything to see, and a defect shall not hang the harness.
const WAIT_UNITS: u32 = 1 << 20;

/// Why an emulator could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// The configuration is impossible.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no memory for the arena.
    #[error("cannot make the emulator's arena: {0}")]
    Arena(#[from] std::io::Error),
}

/// The emulator as a device under test.
///
/// [`Dut::mark`] and [`Dut::rewind`] take back everything that the *controller* did, host memory
/// included: a page that it wrote after the mark gets the bytes of the mark again. What the host
/// itself writes to the arena happens out of sight, so the host cleans that up itself.
pub struct EmulatorDut {
    subsystem: Tapped,
    host: Host,
    capabilities: Capabilities,
}

impl EmulatorDut {
    /// A correct controller.
    pub fn new(config: Config) -> Result<Self, EmulatorError> {
        Self::with_defect(config, &Correct)
    }

    /// A controller with a planted defect. The configuration is used as it is: see
    /// [`Defect::configure`].
    pub fn with_defect(config: Config, defect: &'static dyn Defect) -> Result<Self, EmulatorError> {
        let arena = Arena::new(ARENA_BYTES, Addr(ARENA_BASE))?;
        Self::over(Arc::new(arena), config, defect)
    }

    /// A controller with host memory of the caller's.
    pub fn over(
        arena: Arc<Arena>,
        config: Config,
        defect: &'static dyn Defect,
    ) -> Result<Self, EmulatorError> {
        let capabilities = Capabilities {
            clock: Clock::Virtual,
            controllers: config.controllers,
            resets: vec![ResetKind::FunctionLevel, ResetKind::Conventional, ResetKind::PowerCycle],
            irq: IrqPrecision::Exact,
            msix_vectors: config.vectors,
            msix_table: true,
            dma: DmaVisibility::Exact,
            read_flushes_dma: true,
            wide_access: true,
            holds: true,
            rewind: config.namespaces.iter().all(|namespace| namespace.path.is_none()),
        };
        let subsystem = Subsystem::with_defect(config, defect)?;
        Ok(Self { subsystem: Tapped::new(subsystem), host: Host::new(arena), capabilities })
    }

    /// Switches the log of accesses to host memory on or off. Off saves time; DMA is then no longer
    /// visible, and the capabilities say so.
    pub fn set_dma_log(&mut self, on: bool) {
        self.host.logs_dma = on;
        self.capabilities.dma = if on { DmaVisibility::Exact } else { DmaVisibility::Guarded };
    }

    /// From here on `tap` is told all that passes between the controllers and this host. An observer
    /// cannot be taken back to a mark: the DUT is no longer one that can be rewound.
    pub fn set_tap(&mut self, tap: Box<dyn dut::Tap + Send>) {
        self.capabilities.rewind = false;
        self.subsystem.set_tap(tap);
    }

    /// The subsystem, to look at.
    pub fn subsystem(&self) -> &Subsystem {
        &self.subsystem
    }

    /// Sets the Function Mask of MSI-X.
    pub fn mask_function(&mut self, ctrl: Ctrl, masked: bool) {
        self.subsystem.mask_function(ctrl.0.into(), &mut self.host, masked);
    }

    fn index(&self, ctrl: Ctrl) -> Result<usize, Fault> {
        if ctrl.0 < self.capabilities.controllers {
            return Ok(ctrl.0.into());
        }
        Err(Fault::Harness(format!("the emulator has no controller {}", ctrl.0)))
    }
}

impl Dut for EmulatorDut {
    fn identity(&self) -> Identity {
        let config = self.subsystem.config();
        let defect = match self.subsystem.defect().name() {
            "none" => String::new(),
            name => format!(" with defect {name}"),
        };
        let counted = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
        Identity {
            kind: "emulator".into(),
            description: format!(
                "emulator {}{defect}, {}, {}",
                env!("CARGO_PKG_VERSION"),
                counted(config.controllers.into(), "controller"),
                counted(config.namespaces.len(), "namespace")
            ),
        }
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn memory(&self) -> &Arc<Arena> {
        &self.host.arena
    }

    fn now(&self) -> u64 {
        self.host.now
    }

    fn read(&mut self, ctrl: Ctrl, offset: u32, width: Width) -> Result<u64, Fault> {
        let index = self.index(ctrl)?;
        self.host.now += READ_NS;
        Ok(self.subsystem.read(index, &mut self.host, offset, width.bytes()))
    }

    fn write(&mut self, ctrl: Ctrl, offset: u32, width: Width, value: u64) -> Result<(), Fault> {
        let index = self.index(ctrl)?;
        self.host.now += WRITE_NS;
        self.subsystem.write(index, &mut self.host, offset, width.bytes(), value);
        Ok(())
    }

    fn ring(&mut self, ctrl: Ctrl, doorbells: &[Doorbell]) -> Result<(), Fault> {
        let index = self.index(ctrl)?;
        for doorbell in doorbells {
            self.host.now += WRITE_NS;
            let value = doorbell.value.into();
            self.subsystem.write(index, &mut self.host, doorbell.offset, 4, value);
        }
        Ok(())
    }

    /// Runs until a CQE, a message or a register has changed. When nothing is due, the clock jumps
    /// to what is due next, as far as `until`.
    fn wait(&mut self, until: u64) -> Result<Progress, Fault> {
        for _ in 0..WAIT_UNITS {
            if self.host.now >= until {
                return Ok(Progress::TimeUp);
            }
            match self.subsystem.step(&mut self.host) {
                Work::Hidden => self.host.now += STEP_NS,
                Work::Seen => {
                    self.host.now += STEP_NS;
                    return Ok(Progress::Ran);
                }
                Work::Until(due) if due > until => {
                    self.host.now = until;
                    return Ok(Progress::TimeUp);
                }
                Work::Until(due) => self.host.now = self.host.now.max(due),
                // What is held goes on as soon as the host lets it: that is not idle.
                Work::Idle if self.subsystem.held_io() != 0 => {
                    self.host.now = until;
                    return Ok(Progress::TimeUp);
                }
                Work::Idle => return Ok(Progress::Idle),
            }
        }
        Ok(Progress::Ran)
    }

    fn pass(&mut self, until: u64) {
        self.host.now = self.host.now.max(until);
    }

    fn drain(&mut self, sink: &mut dyn FnMut(Event)) {
        self.host.events.drain(..).for_each(sink);
    }

    fn irq_setup(&mut self, ctrl: Ctrl, vectors: u16) -> Result<(), Fault> {
        let index = self.index(ctrl)?;
        if vectors > self.capabilities.msix_vectors {
            let most = self.capabilities.msix_vectors;
            return Err(Fault::Harness(format!("{vectors} MSI-X vectors of {most}")));
        }
        self.subsystem.set_up_msix(index, self.host.now, vectors);
        Ok(())
    }

    fn irq_mask(&mut self, ctrl: Ctrl, vector: u16, masked: bool) -> Result<(), Fault> {
        let index = self.index(ctrl)?;
        self.subsystem.mask_vector(index, &mut self.host, vector, masked);
        Ok(())
    }

    fn irq_pending(&mut self, ctrl: Ctrl, vector: u16) -> Result<bool, Fault> {
        let index = self.index(ctrl)?;
        let controller = self.subsystem.controller(index);
        let entry = controller.and_then(|c| c.msix.vectors.get(usize::from(vector)));
        Ok(entry.is_some_and(|entry| entry.pending))
    }

    fn reset(&mut self, ctrl: Ctrl, kind: ResetKind) -> Result<ResetOutcome, Fault> {
        let index = self.index(ctrl)?;
        if !self.capabilities.resets.contains(&kind) {
            return Err(Fault::Harness(format!("{kind:?} is made through registers")));
        }
        self.subsystem.reset(index, &mut self.host, kind);
        self.subsystem.hold_io(false);
        self.host.now += RESET_NS;
        Ok(ResetOutcome { all: kind != ResetKind::FunctionLevel, msix_off: true })
    }

    fn map(&mut self, at: Addr, len: u64, perm: Perm) -> Result<(), Fault> {
        self.host.set_permission(at.0, len, Some(perm));
        self.subsystem.tell_mapped(self.host.now, at.0, len, Some(perm));
        Ok(())
    }

    fn unmap(&mut self, at: Addr, len: u64) -> Result<(), Fault> {
        match len {
            0 => self.host.set_permission(0, u64::MAX, None),
            _ => self.host.set_permission(at.0, len, None),
        }
        self.subsystem.tell_mapped(self.host.now, at.0, len, None);
        Ok(())
    }

    fn hold(&mut self) -> Result<(), Fault> {
        self.subsystem.hold_io(true);
        Ok(())
    }

    fn let_go(&mut self) -> Result<(), Fault> {
        self.subsystem.hold_io(false);
        Ok(())
    }

    fn held(&mut self) -> usize {
        self.subsystem.held_io()
    }

    fn mark(&mut self) -> Result<(), Fault> {
        if !self.subsystem.mark() {
            return Err(Fault::Harness("a namespace in a file cannot be taken back".into()));
        }
        self.host.mark();
        Ok(())
    }

    fn rewind(&mut self) -> Result<(), Fault> {
        if !self.subsystem.rewind() {
            return Err(Fault::Harness("the emulator was never marked".into()));
        }
        self.subsystem.hold_io(false);
        self.host.rewind();
        Ok(())
    }
}
