//! Volatile Write Cache (06h). Base-2.3 §5.2.26.1.4.

use spec::feature::{SupportedCapabilities, VolatileWriteCache};
use spec::{Fid, Status};

use super::{FeatureDef, Select};
use crate::config::Config;
use crate::run::{Outcome, Refusal, Run};
use crate::seam::Check;

/// WCE of one controller.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    /// The current value.
    pub wce: bool,
    /// The saved value.
    pub saved: Option<bool>,
}

impl Value {
    /// As after power on.
    pub const fn new(config: &Config) -> Self {
        Self { wce: config.wce_default, saved: None }
    }

    /// The saved value if there is one, else the default. Base-2.3 §4.4.
    pub fn reset(&mut self, config: &Config) {
        self.wce = self.saved.unwrap_or(config.wce_default);
    }
}

pub(super) const DEFINITION: FeatureDef =
    FeatureDef { fid: Fid::VOLATILE_WRITE_CACHE, capabilities, set, get };

fn capabilities(config: &Config) -> SupportedCapabilities {
    SupportedCapabilities::new().with_changeable(true).with_saveable(config.wce_saveable)
}

fn set(run: &mut Run, cdw11: u32, save: bool) -> Outcome {
    run.refuse_if(Check::Fid, !run.config.vwc, Status::INVALID_FIELD_IN_COMMAND)?;
    let wce = VolatileWriteCache::from_bits(cdw11).wce();
    let value = &mut run.controller.features.volatile_write_cache;
    if value.wce && !wce {
        // What completed while the cache was on would stay volatile with nobody to flush it.
        run.media.flush().map_err(|_| Refusal(Status::INTERNAL_ERROR))?;
    }
    value.wce = wce;
    if save {
        value.saved = Some(wce);
    }
    run.success()
}

fn get(run: &mut Run, select: Select) -> Outcome {
    run.refuse_if(Check::Fid, !run.config.vwc, Status::INVALID_FIELD_IN_COMMAND)?;
    let value = run.controller.features.volatile_write_cache;
    let wce = match select {
        Select::Current => value.wce,
        Select::Default => run.config.wce_default,
        Select::Saved => value.saved.unwrap_or(run.config.wce_default),
    };
    run.success_with(VolatileWriteCache::new().with_wce(wce).into_bits())
}
