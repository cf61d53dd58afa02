//! What a controller knows of its own life: the counters behind SMART / Health Information.
//! Base-2.3 §5.2.12.1.3.

use spec::event;
use spec::feature::AsynchronousEventConfiguration;
use spec::log_page::CriticalWarning;

use crate::config::Config;
use crate::controller::{Controller, Shutdown};
use crate::run::Run;
use crate::seam::Bound;

/// Warning Composite Temperature Threshold (WCTEMP): 70 degrees Celsius in kelvins.
pub const WCTEMP: u16 = 343;
/// Critical Composite Temperature Threshold (CCTEMP): 80 degrees Celsius in kelvins.
pub const CCTEMP: u16 = 353;
/// Nanoseconds in a minute.
pub const MINUTE: u64 = 60_000_000_000;

/// Counters over the life of a controller.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// What Reads moved, in units of 512 bytes.
    pub units_read: u64,
    /// What Writes moved, in units of 512 bytes.
    pub units_written: u64,
    /// Reads completed with success.
    pub reads: u64,
    /// Writes completed with success.
    pub writes: u64,
    /// When there was something to do.
    pub busy: Busy,
    /// Power cycles; the first power on is one.
    pub power_cycles: u64,
    /// Losses of power before a shutdown was complete.
    pub unexpected_losses: u64,
    /// The warnings whose event was raised, and that are still there.
    raised: CriticalWarning,
}

impl Default for Health {
    /// At the first power on.
    fn default() -> Self {
        Self {
            units_read: 0,
            units_written: 0,
            reads: 0,
            writes: 0,
            busy: Busy::default(),
            power_cycles: 1,
            unexpected_losses: 0,
            raised: CriticalWarning::new(),
        }
    }
}

impl Health {
    /// Power is lost and comes back. `shutdown` is what CSTS.SHST reported. Before 2.0 a shutdown
    /// that was asked for makes the loss an expected one, from 2.0 on one that is complete.
    pub const fn lose_power(&mut self, shutdown: Shutdown, from_2_0: bool) {
        self.power_cycles += 1;
        let expected = match shutdown {
            Shutdown::Done => true,
            Shutdown::Running(_) => !from_2_0,
            Shutdown::None => false,
        };
        if !expected {
            self.unexpected_losses += 1;
        }
    }

    /// Events were dropped: a warning that is still there is news again.
    pub const fn forget_events(&mut self) {
        self.raised = CriticalWarning::new();
    }
}

/// The time during which commands of I/O queues were outstanding: from their doorbell to their CQE.
#[derive(Clone, Copy, Debug, Default)]
pub struct Busy {
    outstanding: u64,
    since: u64,
    total: u64,
}

impl Busy {
    /// `added` commands were submitted.
    pub fn begin(&mut self, added: u64, now: u64) {
        self.recount(self.outstanding.saturating_add(added), now);
    }

    /// A command was completed.
    pub fn end(&mut self, now: u64) {
        self.recount(self.outstanding.saturating_sub(1), now);
    }

    /// So many commands are outstanding now.
    pub fn recount(&mut self, outstanding: u64, now: u64) {
        if self.outstanding != 0 && outstanding == 0 {
            self.total = self.nanoseconds(now);
        }
        if self.outstanding == 0 && outstanding != 0 {
            self.since = now;
        }
        self.outstanding = outstanding;
    }

    /// How long, up to now.
    pub const fn nanoseconds(&self, now: u64) -> u64 {
        match self.outstanding {
            0 => self.total,
            _ => self.total.saturating_add(now.saturating_sub(self.since)),
        }
    }
}

/// The Critical Warning byte. Base-2.3 figure 210.
pub fn warning(controller: &Controller, config: &Config) -> CriticalWarning {
    let ttc = controller.features.temperature_threshold.is_crossed(config);
    CriticalWarning::new().with_ttc(ttc)
}

impl Run<'_> {
    /// Raises the event of each warning that the host wants to hear of and that is new: it came up,
    /// or its notice was enabled. Base-2.3 §5.2.26.1.5. A warning that lasts is not raised again
    /// when its event is cleared, which the text allows either way (§5.2.2).
    pub fn review_health(&mut self) {
        let enabled = self.controller.features.asynchronous_event_configuration.current;
        let enabled = AsynchronousEventConfiguration::from_bits(enabled).shcw();
        let enabled = self.bound(Bound::EnabledWarnings, enabled.into()) as u8;
        let active = warning(self.controller, self.config).into_bits() & enabled;
        let active = CriticalWarning::from_bits(active);
        let before = std::mem::replace(&mut self.controller.health.raised, active);
        if active.ttc() && !before.ttc() {
            self.raise_event(event::TEMPERATURE_THRESHOLD);
        }
    }

    /// Commands that I/O queues owe: what is submitted and not completed.
    pub fn recount_busy(&mut self) {
        let sqs = self.controller.sqs.iter().skip(1).flatten();
        let outstanding = sqs.map(|sq| u64::from(sq.waiting()) + u64::from(sq.in_flight)).sum();
        self.controller.health.busy.recount(outstanding, self.bus.now());
    }
}
