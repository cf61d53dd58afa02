//! A [`Subsystem`] with a tap: everything that passes between it and its host is told, as the device's
//! side sees it. Without one it costs a test of an `Option`.

use std::ops::Deref;

use dut::{Access, Ctrl, HostMemory, Tap, Width};
use log::{Perm, ResetKind};
use spec::Addr;

use crate::bus::{Bus, BusFault};
use crate::media::Media;
use crate::subsystem::Subsystem;
use crate::work::Work;

/// A subsystem that may be observed. To look at, it is its [`Subsystem`].
pub struct Tapped {
    subsystem: Subsystem,
    tap: Option<Box<dyn Tap + Send>>,
}

impl Deref for Tapped {
    type Target = Subsystem;

    fn deref(&self) -> &Subsystem {
        &self.subsystem
    }
}

impl Tapped {
    /// Nobody observes it yet.
    pub fn new(subsystem: Subsystem) -> Self {
        Self { subsystem, tap: None }
    }

    /// From here on `tap` is told.
    pub fn set_tap(&mut self, tap: Box<dyn Tap + Send>) {
        self.tap = Some(tap);
    }

    /// Whether somebody observes it.
    pub fn is_tapped(&self) -> bool {
        self.tap.is_some()
    }

    /// The subsystem and the bus through which it is observed.
    fn with<R>(
        &mut self,
        bus: &mut dyn Bus,
        work: impl FnOnce(&mut Subsystem, &mut dyn Bus) -> R,
    ) -> R {
        match &mut self.tap {
            Some(tap) => work(&mut self.subsystem, &mut TapBus { bus, tap: &mut **tap }),
            None => work(&mut self.subsystem, bus),
        }
    }

    /// As [`Subsystem::step`].
    pub fn step(&mut self, bus: &mut dyn Bus) -> Work {
        let work = self.with(bus, |subsystem, bus| subsystem.step(bus));
        // One that holds commands has more to do: only its host does not let it.
        let holds = self.subsystem.config().policy.holds_io;
        if work == Work::Idle
            && !holds
            && let Some(tap) = &mut self.tap
        {
            tap.idle(bus.now());
        }
        work
    }

    /// As [`Subsystem::read`].
    pub fn read(&mut self, ctrl: usize, bus: &mut dyn Bus, offset: u32, bytes: u8) -> u64 {
        let value = self.with(bus, |subsystem, bus| subsystem.read(ctrl, bus, offset, bytes));
        if let (Some(tap), Some(width)) = (&mut self.tap, width(bytes)) {
            tap.register_read(Ctrl(ctrl as u8), bus.now(), offset, width, value);
        }
        value
    }

    /// As [`Subsystem::write`].
    pub fn write(&mut self, ctrl: usize, bus: &mut dyn Bus, offset: u32, bytes: u8, value: u64) {
        if let (Some(tap), Some(width)) = (&mut self.tap, width(bytes)) {
            let write = (offset, width, value);
            tap.register_write(Ctrl(ctrl as u8), bus.now(), &Memory(bus, ctrl), write);
        }
        self.with(bus, |subsystem, bus| subsystem.write(ctrl, bus, offset, bytes, value));
    }

    /// As [`Subsystem::reset`].
    pub fn reset(&mut self, ctrl: usize, bus: &mut dyn Bus, kind: ResetKind) {
        self.with(bus, |subsystem, bus| subsystem.reset(ctrl, bus, kind));
        if let Some(tap) = &mut self.tap {
            let all = !matches!(kind, ResetKind::FunctionLevel | ResetKind::Controller);
            tap.reset(Ctrl(ctrl as u8), bus.now(), kind, all);
        }
    }

    /// As [`Subsystem::set_up_msix`].
    pub fn set_up_msix(&mut self, ctrl: usize, now: u64, count: u16) {
        let vectors = self.subsystem.controller(ctrl).map(|c| &c.msix.vectors[..]);
        let masked = vectors.unwrap_or_default().iter().enumerate().filter(|(_, v)| v.masked);
        let masked: Vec<u16> = masked.map(|(vector, _)| vector as u16).collect();
        self.subsystem.set_up_msix(ctrl, count);
        if let Some(tap) = &mut self.tap {
            let ctrl = Ctrl(ctrl as u8);
            tap.msix(ctrl, now, count);
            // Each vector begins unmasked.
            masked.into_iter().for_each(|vector| tap.msix_mask(ctrl, now, vector, false));
        }
    }

    /// As [`Subsystem::set_up_msi`]. An observer knows MSI-X alone: it is not told that this is on, and
    /// would take its messages for those of MSI-X.
    pub fn set_up_msi(&mut self, ctrl: usize, bus: &mut dyn Bus, messages: u16) {
        self.with(bus, |subsystem, bus| subsystem.set_up_msi(ctrl, bus, messages));
    }

    /// As [`Subsystem::mask_vector`].
    pub fn mask_vector(&mut self, ctrl: usize, bus: &mut dyn Bus, vector: u16, masked: bool) {
        if let Some(tap) = &mut self.tap {
            tap.msix_mask(Ctrl(ctrl as u8), bus.now(), vector, masked);
        }
        self.with(bus, |subsystem, bus| subsystem.mask_vector(ctrl, bus, vector, masked));
    }

    /// As [`Subsystem::mask_function`]: to a host, all of its vectors are masked, or none.
    pub fn mask_function(&mut self, ctrl: usize, bus: &mut dyn Bus, masked: bool) {
        let vectors = self.subsystem.controller(ctrl).map_or(0, |c| c.msix.vectors.len() as u16);
        if let Some(tap) = &mut self.tap {
            let now = bus.now();
            (0..vectors).for_each(|vector| tap.msix_mask(Ctrl(ctrl as u8), now, vector, masked));
        }
        self.with(bus, |subsystem, bus| subsystem.mask_function(ctrl, bus, masked));
    }

    /// Tells that memory was opened to the controllers (`None`: closed; 0 bytes: all of it).
    pub fn tell_mapped(&mut self, now: u64, at: u64, len: u64, perm: Option<Perm>) {
        if let Some(tap) = &mut self.tap {
            tap.mapped(now, Addr(at), len, perm);
        }
    }

    /// As [`Subsystem::hold_io`].
    pub fn hold_io(&mut self, on: bool) {
        self.subsystem.hold_io(on);
    }

    /// As [`Subsystem::media_mut`].
    pub fn media_mut(&mut self) -> &mut Media {
        self.subsystem.media_mut()
    }

    /// As [`Subsystem::mark`].
    pub fn mark(&mut self) -> bool {
        self.subsystem.mark()
    }

    /// As [`Subsystem::rewind`].
    pub fn rewind(&mut self) -> bool {
        self.subsystem.rewind()
    }
}

const fn width(bytes: u8) -> Option<Width> {
    Some(match bytes {
        1 => Width::U8,
        2 => Width::U16,
        4 => Width::U32,
        8 => Width::U64,
        _ => return None,
    })
}

struct Memory<'a>(&'a dyn Bus, usize);

impl HostMemory for Memory<'_> {
    fn peek(&self, at: u64, to: &mut [u8]) -> bool {
        self.0.peek(self.1, at, to)
    }
}

/// The bus of a subsystem under observation.
struct TapBus<'a> {
    bus: &'a mut dyn Bus,
    tap: &'a mut (dyn Tap + Send),
}

impl Bus for TapBus<'_> {
    fn now(&self) -> u64 {
        self.bus.now()
    }

    fn masters(&self, ctrl: usize) -> bool {
        self.bus.masters(ctrl)
    }

    fn allows(&self, ctrl: usize, at: u64, len: usize, write: bool) -> bool {
        self.bus.allows(ctrl, at, len, write)
    }

    fn read(&mut self, ctrl: usize, at: u64, to: &mut [u8]) -> Result<(), BusFault> {
        let done = self.bus.read(ctrl, at, to);
        let access = Access { at: Addr(at), bytes: to, write: false, fault: done.is_err() };
        self.tap.dma(Ctrl(ctrl as u8), self.bus.now(), &Memory(self.bus, ctrl), access);
        done
    }

    fn write(&mut self, ctrl: usize, at: u64, from: &[u8]) -> Result<(), BusFault> {
        let fault = !self.bus.allows(ctrl, at, from.len(), true);
        let access = Access { at: Addr(at), bytes: from, write: true, fault };
        self.tap.dma(Ctrl(ctrl as u8), self.bus.now(), &Memory(self.bus, ctrl), access);
        self.bus.write(ctrl, at, from)
    }

    fn peek(&self, ctrl: usize, at: u64, to: &mut [u8]) -> bool {
        self.bus.peek(ctrl, at, to)
    }

    fn message(&mut self, ctrl: usize, vector: u16) {
        self.tap.message(Ctrl(ctrl as u8), self.bus.now(), vector);
        self.bus.message(ctrl, vector);
    }

    fn next_command(&mut self) {
        self.bus.next_command();
    }
}
