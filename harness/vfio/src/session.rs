//! A session: one function, opened once, on which DUT after DUT is made.
//!
//! Opening costs milliseconds to seconds (the arena is pinned and mapped page by page), so it is done
//! once for a run and not for each test.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use dut::{Arena, Capabilities, Ctrl, Doorbell, Dut, Event, Fault, Identity, Progress};
use dut::{ResetOutcome, Who, WhoError, Width, who_is};
use log::{Perm, ResetKind};
use spec::Addr;

use crate::device::Vfio;
use crate::kernel::Kernel;
use crate::space::Space;
use crate::{Bdf, Interface, OpenError, Taken, Tree, binding, in_use, raw};

/// Bytes of the arena unless the user says otherwise.
const ARENA_BYTES: u64 = 64 << 20;
/// Where the arena is put if it can be: far above any memory, so that an address that was not
/// translated cannot be a good one by luck.
const BASES: [u64; 4] = [1 << 36, 1 << 32, 1 << 28, 1 << 24];

/// A function that is open. What this process has taken from a driver goes back when it is dropped,
/// after the function is closed.
pub struct Session {
    who: Who,
    home: Home,
    taken: Taken,
}

/// Where the DUT is while nobody has it.
type Home = Arc<Mutex<Option<Box<Vfio>>>>;

impl Session {
    /// Takes a function from its driver, unless it is bound to vfio-pci already; opens it, maps the
    /// arena, and asks the controller who it is. `program` is this program ([`crate::GUARD`]).
    pub fn open(tree: &Tree, bdf: Bdf, program: &Path) -> Result<Self, OpenError> {
        let (controller, group) = binding::examine(tree, bdf)?;
        Space::can_open()?;
        let taken = Taken::take(tree, bdf, program)?;
        let opened = Self::open_bound(tree, bdf, group).and_then(|(vfio, who)| {
            // A controller that the kernel did not drive has told its serial number only now.
            in_use::refuse(tree, &controller, Some(&who.serial))?;
            Ok((vfio, who))
        });
        match opened {
            Ok((vfio, who)) => Ok(Self { who, home: Arc::new(Mutex::new(Some(vfio))), taken }),
            // The first error counts, and the second is told beside it.
            Err(error) => match taken.undo() {
                Ok(()) => Err(error),
                Err(worse) => Err(OpenError::machine(format!("{error}; and {worse}"))),
            },
        }
    }

    fn open_bound(tree: &Tree, bdf: Bdf, group: u32) -> Result<(Box<Vfio>, Who), OpenError> {
        let interface = Interface::choose(tree, bdf, group);
        let kernel = Kernel::open(bdf, &interface)?;
        let arena = map_arena(&kernel, ARENA_BYTES).map_err(|error| interface.failed(&error))?;
        let hot = hot_reset_is_ours(&kernel, bdf, group);
        let kernel = kernel.with_hot_reset(hot.is_ok());
        let strange = |why: String| OpenError::Controller { bdf, why };
        let words = format!("PCI function {bdf} by {interface}");
        let vfio = Vfio::new(Box::new(kernel), Arc::new(arena), words);
        let mut vfio = vfio.map_err(|fault| strange(fault.to_string()))?;
        let mut refused = vfio.try_resets().map_err(|fault| strange(fault.to_string()))?;
        refused.extend(hot.err().map(|why| format!("no Conventional reset ({why})")));
        let who = who_is(&mut vfio, Ctrl(0)).map_err(|error| match error {
            WhoError::Fault(fault) => strange(fault.to_string()),
            WhoError::Strange(why) => strange(why),
        })?;
        vfio.describe(&format!(
            ", model {:?}, serial {:?}, firmware {:?}",
            who.model, who.serial, who.firmware
        ));
        for why in refused {
            vfio.describe(&format!("; {why}"));
        }
        Ok((Box::new(vfio), who))
    }

    /// Closes the function and gives it back.
    pub fn close(self) -> Result<(), OpenError> {
        let Self { home, taken, .. } = self;
        drop(home);
        taken.finish()
    }

    /// Who the controller is.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// The DUT, as if nobody had used it: interrupts off, awake. There is one of it at a time.
    pub fn dut(&self) -> Result<Loan, Fault> {
        let taken = self.home.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut vfio) = taken else {
            return Err(Fault::Harness("the function is in use by another test".into()));
        };
        let fresh = vfio.refresh();
        let loan = Loan { vfio: Some(vfio), home: Arc::clone(&self.home) };
        fresh.map(|()| loan)
    }
}

/// The DUT of a session, which gets it back when this is dropped.
pub struct Loan {
    vfio: Option<Box<Vfio>>,
    home: Home,
}

impl Drop for Loan {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.vfio.take();
    }
}

impl std::ops::Deref for Loan {
    type Target = Vfio;

    fn deref(&self) -> &Vfio {
        self.vfio.as_ref().expect("it is taken only by drop")
    }
}

impl std::ops::DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut Vfio {
        self.vfio.as_mut().expect("it is taken only by drop")
    }
}

impl Dut for Loan {
    fn identity(&self) -> Identity {
        (**self).identity()
    }
    fn capabilities(&self) -> &Capabilities {
        (**self).capabilities()
    }
    fn memory(&self) -> &Arc<Arena> {
        (**self).memory()
    }
    fn read_only(&self) -> Range<u64> {
        (**self).read_only()
    }
    fn now(&self) -> u64 {
        (**self).now()
    }
    fn read(&mut self, ctrl: Ctrl, offset: u32, width: Width) -> Result<u64, Fault> {
        (**self).read(ctrl, offset, width)
    }
    fn write(&mut self, ctrl: Ctrl, offset: u32, width: Width, value: u64) -> Result<(), Fault> {
        (**self).write(ctrl, offset, width, value)
    }
    fn ring(&mut self, ctrl: Ctrl, doorbells: &[Doorbell]) -> Result<(), Fault> {
        (**self).ring(ctrl, doorbells)
    }
    fn wait(&mut self, until: u64) -> Result<Progress, Fault> {
        (**self).wait(until)
    }
    fn drain(&mut self, sink: &mut dyn FnMut(Event)) {
        (**self).drain(sink);
    }
    fn irq_setup(&mut self, ctrl: Ctrl, vectors: u16) -> Result<(), Fault> {
        (**self).irq_setup(ctrl, vectors)
    }
    fn irq_mask(&mut self, ctrl: Ctrl, vector: u16, masked: bool) -> Result<(), Fault> {
        (**self).irq_mask(ctrl, vector, masked)
    }
    fn irq_pending(&mut self, ctrl: Ctrl, vector: u16) -> Result<bool, Fault> {
        (**self).irq_pending(ctrl, vector)
    }
    fn reset(&mut self, ctrl: Ctrl, kind: ResetKind) -> Result<ResetOutcome, Fault> {
        (**self).reset(ctrl, kind)
    }
    fn map(&mut self, at: Addr, len: u64, perm: Perm) -> Result<(), Fault> {
        (**self).map(at, len, perm)
    }
    fn unmap(&mut self, at: Addr, len: u64) -> Result<(), Fault> {
        (**self).unmap(at, len)
    }
}

/// Makes the arena and maps it, once: the first half for reading and writing, the second for reading.
fn map_arena(kernel: &Kernel, bytes: u64) -> Result<Arena, OpenError> {
    let ranges = kernel.iova_ranges().unwrap_or_default();
    let last = |base: u64| base + bytes - 1;
    let fits = |base: &u64| {
        ranges.is_empty() || ranges.iter().any(|r| r.contains(base) && r.contains(&last(*base)))
    };
    let Some(base) = BASES.into_iter().find(fits) else {
        return Err(OpenError::machine(format!(
            "the IOMMU has no room for {} MiB; it maps {ranges:x?}",
            bytes >> 20
        )));
    };
    let arena = Arena::new(bytes, Addr(base)).map_err(|error| {
        OpenError::machine(format!("no {} MiB of shared memory: {error}", bytes >> 20))
    })?;
    for (offset, writable) in [(0, true), (bytes / 2, false)] {
        kernel.map(&arena, offset, bytes / 2, writable).map_err(|error| {
            let hint = match error.kind() {
                std::io::ErrorKind::OutOfMemory => {
                    "; too little memory may be locked: raise `ulimit -l` (KiB) above it, or run as root"
                }
                _ => "",
            };
            let mib = bytes >> 20;
            OpenError::machine(format!("the IOMMU does not map {mib} MiB at {base:#x}: {error}{hint}"))
        })?;
    }
    Ok(arena)
}

/// Whether a reset of the bus reaches this function and no other; why not.
fn hot_reset_is_ours(kernel: &Kernel, bdf: Bdf, group: u32) -> Result<(), String> {
    let reach = kernel.hot_reset_reaches().map_err(|error| match error.raw_os_error() {
        Some(errno) if errno == rustix::io::Errno::NODEV.raw_os_error() => {
            "it lies on a root bus, or its port cannot reset what is behind it".into()
        }
        _ => format!("the kernel does not tell what it reaches: {error}"),
    })?;
    let (domain, bus, devfn) = bdf.parts();
    let own = |r: &raw::Reached| {
        (u32::from(r.segment), r.bus, r.devfn) == (domain, bus, devfn)
            && reach.owned.unwrap_or(r.group == group)
    };
    match &reach.functions[..] {
        [only] if own(only) => Ok(()),
        all => Err(format!("it reaches {} functions, not all of them ours", all.len())),
    }
}
