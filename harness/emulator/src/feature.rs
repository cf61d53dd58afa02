//! Features: one file each, with its set, get, default and survival.

pub mod arbitration;
pub mod asynchronous_event_configuration;
pub mod error_recovery;
pub mod interrupt_coalescing;
pub mod interrupt_vector_configuration;
pub mod number_of_queues;
pub mod power_management;
pub mod temperature_threshold;
pub mod volatile_write_cache;
pub mod write_atomicity_normal;

use spec::Fid;
use spec::feature::{Arbitration, InterruptCoalescing, SupportedCapabilities};

use crate::config::Config;
use crate::run::{Outcome, Run};

/// The feature values of one controller. Those of namespace scope are in the namespaces.
#[derive(Clone, Debug)]
pub struct Features {
    /// Arbitration (01h).
    pub arbitration: Setting,
    /// Power Management (02h).
    pub power_management: Setting,
    /// Temperature Threshold (04h).
    pub temperature_threshold: temperature_threshold::Value,
    /// Volatile Write Cache (06h).
    pub volatile_write_cache: volatile_write_cache::Value,
    /// Number of Queues (07h).
    pub number_of_queues: number_of_queues::Value,
    /// Interrupt Coalescing (08h).
    pub interrupt_coalescing: Setting,
    /// Interrupt Vector Configuration (09h): CD of each vector.
    pub interrupt_vectors: Vec<bool>,
    /// Write Atomicity Normal (0Ah).
    pub write_atomicity_normal: Setting,
    /// Asynchronous Event Configuration (0Bh).
    pub asynchronous_event_configuration: Setting,
}

impl Features {
    /// As after power on.
    pub fn new(config: &Config) -> Self {
        Self {
            arbitration: Setting::new(arbitration::DEFAULT),
            power_management: Setting::new(0),
            temperature_threshold: temperature_threshold::Value::new(),
            volatile_write_cache: volatile_write_cache::Value::new(config),
            number_of_queues: number_of_queues::Value::new(config),
            interrupt_coalescing: Setting::new(0),
            interrupt_vectors: vec![false; config.vectors.into()],
            write_atomicity_normal: Setting::new(0),
            asynchronous_event_configuration: Setting::new(0),
        }
    }

    /// A Controller Level Reset: saved or default values. Base-2.3 §4.4.
    pub fn reset(&mut self, config: &Config) {
        self.settings().for_each(Setting::reset);
        self.volatile_write_cache.reset(config);
        self.number_of_queues.reset(config);
        self.interrupt_vectors.fill(false);
    }

    /// For a defect: what was saved is gone.
    pub fn forget_saved(&mut self) {
        self.settings().for_each(|setting| setting.saved = None);
        self.volatile_write_cache.saved = None;
    }

    fn settings(&mut self) -> impl Iterator<Item = &mut Setting> {
        let dwords = [
            &mut self.arbitration,
            &mut self.power_management,
            &mut self.interrupt_coalescing,
            &mut self.write_atomicity_normal,
            &mut self.asynchronous_event_configuration,
        ];
        dwords.into_iter().chain(self.temperature_threshold.settings())
    }

    /// Arbitration as it is.
    pub const fn arbitration(&self) -> Arbitration {
        Arbitration::from_bits(self.arbitration.current)
    }

    /// Interrupt Coalescing as it is.
    pub const fn interrupt_coalescing(&self) -> InterruptCoalescing {
        InterruptCoalescing::from_bits(self.interrupt_coalescing.current)
    }

    /// Whether the interrupts of a vector are held back: a time of 0 or a threshold of one entry is
    /// no coalescing. Base-2.3 §5.2.26.2.2, §5.2.26.2.3.
    pub fn coalesces(&self, vector: u16) -> bool {
        let settings = self.interrupt_coalescing();
        let disabled = self.interrupt_vectors.get(usize::from(vector)).is_none_or(|cd| *cd);
        settings.time() != 0 && settings.thr_z() != 0 && !disabled
    }
}

/// One value of a feature: what is in use, what is saved, what it was made with.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The value in use.
    pub current: u32,
    /// The value saved, if one was.
    pub saved: Option<u32>,
    default: u32,
}

impl Setting {
    /// As it leaves the factory.
    pub const fn new(default: u32) -> Self {
        Self { current: default, saved: None, default }
    }

    /// Sets the value, and saves it if wanted.
    pub const fn set(&mut self, value: u32, save: bool) {
        self.current = value;
        if save {
            self.saved = Some(value);
        }
    }

    /// One of the values.
    pub fn value(&self, select: Select) -> u32 {
        match select {
            Select::Current => self.current,
            Select::Default => self.default,
            Select::Saved => self.saved.unwrap_or(self.default),
        }
    }

    /// The saved value if there is one, else the default. Base-2.3 §4.4, figures 125 and 126.
    pub fn reset(&mut self) {
        self.current = self.value(Select::Saved);
    }
}

/// Which value Get Features returns (SEL). Base-2.3 figure 196.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Select {
    /// 000b.
    Current,
    /// 001b.
    Default,
    /// 010b; the default value if none is saved.
    Saved,
}

/// A feature: how Set Features and Get Features treat it.
pub struct FeatureDef {
    /// Its identifier.
    pub fid: Fid,
    /// What SEL = 011b returns.
    pub capabilities: fn(&Config) -> SupportedCapabilities,
    /// Set Features with dword 11, and whether to save the value.
    pub set: fn(&mut Run, u32, bool) -> Outcome,
    /// Get Features.
    pub get: fn(&mut Run, Select) -> Outcome,
}

/// The features.
pub const TABLE: &[FeatureDef] = &[
    arbitration::DEFINITION,
    power_management::DEFINITION,
    temperature_threshold::DEFINITION,
    error_recovery::DEFINITION,
    volatile_write_cache::DEFINITION,
    number_of_queues::DEFINITION,
    interrupt_coalescing::DEFINITION,
    interrupt_vector_configuration::DEFINITION,
    write_atomicity_normal::DEFINITION,
    asynchronous_event_configuration::DEFINITION,
];

/// The feature of an identifier.
pub fn find(fid: Fid) -> Option<&'static FeatureDef> {
    TABLE.iter().find(|feature| feature.fid == fid)
}

/// Whether the controllers have a feature: Volatile Write Cache needs one.
pub fn is_supported(feature: &FeatureDef, config: &Config) -> bool {
    feature.fid != Fid::VOLATILE_WRITE_CACHE || config.vwc
}

/// The capabilities of a changeable feature of controller scope.
fn of_controller(config: &Config, fid: Fid) -> SupportedCapabilities {
    SupportedCapabilities::new().with_changeable(true).with_saveable(config.saves(fid))
}
