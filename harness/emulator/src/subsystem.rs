//! The NVM subsystem: controllers that share namespaces.

use log::ResetKind;
use spec::{Qid, Sqe};

use crate::bus::Bus;
use crate::config::{Config, ConfigError};
use crate::controller::Controller;
use crate::media::Media;
use crate::msi::MESSAGES_MAX;
use crate::policy::PowerLoss;
use crate::register::Effects;
use crate::run::Run;
use crate::seam::{Correct, Defect, Notes};
use crate::work::Work;

/// A subsystem of one or more controllers. It has no thread and no clock of its own: it works when
/// [`Self::step`] is called, and its time is that of the [`Bus`].
pub struct Subsystem {
    config: Config,
    defect: &'static dyn Defect,
    notes: Notes,
    controllers: Vec<Controller>,
    media: Media,
    /// The controller that works next.
    turn: usize,
    marked: Option<Marked>,
}

/// What [`Subsystem::rewind`] goes back to; the media keep their own mark.
struct Marked {
    notes: Notes,
    controllers: Vec<Controller>,
    turn: usize,
}

impl Subsystem {
    /// A correct subsystem, as after power on.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::with_defect(config, &Correct)
    }

    /// A subsystem with a planted defect.
    pub fn with_defect(config: Config, defect: &'static dyn Defect) -> Result<Self, ConfigError> {
        config.check()?;
        let controllers = (0..usize::from(config.controllers))
            .map(|index| Controller::new(index, &config))
            .collect();
        let media = Media::new(&config)?;
        Ok(Self { config, defect, notes: [0; 8], controllers, media, turn: 0, marked: None })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The planted defect, or [`Correct`].
    pub fn defect(&self) -> &'static dyn Defect {
        self.defect
    }

    /// A controller's state, to look at.
    pub fn controller(&self, ctrl: usize) -> Option<&Controller> {
        self.controllers.get(ctrl)
    }

    /// The namespaces, to look at.
    pub fn media(&self) -> &Media {
        &self.media
    }

    /// The namespaces, for whoever keeps their content elsewhere too.
    pub fn media_mut(&mut self) -> &mut Media {
        &mut self.media
    }

    fn run<'a>(&'a mut self, ctrl: usize, bus: &'a mut dyn Bus) -> Option<Run<'a>> {
        let controller = self.controllers.get_mut(ctrl)?;
        Some(Run {
            config: &self.config,
            defect: self.defect,
            notes: &mut self.notes,
            controller,
            media: &mut self.media,
            bus,
            sqe: Sqe::default(),
            sqid: Qid::ADMIN,
        })
    }

    /// Does one bounded unit of work of one controller.
    pub fn step(&mut self, bus: &mut dyn Bus) -> Work {
        let count = self.controllers.len();
        let mut next = None;
        for n in 0..count {
            let ctrl = (self.turn + n) % count;
            let work = self.run(ctrl, bus).map_or(Work::Idle, |mut run| run.step());
            match work {
                Work::Hidden | Work::Seen => {
                    self.turn = (ctrl + 1) % count;
                    return work;
                }
                Work::Until(due) => next = Some(next.map_or(due, |next: u64| next.min(due))),
                Work::Idle => {}
            }
        }
        next.map_or(Work::Idle, Work::Until)
    }

    /// Reads a register: `bytes` (1, 2, 4 or 8) from `offset` on. What lies across two registers,
    /// or beyond them, is put together byte by byte.
    pub fn read(&mut self, ctrl: usize, bus: &mut dyn Bus, offset: u32, bytes: u8) -> u64 {
        let Some(mut run) = self.run(ctrl, bus) else { return u64::MAX };
        if run.controller.transition_due().is_some_and(|due| due <= run.bus.now()) {
            // Nobody can read that CSTS has not changed yet when it had to.
            run.step();
        }
        let first = offset & !3;
        let mut value = 0u128;
        let words = (u32::from(bytes) + (offset & 3)).div_ceil(4);
        for n in 0..words {
            let word = run.read_register(first.saturating_add(4 * n));
            value |= u128::from(word) << (32 * n);
        }
        (value >> (8 * (offset & 3))) as u64 & (u64::MAX >> (64 - 8 * u32::from(bytes.min(8))))
    }

    /// Writes a register: 4 or 8 aligned bytes. Other widths are not defined and are ignored.
    pub fn write(&mut self, ctrl: usize, bus: &mut dyn Bus, offset: u32, bytes: u8, value: u64) {
        if !matches!(bytes, 4 | 8) || !offset.is_multiple_of(4) {
            return;
        }
        let Some(mut run) = self.run(ctrl, bus) else { return };
        let mut effects = run.write_register(offset, value as u32);
        if bytes == 8
            && let Some(second) = offset.checked_add(4)
        {
            effects.harms_others |= run.write_register(second, (value >> 32) as u32).harms_others;
        }
        self.harm_others(ctrl, effects);
    }

    fn harm_others(&mut self, ctrl: usize, effects: Effects) {
        if effects.harms_others {
            let others = self.controllers.iter_mut().filter(|other| other.index != ctrl);
            others.for_each(Controller::delete_io_queues);
        }
    }

    /// A reset from outside: of one function, or of the whole device. Base-2.3 §3.7; PCIe Transport
    /// §3.6.
    pub fn reset(&mut self, ctrl: usize, bus: &mut dyn Bus, kind: ResetKind) {
        let all = !matches!(kind, ResetKind::FunctionLevel | ResetKind::Controller);
        if kind == ResetKind::PowerCycle && self.config.policy.power_loss == PowerLoss::LosesNothing
        {
            // What a file does not take any more is lost after all.
            let _ = self.media.flush();
        }
        for other in 0..self.controllers.len() {
            if (all || other == ctrl)
                && let Some(mut run) = self.run(other, bus)
            {
                let effects = run.reset(kind);
                self.harm_others(other, effects);
            }
        }
    }

    /// Begins or ends a time in which fetched I/O commands wait.
    pub fn hold_io(&mut self, on: bool) {
        self.config.policy.holds_io = on;
    }

    /// How many fetched I/O commands wait because of it.
    pub fn held_io(&self) -> usize {
        let held = |c: &Controller| {
            c.fetched.iter().filter(|at| c.flights[usize::from(**at)].sqid != 0).count()
        };
        let holds = self.config.policy.holds_io;
        if holds { self.controllers.iter().map(held).sum() } else { 0 }
    }

    /// Turns MSI-X on with `count` vectors, or off with 0.
    pub fn set_up_msix(&mut self, ctrl: usize, count: u16) {
        if let Some(controller) = self.controllers.get_mut(ctrl) {
            controller.msix.set_up(count);
        }
    }

    /// Turns MSI on with so many messages, at most [`MESSAGES_MAX`], or off with 0.
    pub fn set_up_msi(&mut self, ctrl: usize, bus: &mut dyn Bus, messages: u16) {
        if let Some(mut run) = self.run(ctrl, bus) {
            run.set_up_msi(messages.min(MESSAGES_MAX));
        }
    }

    /// Masks or unmasks an MSI-X vector; a pending message goes out.
    pub fn mask_vector(&mut self, ctrl: usize, bus: &mut dyn Bus, vector: u16, masked: bool) {
        let Some(controller) = self.controllers.get_mut(ctrl) else { return };
        if controller.msix.mask(vector, masked) {
            bus.message(ctrl, vector);
        }
    }

    /// Sets the Function Mask of MSI-X; pending messages go out when it is cleared.
    pub fn mask_function(&mut self, ctrl: usize, bus: &mut dyn Bus, masked: bool) {
        let Some(controller) = self.controllers.get_mut(ctrl) else { return };
        controller.msix.function_mask = masked;
        for vector in 0..controller.msix.vectors.len() as u16 {
            if controller.msix.release(vector) {
                bus.message(ctrl, vector);
            }
        }
    }

    /// Remembers the present state. False if it cannot be taken back, because of files.
    pub fn mark(&mut self) -> bool {
        if !self.media.mark() {
            return false;
        }
        let controllers = self.controllers.clone();
        self.marked = Some(Marked { notes: self.notes, controllers, turn: self.turn });
        true
    }

    /// Goes back to the mark. False if there is none.
    pub fn rewind(&mut self) -> bool {
        let Some(marked) = &self.marked else { return false };
        self.media.rewind();
        self.notes = marked.notes;
        self.turn = marked.turn;
        self.controllers.clone_from(&marked.controllers);
        true
    }
}
