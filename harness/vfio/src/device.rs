//! [`Vfio`]: the DUT.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use dut::{
    Arena, Capabilities, Clock, Ctrl, DmaVisibility, Doorbell, Dut, Event, Fault, Identity,
    IrqPrecision, Progress, ResetOutcome, Width,
};
use log::{Perm, ResetKind};
use spec::Addr;
use spec::register;

use crate::config::{self, Layout, Msix};
use crate::hardware::{DmaFault, Hardware, IrqKind};

/// Waits that only spin, then waits that yield; later ones sleep.
const SPINS: u32 = 100;
const YIELDS: u32 = 200;
const NAP: Duration = Duration::from_micros(50);
/// How often the kernel's log is looked at while nothing else asks for it.
const LOG_PERIOD: u64 = 250_000;
/// After a reset a function may need this long before it answers (PCI Express Base, 100 ms to 1 s).
const BACK_WITHIN: Duration = Duration::from_secs(2);
/// Vector Control bit 0 of an MSI-X table entry, and where it is in it.
const MASKED: u64 = 1;
const VECTOR_CONTROL: u64 = 12;

/// A power state of the function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PowerState {
    /// On.
    D0,
    /// Asleep, with power: registers are not to be accessed.
    D3hot,
}

/// A PCI Express function as a device under test: one controller.
///
/// The fields are dropped in this order: the IOMMU lets go of the arena before the arena does.
pub struct Vfio {
    hw: Box<dyn Hardware>,
    arena: Arc<Arena>,
    layout: Layout,
    capabilities: Capabilities,
    description: String,
    /// Vectors that are on, and of which kind.
    on: Option<(IrqKind, u16)>,
    /// When interrupts were last looked at.
    looked: u64,
    /// When the kernel's log was last looked at.
    read_log: u64,
    /// Since when it is as if nobody had used it.
    fresh: u64,
    /// Seen, and not yet handed over.
    events: Vec<Event>,
    /// Where buffers are: first address, and the one after the last.
    buffers: BTreeMap<u64, u64>,
    /// Why the function is gone.
    gone: Option<String>,
    asleep: bool,
    /// Waits since the host last did something.
    idle: u32,
}

impl Vfio {
    /// The DUT over `hw`, which has been given the arena.
    pub(crate) fn new(
        mut hw: Box<dyn Hardware>,
        arena: Arc<Arena>,
        description: String,
    ) -> Result<Self, Fault> {
        let layout = Layout::read(&mut *hw).map_err(|error| {
            Fault::NoAnswer(format!("configuration space cannot be read: {error}"))
        })?;
        let capabilities = capabilities(&*hw, &layout);
        let mut vfio = Self {
            hw,
            arena,
            layout,
            capabilities,
            description,
            on: None,
            looked: 0,
            read_log: 0,
            fresh: 0,
            events: Vec::new(),
            buffers: BTreeMap::new(),
            gone: None,
            asleep: false,
            idle: 0,
        };
        vfio.turn_on()?;
        Ok(vfio)
    }

    /// The second half of the arena.
    fn read_only(&self) -> Range<u64> {
        let (base, bytes) = (self.arena.base().0, self.arena.bytes());
        base + bytes / 2..base + bytes
    }

    /// Puts what is known of the controller into [`Dut::identity`].
    pub(crate) fn describe(&mut self, more: &str) {
        self.description += more;
    }

    /// Makes each reset once, and keeps those that work: a kernel may list a reset of the bus and then
    /// find that the link does not come up again. Gives what was said about the others.
    pub(crate) fn try_resets(&mut self) -> Result<Vec<String>, Fault> {
        let mut refused = Vec::new();
        for kind in self.capabilities.resets.clone() {
            match self.reset(Ctrl(0), kind) {
                Ok(_) => {}
                Err(fault @ (Fault::NoAnswer(_) | Fault::Refused(_))) => {
                    refused.push(format!("no {kind:?} reset ({fault})"));
                    self.capabilities.resets.retain(|kept| *kept != kind);
                    // What the attempt has left: memory space off, perhaps.
                    self.come_back()?;
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(refused)
    }

    /// Makes the state of a DUT that nobody has used: awake, interrupts off, memory space and bus
    /// mastering on. What the controller does is for the host's reset to end.
    pub(crate) fn refresh(&mut self) -> Result<(), Fault> {
        self.alive()?;
        if self.asleep {
            self.set_power(PowerState::D0)?;
        }
        self.interrupts_off()?;
        self.turn_on()?;
        self.collect(true);
        self.events.clear();
        self.buffers.clear();
        self.idle = 0;
        self.fresh = self.now();
        Ok(())
    }

    /// How many vectors of a kind there are; 0: the function has no such interrupts.
    pub fn vectors(&self, kind: IrqKind) -> u16 {
        self.hw.irq_vectors(kind)
    }

    /// Uses `vectors` vectors of a kind; 0 turns interrupts off. [`Dut::irq_setup`] is this for MSI-X.
    pub fn use_interrupts(&mut self, kind: IrqKind, vectors: u16) -> Result<(), Fault> {
        self.alive()?;
        let there = self.hw.irq_vectors(kind);
        if vectors > there {
            return Err(Fault::Harness(format!(
                "{vectors} of {there} {kind:?} vectors were asked for"
            )));
        }
        self.interrupts_off()?;
        if vectors != 0 {
            let done = self.hw.irq_enable(kind, vectors);
            self.judge(done, "interrupts cannot be turned on")?;
            self.on = Some((kind, vectors));
        }
        Ok(())
    }

    /// Changes the power state, by Power Management Control/Status. In D3hot every access of a
    /// register is refused: nothing answers there.
    pub fn set_power(&mut self, state: PowerState) -> Result<(), Fault> {
        self.alive()?;
        let Some(pmcsr) = self.layout.pmcsr else {
            return Err(Fault::Harness("the function has no Power Management capability".into()));
        };
        let wanted = if state == PowerState::D3hot { 3 } else { 0 };
        let old = self.hw.config_read(pmcsr, 2);
        let old = self.judge(old, "the power state cannot be read")?;
        if state == PowerState::D3hot {
            self.interrupts_off()?;
            // From before the write on: an access of memory that the kernel has taken back kills.
            self.asleep = true;
        }
        let done = self.hw.config_write(pmcsr, 2, old & !3 | wanted);
        self.judge(done, "the power state cannot be written")?;
        // PCI Express Base: 10 ms from D3hot to D0 and back.
        self.hw.sleep(Duration::from_millis(10));
        let now = self.hw.config_read(pmcsr, 2);
        let now = self.judge(now, "the power state cannot be read")?;
        self.asleep = now & 3 == 3;
        if now & 3 != wanted {
            return Err(Fault::Refused(format!(
                "the power state stays D{}, not {state:?}",
                now & 3
            )));
        }
        if state == PowerState::D0 {
            self.turn_on()?;
        }
        Ok(())
    }

    fn alive(&self) -> Result<(), Fault> {
        match &self.gone {
            Some(why) => Err(Fault::Gone(why.clone())),
            None => Ok(()),
        }
    }

    fn awake(&self) -> Result<(), Fault> {
        self.alive()?;
        match self.asleep {
            true => Err(Fault::Refused("the function is in D3hot".into())),
            false => Ok(()),
        }
    }

    /// What an access that failed means.
    fn judge<T>(&mut self, done: io::Result<T>, what: &str) -> Result<T, Fault> {
        done.or_else(|error| {
            self.presence()?;
            Err(Fault::NoAnswer(format!("{what}: {error}")))
        })
    }

    /// Whether the function is still there. All ones from a register that is never all ones, and from
    /// configuration space too, is nobody.
    fn presence(&mut self) -> Result<(), Fault> {
        if let Some(why) = self.hw.recalled() {
            self.gone = Some(why);
            return self.alive();
        }
        let class = self.hw.config_read(config::CLASS, 4);
        let version = match self.asleep {
            true => Ok(u64::MAX),
            false => self.hw.bar_read(0, u64::from(register::VS), Width::U32),
        };
        let nobody = class.as_ref().map_or(true, |class| *class == u32::MAX)
            && version.map_or(true, |version| version as u32 == u32::MAX);
        if nobody {
            let why = match class {
                Ok(_) => "registers and configuration space read as ones: it was removed".into(),
                Err(error) => format!("configuration space cannot be read: {error}"),
            };
            self.gone = Some(why);
        }
        self.alive()
    }

    /// The function was named right, and the access lies in BAR 0.
    fn place(&self, ctrl: Ctrl, offset: u32, bytes: u8) -> Result<u64, Fault> {
        if ctrl != Ctrl(0) {
            return Err(Fault::Harness(format!("controller {} of 1 was named", ctrl.0)));
        }
        let (end, size) = (u64::from(offset) + u64::from(bytes), self.hw.bar_bytes(0));
        if end > size {
            return Err(Fault::Refused(format!(
                "offset {offset:#x} is beyond BAR 0, of {size:#x} bytes"
            )));
        }
        Ok(u64::from(offset))
    }

    /// Writes Command. Interrupts stay as they are.
    fn turn_on(&mut self) -> Result<(), Fault> {
        let old = self.hw.config_read(config::COMMAND, 2);
        let old = self.judge(old, "Command cannot be read")?;
        // All ones is no answer: bits that are not ours must not be written back.
        let old = if old == 0xffff { 0 } else { old };
        let done = self.hw.config_write(config::COMMAND, 2, old | config::COMMAND_ON);
        self.judge(done, "Command cannot be written")
    }

    fn interrupts_off(&mut self) -> Result<(), Fault> {
        let Some((kind, _)) = self.on.take() else { return Ok(()) };
        // Messages that came before belong to the vectors as they were.
        self.collect(false);
        let done = self.hw.irq_enable(kind, 0);
        self.judge(done, "interrupts cannot be turned off")
    }

    /// Moves interrupts and what the kernel has logged into `events`.
    fn collect(&mut self, log: bool) {
        let seen = self.now();
        let events = &mut self.events;
        if self.on.is_some() {
            let not_before = std::mem::replace(&mut self.looked, seen);
            self.hw.irq_take(&mut |vector, count| {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                events.push(Event::Interrupt { ctrl: Ctrl(0), vector, count, not_before, seen });
            });
        }
        if log || seen >= self.read_log + LOG_PERIOD {
            self.read_log = seen;
            // The kernel may be late with what it logs, so all that is sure of the time is that it was not
            // before the last one who has used the function was done with it.
            let (buffers, not_before) = (&self.buffers, self.fresh);
            self.hw.kernel_log(&mut |found| match found {
                Ok(fault) => refused(buffers, fault, not_before, events),
                Err(line) => events.push(Event::Line(line)),
            });
        }
    }

    /// The entry of a vector in the MSI-X table.
    fn vector(&self, vector: u16) -> Result<Msix, Fault> {
        match self.layout.msix {
            Some(msix) if vector < msix.vectors && self.capabilities.msix_table => Ok(msix),
            msix => {
                let there = msix.map_or(0, |msix| msix.vectors);
                Err(Fault::Harness(format!("MSI-X vector {vector} of {there} was named")))
            }
        }
    }

    /// Waits until the function answers after a reset, and turns it on again.
    fn come_back(&mut self) -> Result<(), Fault> {
        let deadline = self.hw.now() + BACK_WITHIN;
        loop {
            self.turn_on()?;
            let version = self.hw.bar_read(0, u64::from(register::VS), Width::U32);
            match version {
                Ok(version) if version as u32 != u32::MAX => return Ok(()),
                _ if self.hw.now() < deadline => self.hw.sleep(Duration::from_millis(1)),
                _ => {
                    self.presence()?;
                    return Err(Fault::NoAnswer(format!(
                        "VS reads as ones {} s after a reset",
                        BACK_WITHIN.as_secs()
                    )));
                }
            }
        }
    }
}

/// Tells an access that the IOMMU refused. IOMMUs name the page, not the byte; a page that holds a
/// buffer holds nothing else, so the access was of that buffer or of the guards around it, and is
/// told as one byte of the buffer. In other pages it is told as an access somewhere in the page.
fn refused(buffers: &BTreeMap<u64, u64>, fault: DmaFault, time: u64, events: &mut Vec<Event>) {
    let DmaFault { at, write } = fault;
    let what = if write { "write" } else { "read" };
    let words = "told by the kernel, so it was; what it does not tell proves nothing";
    events.push(Event::Line(format!("the IOMMU refused a {what} at {} ({words})", Addr(at))));
    let (page, after) = (at & !0xfff, (at & !0xfff).saturating_add(0x1000));
    let last = buffers.range(..after).next_back();
    let (at, len) = match last.filter(|(_, end)| **end > page) {
        Some((start, _)) => (at.max(*start), 1),
        None => (page, 0x1000),
    };
    events.push(Event::Dma { ctrl: Ctrl(0), at: Addr(at), len, write, fault: true, time });
}

fn capabilities(hw: &dyn Hardware, layout: &Layout) -> Capabilities {
    let mut resets = Vec::new();
    if layout.flr {
        resets.push(ResetKind::FunctionLevel);
    }
    if hw.can_hot_reset() {
        resets.push(ResetKind::Conventional);
    }
    let table = layout.msix.map_or(0, |msix| msix.vectors);
    let msix_vectors = hw.irq_vectors(IrqKind::Msix).min(table);
    let mapped = hw.reaches_msix_table();
    Capabilities {
        clock: Clock::Wall,
        controllers: 1,
        resets,
        irq: if msix_vectors > 0 { IrqPrecision::AtLeastOnce } else { IrqPrecision::None },
        msix_vectors,
        msix_table: msix_vectors > 0 && mapped,
        // The kernel's log tells of some refused accesses, never of all: no silence of it is judged.
        dma: DmaVisibility::Guarded,
        // A read completion pushes the posted writes before it (PCI Express Base, ordering rules).
        read_flushes_dma: true,
        wide_access: cfg!(target_pointer_width = "64"),
        holds: false,
        rewind: false,
    }
}

impl Dut for Vfio {
    fn identity(&self) -> Identity {
        Identity { kind: "vfio".into(), description: self.description.clone() }
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn memory(&self) -> &Arc<Arena> {
        &self.arena
    }

    fn read_only(&self) -> Range<u64> {
        self.read_only()
    }

    fn now(&self) -> u64 {
        self.hw.now().as_nanos() as u64
    }

    fn read(&mut self, ctrl: Ctrl, offset: u32, width: Width) -> Result<u64, Fault> {
        self.awake()?;
        let at = self.place(ctrl, offset, width.bytes())?;
        let value = self.hw.bar_read(0, at, width);
        let value = self.judge(value, "a register cannot be read")?;
        let ones = u64::MAX >> (64 - 8 * u32::from(width.bytes()));
        if value == ones && width.bytes() >= 4 {
            self.presence()?;
        }
        Ok(value)
    }

    fn write(&mut self, ctrl: Ctrl, offset: u32, width: Width, value: u64) -> Result<(), Fault> {
        self.awake()?;
        let at = self.place(ctrl, offset, width.bytes())?;
        self.idle = 0;
        self.collect(true);
        self.arena.publish();
        let done = self.hw.bar_write(0, at, width, value);
        self.judge(done, "a register cannot be written")
    }

    fn ring(&mut self, ctrl: Ctrl, doorbells: &[Doorbell]) -> Result<(), Fault> {
        self.awake()?;
        self.idle = 0;
        // What was refused before is not laid at the door of what is rung now.
        self.collect(true);
        self.arena.publish();
        for doorbell in doorbells {
            // Those before a refused one are rung all the same.
            let at = self.place(ctrl, doorbell.offset, 4)?;
            let done = self.hw.bar_write(0, at, Width::U32, u64::from(doorbell.value));
            self.judge(done, "a doorbell cannot be written")?;
        }
        Ok(())
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
            if let Some(why) = self.hw.recalled() {
                self.gone = Some(why);
                self.alive()?;
            }
            self.hw.doze(NAP.min(Duration::from_nanos(until - now)));
        }
        Ok(Progress::Ran)
    }

    fn drain(&mut self, sink: &mut dyn FnMut(Event)) {
        self.collect(false);
        self.events.drain(..).for_each(sink);
    }

    fn irq_setup(&mut self, ctrl: Ctrl, vectors: u16) -> Result<(), Fault> {
        self.awake()?;
        self.place(ctrl, 0, 0)?;
        self.idle = 0;
        self.use_interrupts(IrqKind::Msix, vectors)
    }

    fn irq_mask(&mut self, ctrl: Ctrl, vector: u16, masked: bool) -> Result<(), Fault> {
        self.awake()?;
        self.place(ctrl, 0, 0)?;
        self.idle = 0;
        let Msix { table: (bar, table), .. } = self.vector(vector)?;
        let control = table + 16 * u64::from(vector) + VECTOR_CONTROL;
        let old = self.hw.bar_read(bar, control, Width::U32);
        let old = self.judge(old, "the MSI-X table cannot be read")?;
        let new = old & !MASKED | u64::from(masked);
        let done = self.hw.bar_write(bar, control, Width::U32, new);
        self.judge(done, "the MSI-X table cannot be written")?;
        // Done when it returns: a posted write would leave it open from when on the mask holds.
        let now = self.hw.bar_read(bar, control, Width::U32);
        self.judge(now, "the MSI-X table cannot be read")?;
        self.collect(false);
        Ok(())
    }

    fn irq_pending(&mut self, ctrl: Ctrl, vector: u16) -> Result<bool, Fault> {
        self.awake()?;
        self.place(ctrl, 0, 0)?;
        let Msix { pending: (bar, pending), .. } = self.vector(vector)?;
        let bits = self.hw.bar_read(bar, pending + 4 * u64::from(vector / 32), Width::U32);
        let bits = self.judge(bits, "the MSI-X pending bits cannot be read")?;
        Ok(bits >> (vector % 32) & 1 != 0)
    }

    fn map(&mut self, at: Addr, len: u64, _: Perm) -> Result<(), Fault> {
        // The arena is mapped once; only who lies where is kept.
        self.buffers.insert(at.0, at.0.saturating_add(len));
        Ok(())
    }

    fn unmap(&mut self, at: Addr, _: u64) -> Result<(), Fault> {
        self.collect(true);
        self.buffers.remove(&at.0);
        Ok(())
    }

    fn reset(&mut self, ctrl: Ctrl, kind: ResetKind) -> Result<ResetOutcome, Fault> {
        self.awake()?;
        self.place(ctrl, 0, 0)?;
        if !self.capabilities.resets.contains(&kind) {
            return Err(Fault::Harness(format!("a reset of kind {kind:?} is not to be had here")));
        }
        self.idle = 0;
        let all = kind == ResetKind::Conventional;
        let done = if all { self.hw.hot_reset() } else { self.hw.function_reset() };
        self.judge(done, "the kernel does not reset it")?;
        // The kernel has turned MSI-X on again; a host that resets a function finds it off.
        self.interrupts_off()?;
        self.come_back()?;
        self.collect(true);
        Ok(ResetOutcome { all, msix_off: true })
    }
}

#[cfg(test)]
mod tests;
