//! One controller at work on one command: everything that executing it may touch.

use log::Perm;
use spec::{Qid, Sqe, Status};

use crate::bus::Bus;
use crate::config::Config;
use crate::controller::{Controller, Late, Segment};
use crate::media::Media;
use crate::seam::{Bound, Check, Defect, Notes, Scene, Transfer};

/// Why a command ends with an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal(pub Status);

/// How a command ends well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// Completed, with this dword 0.
    Now(u32),
    /// It stays outstanding (Asynchronous Event Request).
    Outstanding,
}

/// How a command ends.
pub type Outcome = Result<Done, Refusal>;

/// A controller at work.
pub struct Run<'a> {
    /// The configuration of the subsystem.
    pub config: &'a Config,
    /// The defect, or the correct behaviour.
    pub defect: &'static dyn Defect,
    /// The memory of the defect.
    pub notes: &'a mut Notes,
    /// The controller.
    pub controller: &'a mut Controller,
    /// The namespaces.
    pub media: &'a mut Media,
    /// Host memory.
    pub bus: &'a mut dyn Bus,
    /// The command at hand.
    pub sqe: Sqe,
    /// Its queue.
    pub sqid: Qid,
}

impl Run<'_> {
    /// Where the defect is asked.
    pub fn scene(&mut self) -> Scene<'_> {
        Scene {
            ctrl: self.controller.index,
            now: self.bus.now(),
            version: self.config.version,
            sqid: self.sqid,
            sqe: &self.sqe,
            notes: self.notes,
        }
    }

    /// A check of the command: refused with `status` if it failed.
    pub fn refuse_if(&mut self, check: Check, failed: bool, status: Status) -> Result<(), Refusal> {
        let found = failed.then_some(status);
        let defect = self.defect;
        match defect.on_check(&mut self.scene(), check, found) {
            Some(status) => Err(Refusal(status)),
            None => Ok(()),
        }
    }

    /// A number that the controller works with.
    pub fn bound(&mut self, bound: Bound, value: u64) -> u64 {
        let defect = self.defect;
        defect.on_bound(&mut self.scene(), bound, value)
    }

    /// Successful completion; dword 0 is reserved.
    pub const fn success(&self) -> Outcome {
        Ok(Done::Now(0))
    }

    /// Successful completion with a dword 0.
    pub const fn success_with(&self, dw0: u32) -> Outcome {
        Ok(Done::Now(dw0))
    }

    /// Checks a transfer of `bytes` bytes against MDTS. Base-2.3 figure 328.
    pub fn check_mdts(&mut self, bytes: u64) -> Result<(), Refusal> {
        let over = bytes > self.config.max_transfer();
        self.refuse_if(Check::Mdts, over, Status::INVALID_FIELD_IN_COMMAND)
    }

    /// Whether the segments gathered may be accessed, before any of them is.
    fn check_memory(&mut self, perm: Perm) -> Result<(), Refusal> {
        let (bus, ctrl) = (&*self.bus, self.controller.index);
        let write = perm == Perm::FromController;
        let missing = !self
            .controller
            .segments
            .iter()
            .all(|part| bus.allows(ctrl, part.at, part.len as usize, write));
        self.refuse_if(Check::HostMemory, missing, Status::DATA_TRANSFER_ERROR)
    }

    /// Asks the defect about a transfer. The correct controller makes every transfer at once.
    fn planned(&mut self, to_host: bool, bytes: u64) -> Transfer {
        let mut transfer = Transfer { to_host, bytes, done: true, late: false };
        let defect = self.defect;
        defect.on_dma(&mut self.scene(), &mut transfer);
        transfer
    }

    /// Returns a structure whose PRPs describe `total` bytes: as much of it as they do.
    pub fn return_structure(&mut self, data: &mut [u8], total: u64) -> Outcome {
        let defect = self.defect;
        defect.on_data(&mut self.scene(), data);
        let total = self.bound(Bound::Returned, total);
        let data = &data[..data.len().min(usize::try_from(total).unwrap_or(usize::MAX))];
        self.gather(self.sqe.prp1().0, self.sqe.prp2().0, total, data.len() as u64)?;
        self.check_memory(Perm::FromController)?;
        let plan = self.planned(true, data.len() as u64);
        let parts = self.controller.segments.as_slice();
        copy_out(self.bus, self.controller.index, parts, data, plan, &mut self.controller.late)?;
        self.success()
    }

    /// Moves logical blocks to the host, whose memory the gathered segments are.
    pub fn send_blocks(&mut self, nsid: u32, lba: u64, count: u64) -> Outcome {
        self.check_memory(Perm::FromController)?;
        let plan = self.planned(true, 0);
        let Some(namespace) = self.media.get(nsid) else { return self.success() };
        let data = namespace.read(lba, count);
        let units = data.len() as u64 / 512;
        let parts = self.controller.segments.as_slice();
        copy_out(self.bus, self.controller.index, parts, data, plan, &mut self.controller.late)?;
        self.controller.health.reads += 1;
        self.controller.health.units_read += self.bound(Bound::DataUnits, units);
        self.success()
    }

    /// Moves logical blocks from the host, whose memory the gathered segments are.
    pub fn receive_blocks(&mut self, nsid: u32, lba: u64, count: u64, durable: bool) -> Outcome {
        self.check_memory(Perm::ToController)?;
        let plan = self.planned(false, 0);
        let Some(namespace) = self.media.get_mut(nsid) else { return self.success() };
        if !plan.done {
            return self.success();
        }
        let mut data = namespace.write(lba, count, durable);
        let units = data.len() as u64 / 512;
        for part in &self.controller.segments {
            let (now, rest) = data.split_at_mut(data.len().min(part.len as usize));
            let read = self.bus.read(self.controller.index, part.at, now);
            read.map_err(|_| Refusal(Status::DATA_TRANSFER_ERROR))?;
            data = rest;
        }
        if durable {
            namespace.settle(lba, count).map_err(|_| Refusal(Status::WRITE_FAULT))?;
        }
        self.controller.health.writes += 1;
        self.controller.health.units_written += self.bound(Bound::DataUnits, units);
        self.success()
    }
}

/// Copies `data` to the segments, as far as they go.
fn copy_out(
    bus: &mut dyn Bus,
    ctrl: usize,
    parts: &[Segment],
    mut data: &[u8],
    plan: Transfer,
    late: &mut Vec<Late>,
) -> Result<(), Refusal> {
    if !plan.done {
        return Ok(());
    }
    for part in parts {
        let (now, rest) = data.split_at(data.len().min(part.len as usize));
        data = rest;
        if plan.late {
            late.push(Late::Write(part.at, now.to_vec()));
            continue;
        }
        bus.write(ctrl, part.at, now).map_err(|_| Refusal(Status::DATA_TRANSFER_ERROR))?;
    }
    Ok(())
}
