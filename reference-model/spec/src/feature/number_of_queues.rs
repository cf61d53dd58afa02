//! Number of Queues (FID 07h). Base-2.3 §5.2.26.2.1, figures 472 and 473.

use bitfield_struct::bitfield;

use crate::Entries;

/// Dword 11 of Set Features (what the host requests, NSQR and NCQR) and dword 0 of the completion
/// of Set and Get Features (what the controller allocated, NSQA and NCQA): one layout for both.
/// The admin queues are not counted. FFFFh is not to be requested.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct NumberOfQueues {
    /// Number of I/O Submission Queues Requested or Allocated (NSQR, NSQA), 0's based.
    pub nsq_z: u16,
    /// Number of I/O Completion Queues Requested or Allocated (NCQR, NCQA), 0's based.
    pub ncq_z: u16,
}

impl NumberOfQueues {
    /// From numbers of queues (1 to 65,536; 65,536 is the invalid FFFFh).
    pub const fn of(io_sqs: Entries, io_cqs: Entries) -> Self {
        Self::new()
            .with_nsq_z(io_sqs.0.wrapping_sub(1) as u16)
            .with_ncq_z(io_cqs.0.wrapping_sub(1) as u16)
    }

    /// How many I/O Submission Queues: their identifiers are 1 to this.
    pub const fn io_sqs(self) -> Entries {
        Entries(self.nsq_z() as u32 + 1)
    }

    /// How many I/O Completion Queues: their identifiers are 1 to this.
    pub const fn io_cqs(self) -> Entries {
        Entries(self.ncq_z() as u32 + 1)
    }
}
