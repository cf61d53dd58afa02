//! Features: one file each, with its set, get, default and survival.

pub mod number_of_queues;
pub mod volatile_write_cache;

use spec::Fid;
use spec::feature::SupportedCapabilities;

use crate::config::Config;
use crate::run::{Outcome, Run};

/// The feature values of one controller.
#[derive(Clone, Debug)]
pub struct Features {
    /// Volatile Write Cache (06h).
    pub volatile_write_cache: volatile_write_cache::Value,
    /// Number of Queues (07h).
    pub number_of_queues: number_of_queues::Value,
}

impl Features {
    /// As after power on.
    pub fn new(config: &Config) -> Self {
        Self {
            volatile_write_cache: volatile_write_cache::Value::new(config),
            number_of_queues: number_of_queues::Value::new(config),
        }
    }

    /// A Controller Level Reset: saved or default values. Base-2.3 §4.4.
    pub fn reset(&mut self, config: &Config) {
        self.volatile_write_cache.reset(config);
        self.number_of_queues.reset(config);
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
pub const TABLE: &[FeatureDef] = &[volatile_write_cache::DEFINITION, number_of_queues::DEFINITION];

/// The feature of an identifier.
pub fn find(fid: Fid) -> Option<&'static FeatureDef> {
    TABLE.iter().find(|feature| feature.fid == fid)
}
