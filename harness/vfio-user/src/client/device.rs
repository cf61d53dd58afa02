//! [`VfioUser`]: the DUT.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dut::{
    Arena, Capabilities, Clock, Ctrl, DmaVisibility, Doorbell, Dut, Event, Fault, Identity,
    IrqPrecision, Progress, ResetOutcome, Width,
};
use log::{Perm, ResetKind};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use spec::Addr;

use super::function::{self, Remote};
use super::host::HostSide;
use super::lines::Lines;
use super::peer::Trouble;
use super::{Dma, OpenError, Options};

/// Where the arena begins for the controllers.
const ARENA_BASE: Addr = Addr(0x10_0000);
/// Waits that only spin, then waits that yield; later ones sleep.
const SPINS: u32 = 20;
const YIELDS: u32 = 400;
const NAP: Duration = Duration::from_micros(50);

/// Controllers behind vfio-user servers as a device under test.
pub struct VfioUser {
    options: Options,
    remotes: Vec<Remote>,
    lines: Lines,
    capabilities: Capabilities,
    start: Instant,
    /// Waits since the host last did something.
    idle: u32,
}

impl VfioUser {
    /// Connects to every server and makes its function ready: the arena mapped, BARs decoded, bus
    /// mastering on, MSI-X off. The controllers are as they were found.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let start = Instant::now();
        let failed = |what| move |source| OpenError::Host { what, source };
        let file = memory(options.memory).map_err(failed("the arena"))?;
        let arena = Arena::over(&file, options.memory, ARENA_BASE).map_err(failed("the arena"))?;
        let mut lines = Lines::new(HostSide::new(Arc::new(arena)), start);
        let mut remotes: Vec<Remote> = Vec::new();
        for path in &options.sockets {
            let ctrl = Ctrl(remotes.len() as u8);
            let memory = file.as_fd();
            remotes.push(function::open(&options, path, ctrl, &mut lines, memory)?);
        }
        if remotes.is_empty() || remotes.len() > 64 {
            let why = format!("{} sockets were named", remotes.len());
            return Err(OpenError::Server { path: std::path::PathBuf::new(), why });
        }
        let capabilities = capabilities(&remotes, options.dma);
        Ok(Self { options, remotes, lines, capabilities, start, idle: 0 })
    }

    /// Whether every server says that all its device holds may be erased.
    pub fn is_expendable(&self) -> bool {
        let says = |remote: &Remote| remote.lockstep.as_ref().and_then(|ours| ours.expendable);
        self.remotes.iter().all(|remote| says(remote) == Some(true))
    }

    /// The serial number of controller 0, which is enabled for a moment to be asked. Nothing that it
    /// holds is touched.
    pub fn serial(&mut self) -> Result<String, Fault> {
        super::serial::read(self)
    }

    pub(super) fn answer_time(&self) -> Duration {
        self.options.answer_time
    }

    fn remote(&mut self, ctrl: Ctrl) -> Result<(&mut Remote, &mut Lines), Fault> {
        let count = self.remotes.len();
        let Some(remote) = self.remotes.get_mut(usize::from(ctrl.0)) else {
            return Err(Fault::Harness(format!("controller {} of {count} was named", ctrl.0)));
        };
        match &remote.gone {
            Some(words) => Err(Fault::Gone(words.clone())),
            None => Ok((remote, &mut self.lines)),
        }
    }

    /// Does something with a function, and remembers if the server is gone.
    fn with<T>(
        &mut self,
        ctrl: Ctrl,
        act: impl FnOnce(&mut Remote, &mut Lines) -> Result<T, Trouble>,
    ) -> Result<T, Fault> {
        let (remote, lines) = self.remote(ctrl)?;
        act(remote, lines).map_err(|trouble| {
            let fault = trouble.fault();
            if let Fault::Gone(words) = &fault {
                remote.gone = Some(words.clone());
            }
            fault
        })
    }

    /// Answers servers, and takes interrupts.
    fn collect(&mut self) -> Result<(), Fault> {
        let mut first = Ok(());
        for n in 0..self.remotes.len() {
            let ctrl = Ctrl(n as u8);
            if self.remotes[n].gone.is_none() {
                let pumped = self.with(ctrl, |_, lines| Ok(lines.receive(n).map(drop)?));
                first = first.and(pumped);
            }
            let start = self.start;
            let now = || start.elapsed().as_nanos() as u64;
            self.remotes[n].irqs.take(ctrl, now, &mut self.lines.host);
        }
        first
    }

    fn vector(&self, vector: u16) -> Result<(), Fault> {
        let there = self.capabilities.msix_vectors;
        match vector < there {
            true => Ok(()),
            false => Err(Fault::Harness(format!("MSI-X vector {vector} of {there} was named"))),
        }
    }
}

/// The arena's file: servers may map it, as it cannot shrink.
fn memory(bytes: u64) -> std::io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(memfd_create("lockstep-arena", flags)?);
    file.set_len(bytes)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

fn capabilities(remotes: &[Remote], dma: Dma) -> Capabilities {
    let all = |what: fn(&Remote) -> bool| remotes.iter().all(what);
    let msix_vectors = remotes.iter().map(|remote| remote.vectors).min().unwrap_or(0);
    let ours = all(|remote| remote.lockstep.is_some());
    Capabilities {
        clock: Clock::Wall,
        controllers: remotes.len() as u8,
        resets: if all(|remote| remote.can_reset) {
            vec![ResetKind::FunctionLevel]
        } else {
            Vec::new()
        },
        irq: match (msix_vectors, ours) {
            (0, _) => IrqPrecision::None,
            // An eventfd counts, and our own server signals each message once.
            (_, true) => IrqPrecision::Exact,
            (_, false) => IrqPrecision::AtLeastOnce,
        },
        msix_vectors,
        msix_table: msix_vectors > 0 && all(|remote| remote.tables),
        dma: match dma {
            Dma::Descriptors => DmaVisibility::Guarded,
            Dma::Messages => DmaVisibility::Exact,
        },
        // One thread of our own server makes the DMA and answers reads, and by messages both come in
        // order; of others nothing is known.
        read_flushes_dma: ours || dma == Dma::Messages,
        wide_access: all(|remote| remote.wide_access),
        holds: false,
        rewind: false,
    }
}

impl Dut for VfioUser {
    fn identity(&self) -> Identity {
        let first = &self.remotes[0];
        let name = first.lockstep.as_ref().and_then(|ours| ours.device.clone());
        let name = name.unwrap_or_else(|| "vfio-user server".into());
        let dma = match self.options.dma {
            Dma::Descriptors => "DMA by file descriptor",
            Dma::Messages => "DMA by messages",
        };
        let why = first.unmapped_because.as_ref();
        let why = why.map_or(String::new(), |why| format!(", doorbells not mapped: {why}"));
        let count = self.remotes.len();
        let description = format!("{name} over vfio-user, {count} controllers, {dma}{why}");
        Identity { kind: "vfio-user".into(), description }
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn memory(&self) -> &Arc<Arena> {
        &self.lines.host.arena
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn read(&mut self, ctrl: Ctrl, offset: u32, width: Width) -> Result<u64, Fault> {
        self.remote(ctrl)?.0.inside(offset, width.bytes())?;
        self.with(ctrl, |remote, lines| remote.read(lines, offset, width.bytes()))
    }

    fn write(&mut self, ctrl: Ctrl, offset: u32, width: Width, value: u64) -> Result<(), Fault> {
        self.remote(ctrl)?.0.inside(offset, width.bytes())?;
        self.idle = 0;
        self.lines.host.arena.publish();
        self.with(ctrl, |remote, lines| remote.write(lines, offset, width.bytes(), value))
    }

    fn ring(&mut self, ctrl: Ctrl, doorbells: &[Doorbell]) -> Result<(), Fault> {
        self.idle = 0;
        self.lines.host.arena.publish();
        let remote = self.remote(ctrl)?.0;
        let outside = |doorbell: &Doorbell| remote.inside(doorbell.offset, 4).err();
        // Those before a refused one are rung all the same.
        let refused = doorbells.iter().enumerate().find_map(|(n, one)| Some((n, outside(one)?)));
        let (count, refused) = match refused {
            Some((n, fault)) => (n, Err(fault)),
            None => (doorbells.len(), Ok(())),
        };
        self.with(ctrl, |remote, lines| remote.ring(lines, &doorbells[..count])).and(refused)
    }

    fn wait(&mut self, until: u64) -> Result<Progress, Fault> {
        let now = self.now();
        if now >= until {
            return Ok(Progress::TimeUp);
        }
        self.idle = self.idle.saturating_add(1);
        if self.options.dma == Dma::Messages {
            // Whatever the controller does shows as a message.
            self.lines.nap(NAP.min(Duration::from_nanos(until - now)));
            self.collect()?;
        } else if self.idle <= SPINS {
            std::hint::spin_loop();
        } else if self.idle <= YIELDS {
            std::thread::yield_now();
        } else {
            self.lines.nap(NAP.min(Duration::from_nanos(until - now)));
            self.collect()?;
        }
        Ok(Progress::Ran)
    }

    fn drain(&mut self, sink: &mut dyn FnMut(Event)) {
        // A server that is gone shows at the next access.
        let _ = self.collect();
        self.lines.host.events.drain(..).for_each(sink);
    }

    fn irq_setup(&mut self, ctrl: Ctrl, vectors: u16) -> Result<(), Fault> {
        if let Some(last) = vectors.checked_sub(1) {
            self.vector(last)?;
        }
        self.idle = 0;
        // Messages that came before belong to the vectors as they were.
        self.collect()?;
        let now = self.now();
        self.with(ctrl, |remote, lines| remote.set_up_irqs(lines, vectors, now))
    }

    fn irq_mask(&mut self, ctrl: Ctrl, vector: u16, masked: bool) -> Result<(), Fault> {
        self.vector(vector)?;
        self.idle = 0;
        self.with(ctrl, |remote, lines| remote.mask(lines, vector, masked))?;
        self.collect()
    }

    fn irq_pending(&mut self, ctrl: Ctrl, vector: u16) -> Result<bool, Fault> {
        self.vector(vector)?;
        self.with(ctrl, |remote, lines| remote.is_pending(lines, vector))
    }

    fn reset(&mut self, ctrl: Ctrl, kind: ResetKind) -> Result<ResetOutcome, Fault> {
        if !self.capabilities.resets.contains(&kind) {
            return Err(Fault::Harness(format!("{kind:?} reset cannot be made over vfio-user")));
        }
        self.idle = 0;
        self.collect()?;
        self.with(ctrl, Remote::reset)?;
        Ok(ResetOutcome { all: false, msix_off: true })
    }

    fn map(&mut self, at: Addr, len: u64, perm: Perm) -> Result<(), Fault> {
        self.lines.host.set_permission(at.0, len, Some(perm));
        Ok(())
    }

    fn unmap(&mut self, at: Addr, len: u64) -> Result<(), Fault> {
        match len {
            0 => self.lines.host.set_permission(0, u64::MAX, None),
            _ => self.lines.host.set_permission(at.0, len, None),
        }
        Ok(())
    }
}
