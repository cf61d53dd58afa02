//! A transfer to memory that is not there completes with success.

use spec::Status;

use crate::seam::{Check, Defect, Scene};

pub(super) struct UnmappedSucceeds;

impl Defect for UnmappedSucceeds {
    fn name(&self) -> &'static str {
        "unmapped-succeeds"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["prp.unmapped"]
    }

    fn story(&self) -> &'static str {
        "QEMU 7.2 answers Identify into memory that an IOMMU refuses with Successful \
         Completion."
    }

    fn on_check(&self, _: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        match check {
            Check::HostMemory => found.map(|_| Status::SUCCESSFUL_COMPLETION),
            _ => found,
        }
    }
}
