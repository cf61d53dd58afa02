//! [`Qemu`]: the DUT.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dut::{
    Arena, Capabilities, Clock, Ctrl, DmaVisibility, Doorbell, Dut, Event, Fault, Identity,
    IrqPrecision, Progress, ResetOutcome, Width,
};
use log::{Perm, ResetKind};
use rustix::fs::{MemfdFlags, memfd_create};
use serde_json::json;
use spec::Addr;

use crate::OpenError;
use crate::iommu::{self, Iommu};
use crate::machine::Machine;
use crate::msix::{self, Msix};
use crate::nbd::{Hold, RequestKind};
use crate::options::{Backend, Options};
use crate::pci::Function;
use crate::process::check_version;
use crate::qtest::Trouble;

/// Bytes of guest memory that belong to the transport.
const TRANSPORT_BYTES: u64 = 1 << 20;
/// Waits that only spin, then waits that yield; later ones sleep.
const SPINS: u32 = 100;
const YIELDS: u32 = 200;
/// How long what is held stays so after a reset was begun.
const HELD_INTO_RESET: Duration = Duration::from_millis(20);
const NAP: Duration = Duration::from_micros(50);

/// QEMU's NVMe controllers as a device under test.
pub struct Qemu {
    options: Options,
    version: String,
    capabilities: Capabilities,
    /// What outlives a QEMU process: guest memory and the namespaces' data.
    memory: File,
    images: Vec<File>,
    holds: Vec<Hold>,
    /// Between [`Dut::hold`] and its end.
    holding: bool,
    arena: Arc<Arena>,
    /// The transport's MiB.
    words: Arena,
    start: Instant,
    machine: Machine,
    msix: Vec<Msix>,
    iommu: Option<Iommu>,
    /// Seen, and not yet handed over.
    events: Vec<Event>,
    /// Why QEMU is gone.
    gone: Option<String>,
    /// Waits since the host last did something.
    idle: u32,
}

impl Qemu {
    /// Where [`Dut::memory`] begins (4 GiB higher with an IOMMU). The first MiB of guest memory,
    /// below it, is the transport's.
    pub const ARENA_BASE: Addr = Addr(TRANSPORT_BYTES);

    /// Starts QEMU and brings its PCI functions up: BARs assigned, bus mastering on, MSI-X off,
    /// controllers disabled.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        options.check()?;
        let version = check_version(&options.program)?;
        let memory = anonymous("lockstep-qemu-memory", options.memory)
            .map_err(OpenError::host("guest memory"))?;
        let (tables, offset) = match options.iommu {
            true => (Iommu::table_bytes(options.memory), iommu::OFFSET),
            false => (0, 0),
        };
        let top = options.memory - tables;
        let map = |from: u64, to: u64, base: u64| {
            Arena::over_at(&memory, from, to - from, Addr(base))
                .map_err(OpenError::host("mapping guest memory"))
        };
        let arena = map(TRANSPORT_BYTES, top, Self::ARENA_BASE.0 + offset)?;
        let words = map(0, TRANSPORT_BYTES, 0)?;
        let iommu = match options.iommu {
            true => Some(Iommu::new(map(top, options.memory, top)?, msix::WORDS)),
            false => None,
        };
        let images = images(&options)?;
        let holds = match options.backend {
            Backend::Nbd => options.namespaces.iter().map(|n| Hold::new(n.bytes)).collect(),
            Backend::Raw | Backend::Null => Vec::new(),
        };
        let machine = Machine::start(&options, &memory, &images, &holds)?;
        let capabilities = capabilities(&machine.functions, &options);
        let msix = machine.functions.iter().map(|_| Msix::new(offset)).collect();
        let mut qemu = Self {
            options,
            version,
            capabilities,
            memory,
            images,
            holds,
            holding: false,
            arena: Arc::new(arena),
            words,
            start: Instant::now(),
            machine,
            msix,
            iommu,
            events: Vec::new(),
            gone: None,
            idle: 0,
        };
        qemu.translate().map_err(|fault| OpenError::Pci(fault.to_string()))?;
        Ok(qemu)
    }

    /// Turns the IOMMU on, if there is one.
    fn translate(&mut self) -> Result<(), Fault> {
        let Some(iommu) = &mut self.iommu else { return Ok(()) };
        let done = iommu.turn_on(&mut self.machine.qtest);
        self.judge(done)
    }

    /// The handle on the backend of namespace `nsid` ([`Backend::Nbd`] only).
    pub fn namespace_hold(&self, nsid: u32) -> Option<Hold> {
        self.holds.get((nsid as usize).checked_sub(1)?).cloned()
    }

    /// The version that QEMU says it has.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The process identifier of the QEMU that runs now.
    pub fn process_id(&self) -> u32 {
        self.machine.process.id()
    }

    /// How long accesses wait before [`Fault::NoAnswer`]; a test that holds requests wants it short.
    pub fn set_answer_time(&mut self, time: Duration) {
        self.options.answer_time = time;
        self.machine.qtest.patience = time;
        self.machine.qmp.patience = time;
    }

    /// Executes a line of QEMU's human monitor (`info qtree`) and gives what it prints.
    pub fn monitor(&mut self, line: &str) -> Result<String, Fault> {
        self.alive()?;
        let answer = self.machine.qmp.human(line);
        self.judge(answer)
    }

    fn alive(&self) -> Result<(), Fault> {
        match &self.gone {
            Some(words) => Err(Fault::Gone(words.clone())),
            None => Ok(()),
        }
    }

    /// Turns trouble on a socket into what the harness is told.
    fn judge<T>(&mut self, result: Result<T, Trouble>) -> Result<T, Fault> {
        result.map_err(|trouble| match trouble {
            Trouble::Closed => {
                let words = self.machine.process.post_mortem();
                self.gone = Some(words.clone());
                Fault::Gone(words)
            }
            Trouble::Late(words) => Fault::NoAnswer(words),
            Trouble::Strange(words) => Fault::Harness(words),
        })
    }

    /// The index of a function.
    fn index(&self, ctrl: Ctrl) -> Result<usize, Fault> {
        let n = usize::from(ctrl.0);
        if n < self.machine.functions.len() {
            return Ok(n);
        }
        Err(Fault::Harness(format!("controller {n} of {} was named", self.machine.functions.len())))
    }

    /// The address of a register, if the access lies in BAR 0.
    fn place(&self, ctrl: Ctrl, offset: u32, bytes: u8) -> Result<u64, Fault> {
        let function = &self.machine.functions[self.index(ctrl)?];
        let end = u64::from(offset) + u64::from(bytes);
        if end > function.bar0_bytes {
            return Err(Fault::Refused(format!(
                "offset {offset:#x} is beyond BAR 0, of {:#x} bytes",
                function.bar0_bytes
            )));
        }
        Ok(function.bar0 + u64::from(offset))
    }

    /// The index of a function whose MSI-X table has this vector.
    fn vector(&self, ctrl: Ctrl, vector: u16) -> Result<usize, Fault> {
        let n = self.index(ctrl)?;
        let vectors = self.machine.functions[n].msix.map_or(0, |msix| msix.vectors);
        if vector < vectors {
            return Ok(n);
        }
        Err(Fault::Harness(format!("MSI-X vector {vector} of {vectors} was named")))
    }

    /// Moves interrupt messages and trace lines into `events`.
    fn collect(&mut self) {
        let seen = self.now();
        let events = &mut self.events;
        for (n, msix) in self.msix.iter_mut().enumerate() {
            let ctrl = Ctrl(n as u8);
            msix.take(&self.words, ctrl, seen, &mut |vector, not_before, strange| {
                if let Some(word) = strange {
                    events.push(Event::Line(format!(
                        "the word of controller {n}'s MSI-X vector {vector} held {word:#010x}, \
                         not its message"
                    )));
                }
                events.push(Event::Interrupt { ctrl, vector, count: 1, not_before, seen });
            });
        }
        if let Some(trace) = &mut self.machine.trace {
            trace.lines(&mut |line| match iommu::fault(&line, seen) {
                Some(fault) => {
                    if !events.last_mut().is_some_and(|last| iommu::joined(last, &fault)) {
                        events.push(fault);
                    }
                }
                None => events.push(Event::Line(line)),
            });
        }
    }

    /// Programs again what a reset took from a function: BARs and Command.
    fn turn_on(&mut self, n: usize) -> Result<(), Fault> {
        let Machine { functions, qtest, .. } = &mut self.machine;
        let done = functions[n].turn_on(qtest).and_then(|()| qtest.settle());
        self.judge(done)
    }

    fn conventional_reset(&mut self) -> Result<(), Fault> {
        // The two sockets know nothing of each other: what was written comes before the reset.
        let settled = self.machine.qtest.settle();
        self.judge(settled)?;
        let qmp = &mut self.machine.qmp;
        qmp.forget_events();
        let done = qmp.execute("system_reset", &json!({})).and_then(|_| qmp.await_event("RESET"));
        self.judge(done)?;
        self.collect();
        self.translate()?;
        (0..self.msix.len()).try_for_each(|n| self.turn_on(n))
    }

    /// A reset ends what [`Dut::hold`] began. QEMU waits in it for what is held, so that goes on a moment later; a
    /// power cycle loses it.
    fn end_holds(&mut self, kind: ResetKind) {
        if !std::mem::take(&mut self.holding) {
            return;
        }
        for hold in &self.holds {
            if kind == ResetKind::PowerCycle {
                hold.hold(&[]);
            } else if !hold.held().is_empty() {
                hold.release_all_after(HELD_INTO_RESET);
            } else {
                hold.release_all();
            }
        }
    }

    /// A fresh process on the same memory and images. Guest memory stays as it was: it is the
    /// host's, and this host keeps running.
    fn power_cycle(&mut self) -> Result<(), Fault> {
        self.machine.process.kill();
        self.collect();
        for hold in &self.holds {
            hold.disconnect();
        }
        let started = Machine::start(&self.options, &self.memory, &self.images, &self.holds);
        match started {
            Ok(machine) => {
                self.machine = machine;
                self.gone = None;
            }
            Err(error) => {
                self.gone = Some(format!("QEMU did not come back after a power cycle: {error}"));
                return Err(Fault::Harness(error.to_string()));
            }
        }
        self.translate()?;
        (0..self.msix.len()).try_for_each(|n| self.turn_on(n))
    }
}

/// `bytes` of an anonymous file in memory.
fn anonymous(name: &str, bytes: u64) -> std::io::Result<File> {
    let file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.set_len(bytes)?;
    Ok(file)
}

/// The images of [`Backend::Raw`].
fn images(options: &Options) -> Result<Vec<File>, OpenError> {
    if options.backend != Backend::Raw {
        return Ok(Vec::new());
    }
    let image = |bytes| match &options.image_dir {
        None => anonymous("lockstep-qemu-image", bytes),
        Some(folder) => {
            let file = tempfile::tempfile_in(folder)?;
            file.set_len(bytes)?;
            Ok(file)
        }
    };
    let images = options.namespaces.iter().map(|namespace| image(namespace.bytes));
    images.collect::<Result<_, _>>().map_err(OpenError::host("an image"))
}

fn capabilities(functions: &[Function], options: &Options) -> Capabilities {
    let mut resets = vec![ResetKind::Conventional, ResetKind::PowerCycle];
    if functions.iter().all(Function::has_flr) {
        resets.push(ResetKind::FunctionLevel);
    }
    let vectors = |f: &Function| f.msix.map_or(0, |msix| msix.vectors);
    let msix_vectors = functions.iter().map(vectors).min().unwrap_or(0);
    Capabilities {
        clock: Clock::Wall,
        controllers: functions.len() as u8,
        resets,
        irq: if msix_vectors > 0 { IrqPrecision::AtLeastOnce } else { IrqPrecision::None },
        msix_vectors,
        msix_table: msix_vectors > 0,
        dma: if options.iommu { DmaVisibility::Faulting } else { DmaVisibility::Guarded },
        // The reply to a read comes from the thread that makes the controller's DMA, after it.
        read_flushes_dma: true,
        wide_access: true,
        holds: options.backend == Backend::Nbd,
        rewind: false,
    }
}

impl Dut for Qemu {
    fn identity(&self) -> Identity {
        Identity {
            kind: "qemu".into(),
            description: format!("QEMU {}, {}", self.version, self.options.describe()),
        }
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn memory(&self) -> &Arc<Arena> {
        &self.arena
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn read(&mut self, ctrl: Ctrl, offset: u32, width: Width) -> Result<u64, Fault> {
        self.alive()?;
        let at = self.place(ctrl, offset, width.bytes())?;
        let answer = self.machine.qtest.ask(format_args!("read{} {at:#x}", letter(width)));
        self.judge(answer)
    }

    fn write(&mut self, ctrl: Ctrl, offset: u32, width: Width, value: u64) -> Result<(), Fault> {
        self.alive()?;
        let at = self.place(ctrl, offset, width.bytes())?;
        self.idle = 0;
        self.arena.publish();
        let qtest = &mut self.machine.qtest;
        let done = qtest
            .queue(format_args!("write{} {at:#x} {value:#x}", letter(width)))
            .and_then(|()| qtest.flush());
        self.judge(done)
    }

    fn ring(&mut self, ctrl: Ctrl, doorbells: &[Doorbell]) -> Result<(), Fault> {
        self.alive()?;
        self.idle = 0;
        self.arena.publish();
        let mut refused = Ok(());
        let mut sent = Ok(());
        for doorbell in doorbells {
            let at = match self.place(ctrl, doorbell.offset, 4) {
                Ok(at) => at,
                Err(fault) => {
                    refused = Err(fault);
                    break;
                }
            };
            let value = doorbell.value;
            sent = self.machine.qtest.queue(format_args!("writel {at:#x} {value:#x}"));
            if sent.is_err() {
                break;
            }
        }
        // Those before a refused one are rung all the same.
        let sent = sent.and_then(|()| self.machine.qtest.flush());
        self.judge(sent).and(refused)
    }

    fn wait(&mut self, until: u64) -> Result<Progress, Fault> {
        self.alive()?;
        let now = self.now();
        if now >= until {
            return Ok(Progress::TimeUp);
        }
        self.idle = self.idle.saturating_add(1);
        if self.idle <= SPINS {
            std::hint::spin_loop();
        } else if self.idle <= YIELDS {
            std::thread::yield_now();
        } else {
            let nap = NAP.min(Duration::from_nanos(until - now));
            let slept = self.machine.qtest.doze(nap);
            self.judge(slept)?;
        }
        Ok(Progress::Ran)
    }

    fn drain(&mut self, sink: &mut dyn FnMut(Event)) {
        self.collect();
        self.events.drain(..).for_each(sink);
    }

    fn irq_setup(&mut self, ctrl: Ctrl, vectors: u16) -> Result<(), Fault> {
        self.alive()?;
        let n = match vectors.checked_sub(1) {
            None => self.index(ctrl)?,
            Some(last) => self.vector(ctrl, last)?,
        };
        self.idle = 0;
        let Machine { functions, qtest, .. } = &mut self.machine;
        let off = functions[n].enable_msix(qtest, false).and_then(|()| qtest.settle());
        self.judge(off)?;
        // Messages that came before belong to the vectors as they were.
        self.collect();
        let Machine { functions, qtest, .. } = &mut self.machine;
        let done = self.msix[n].set_up(qtest, &functions[n], ctrl, vectors);
        self.judge(done)
    }

    fn irq_mask(&mut self, ctrl: Ctrl, vector: u16, masked: bool) -> Result<(), Fault> {
        self.alive()?;
        let n = self.vector(ctrl, vector)?;
        self.idle = 0;
        let Machine { functions, qtest, .. } = &mut self.machine;
        let done = Msix::mask(qtest, &functions[n], vector, masked);
        self.judge(done)?;
        self.collect();
        Ok(())
    }

    fn irq_pending(&mut self, ctrl: Ctrl, vector: u16) -> Result<bool, Fault> {
        self.alive()?;
        let n = self.vector(ctrl, vector)?;
        let Machine { functions, qtest, .. } = &mut self.machine;
        let answer = Msix::pending(qtest, &functions[n], vector);
        self.judge(answer)
    }

    fn reset(&mut self, ctrl: Ctrl, kind: ResetKind) -> Result<ResetOutcome, Fault> {
        let n = self.index(ctrl)?;
        self.idle = 0;
        self.end_holds(kind);
        let all = match kind {
            ResetKind::PowerCycle => {
                self.power_cycle()?;
                true
            }
            ResetKind::Conventional => {
                self.alive()?;
                self.conventional_reset()?;
                true
            }
            ResetKind::FunctionLevel => {
                self.alive()?;
                let Machine { functions, qtest, .. } = &mut self.machine;
                if !functions[n].has_flr() {
                    return Err(Fault::Harness("no Function Level Reset capability".into()));
                }
                let done = functions[n].reset(qtest);
                self.judge(done)?;
                self.collect();
                self.turn_on(n)?;
                false
            }
            ResetKind::Controller | ResetKind::Subsystem => {
                return Err(Fault::Harness(format!("{kind:?} reset is a register write")));
            }
        };
        Ok(ResetOutcome { all, msix_off: true })
    }

    fn hold(&mut self) -> Result<(), Fault> {
        if self.holds.is_empty() {
            return Err(Fault::Harness("only the NBD backend holds commands in flight".into()));
        }
        self.holds.iter().for_each(|hold| hold.hold(&RequestKind::ALL));
        self.holding = true;
        Ok(())
    }

    fn let_go(&mut self) -> Result<(), Fault> {
        self.idle = 0;
        self.holding = false;
        for hold in &self.holds {
            hold.release_all();
        }
        Ok(())
    }

    fn held(&mut self) -> usize {
        self.holds.iter().map(|hold| hold.held().len()).sum()
    }

    fn map(&mut self, at: Addr, len: u64, perm: Perm) -> Result<(), Fault> {
        self.alive()?;
        let Some(iommu) = &mut self.iommu else { return Ok(()) };
        let done = iommu.map(&mut self.machine.qtest, at, len, perm);
        inside(self.judge(done)?, at, len)
    }

    fn unmap(&mut self, at: Addr, len: u64) -> Result<(), Fault> {
        self.alive()?;
        let Some(iommu) = &mut self.iommu else { return Ok(()) };
        let done = iommu.unmap(&mut self.machine.qtest, at, len);
        inside(self.judge(done)?, at, len)
    }
}

fn inside(mapped: bool, at: Addr, len: u64) -> Result<(), Fault> {
    match mapped {
        true => Ok(()),
        false => Err(Fault::Harness(format!("{len} bytes at {at} are not all in the arena"))),
    }
}

/// The letter of a width in qtest's commands.
fn letter(width: Width) -> char {
    match width {
        Width::U8 => 'b',
        Width::U16 => 'w',
        Width::U32 => 'l',
        Width::U64 => 'q',
    }
}
