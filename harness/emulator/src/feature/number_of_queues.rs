//! Number of Queues (07h). Base-2.3 §5.2.26.2.1.

use spec::feature::{NumberOfQueues, SupportedCapabilities};
use spec::{Entries, Fid, Status};

use super::{FeatureDef, Select};
use crate::config::{Config, Grant};
use crate::run::{Outcome, Run};
use crate::seam::Check;

/// The queues allocated to one controller.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    /// I/O Submission Queues: identifiers 1 to this.
    pub io_sqs: u16,
    /// I/O Completion Queues: identifiers 1 to this.
    pub io_cqs: u16,
    /// The host has set it since the last reset: the allocation is fixed.
    pub set: bool,
}

impl Value {
    /// Before the host asks, everything is allocated.
    pub const fn new(config: &Config) -> Self {
        Self { io_sqs: config.io_sqs, io_cqs: config.io_cqs, set: false }
    }

    /// The allocation holds until the next reset.
    pub fn reset(&mut self, config: &Config) {
        *self = Self::new(config);
    }

    const fn dword(self) -> NumberOfQueues {
        NumberOfQueues::of(Entries(self.io_sqs as u32), Entries(self.io_cqs as u32))
    }
}

pub(super) const DEFINITION: FeatureDef =
    FeatureDef { fid: Fid::NUMBER_OF_QUEUES, capabilities, set, get };

fn capabilities(_: &Config) -> SupportedCapabilities {
    SupportedCapabilities::new().with_changeable(true)
}

fn set(run: &mut Run, cdw11: u32, _save: bool) -> Outcome {
    let request = NumberOfQueues::from_bits(cdw11);
    let invalid = request.nsq_z() == u16::MAX || request.ncq_z() == u16::MAX;
    run.refuse_if(Check::QueueCount, invalid, Status::INVALID_FIELD_IN_COMMAND)?;
    let late = run.controller.has_io_queues();
    run.refuse_if(Check::QueueCountTime, late, Status::COMMAND_SEQUENCE_ERROR)?;
    let value = &mut run.controller.features.number_of_queues;
    if !value.set && run.config.grant == Grant::Requested {
        value.io_sqs = run.config.io_sqs.min(request.nsq_z() + 1);
        value.io_cqs = run.config.io_cqs.min(request.ncq_z() + 1);
    }
    value.set = true;
    let dw0 = value.dword().into_bits();
    run.success_with(dw0)
}

fn get(run: &mut Run, select: Select) -> Outcome {
    let value = match select {
        Select::Current => run.controller.features.number_of_queues,
        Select::Default | Select::Saved => Value::new(run.config),
    };
    run.success_with(value.dword().into_bits())
}
