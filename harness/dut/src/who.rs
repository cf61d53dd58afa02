//! Who a controller is, asked by a host of its own before anything else happens to it: whether it is
//! the one that its owner has named must be known before the first command that writes.

use std::fmt;

use log::Perm;
use spec::cns::Cns;
use spec::command::Identify;
use spec::identify::IdentifyController;
use spec::register::{self, Aqa, Cap, Cc, Csts, DoorbellKind};
use spec::{Addr, Cid, Cqe, Sqe};

use crate::{Ctrl, Doorbell, Dut, Fault, Progress, Width};

/// Entries of each of the two queues.
const ENTRIES: u32 = 4;
/// How long the one command may take, in nanoseconds.
const PATIENCE: u64 = 10_000_000_000;
/// The unit of CAP.TO, in nanoseconds.
const TO_UNIT: u64 = 500_000_000;

/// What a controller says of itself in Identify Controller.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Who {
    /// Serial Number (SN), without its padding.
    pub serial: String,
    /// Model Number (MN), without its padding.
    pub model: String,
    /// Firmware Revision (FR), without its padding.
    pub firmware: String,
}

/// Why a controller did not say who it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WhoError {
    /// An access gave no answer.
    Fault(Fault),
    /// It does not behave as a controller must, in words.
    Strange(String),
}

impl fmt::Display for WhoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhoError::Fault(fault) => fault.fmt(f),
            WhoError::Strange(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for WhoError {}

impl From<Fault> for WhoError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn strange<T>(why: impl Into<String>) -> Result<T, WhoError> {
    Err(WhoError::Strange(why.into()))
}

/// Disables the controller, enables it with admin queues at the start of the arena, identifies it and
/// disables it again. Nothing else is sent; every wait has an end.
pub fn who_is(dut: &mut dyn Dut, ctrl: Ctrl) -> Result<Who, WhoError> {
    let mut asker = Asker::new(dut, ctrl)?;
    asker.disable()?;
    let asked = asker.enable().and_then(|()| asker.identify());
    // Whatever came of it, the controller must not be left with these queues.
    asker.disable()?;
    let (at, bytes) = (asker.at(0), 4 * asker.page);
    asker.dut.unmap(at, bytes)?;
    asked
}

struct Asker<'d> {
    dut: &'d mut dyn Dut,
    ctrl: Ctrl,
    cap: Cap,
    /// The memory page size in bytes.
    page: u64,
}

impl<'d> Asker<'d> {
    fn new(dut: &'d mut dyn Dut, ctrl: Ctrl) -> Result<Self, WhoError> {
        let cap = match dut.capabilities().wide_access {
            true => dut.read(ctrl, register::CAP, Width::U64)?,
            false => {
                let low = dut.read(ctrl, register::CAP, Width::U32)?;
                low | dut.read(ctrl, register::CAP + 4, Width::U32)? << 32
            }
        };
        if cap == u64::MAX || cap == 0 {
            return strange(format!("CAP reads as {cap:#x}: there is no controller"));
        }
        let cap = Cap::from(cap);
        let page = 4096_u64 << cap.mpsmin();
        if 4 * page > dut.memory().bytes() {
            return strange(format!("its smallest memory page has {page} bytes (CAP.MPSMIN)"));
        }
        Ok(Self { dut, ctrl, cap, page })
    }

    /// The address of page `n`: SQ, CQ, data.
    fn at(&self, n: u64) -> Addr {
        Addr(self.dut.memory().base().0.next_multiple_of(self.page) + n * self.page)
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), WhoError> {
        Ok(self.dut.write(self.ctrl, offset, Width::U32, u64::from(value))?)
    }

    fn write64(&mut self, offset: u32, value: u64) -> Result<(), WhoError> {
        if self.dut.capabilities().wide_access {
            return Ok(self.dut.write(self.ctrl, offset, Width::U64, value)?);
        }
        self.write(offset, value as u32)?;
        self.write(offset + 4, (value >> 32) as u32)
    }

    /// Waits until CSTS.RDY is `ready`, as long as CAP.TO says (FFh: as long as any other value could).
    fn wait_ready(&mut self, ready: bool) -> Result<(), WhoError> {
        // With CRTO in force CAP.TO may be too short by the text: 60 s is more than drives take.
        let patience = (u64::from(self.cap.to()) * TO_UNIT).max(60_000_000_000);
        let deadline = self.dut.now().saturating_add(patience);
        loop {
            let begin = self.dut.now();
            let raw = self.dut.read(self.ctrl, register::CSTS, Width::U32)? as u32;
            let csts = Csts::from(raw);
            if raw != u32::MAX && csts.rdy() == ready {
                return Ok(());
            }
            if ready && csts.cfs() {
                return strange(format!("it does not become ready: CSTS.CFS = 1 ({raw:#x})"));
            }
            if begin >= deadline {
                let seconds = patience / 1_000_000_000;
                return strange(format!(
                    "CSTS.RDY did not become {} within {seconds} s (CSTS {raw:#x})",
                    u8::from(ready)
                ));
            }
            if self.dut.wait(deadline)? == Progress::Idle {
                self.dut.pass(deadline);
            }
        }
    }

    fn disable(&mut self) -> Result<(), WhoError> {
        let cc = Cc::from(self.dut.read(self.ctrl, register::CC, Width::U32)? as u32);
        if cc.en() {
            self.write(register::CC, cc.with_en(false).with_shn(0).into_bits())?;
        }
        self.wait_ready(false)
    }

    fn enable(&mut self) -> Result<(), WhoError> {
        let memory = std::sync::Arc::clone(self.dut.memory());
        let (sq, cq, data) = (self.at(0), self.at(1), self.at(2));
        if !memory.set(sq, 4 * self.page, 0) {
            return strange("the arena does not hold its queues");
        }
        for (at, perm) in
            [(sq, Perm::ToController), (cq, Perm::FromController), (data, Perm::FromController)]
        {
            self.dut.map(at, self.page, perm)?;
        }
        let entries_z = ENTRIES as u16 - 1;
        let aqa = Aqa::new().with_asqs_z(entries_z).with_acqs_z(entries_z);
        self.write(register::AQA, aqa.into_bits())?;
        self.write64(register::ASQ, sq.0)?;
        self.write64(register::ACQ, cq.0)?;
        // The NVM command set; else all sets by CNS 1Ch; else none, the admin queue alone.
        let css = match self.cap.css() {
            css if css & 1 != 0 => 0b000,
            css if css & 1 << 6 != 0 => 0b110,
            _ => 0b111,
        };
        let cc = Cc::new().with_en(true).with_css(css).with_mps(self.cap.mpsmin());
        self.write(register::CC, cc.with_iosqes(6).with_iocqes(4).into_bits())?;
        self.wait_ready(true)
    }

    fn identify(&mut self) -> Result<Who, WhoError> {
        let memory = std::sync::Arc::clone(self.dut.memory());
        let (sq, cq, data) = (self.at(0), self.at(1), self.at(2));
        let command = Identify { cns: Cns::IDENTIFY_CONTROLLER, prp1: data, ..Identify::default() };
        let sqe = Sqe::from(command).with_cid(Cid(1));
        if !memory.write(sq, &sqe.to_bytes()) {
            return strange("the arena does not hold its queues");
        }
        self.ring(DoorbellKind::SqTail)?;
        let deadline = self.dut.now().saturating_add(PATIENCE);
        // Dword 3 holds the phase tag: 1 in the first round.
        let last = Addr(cq.0 + 12);
        while memory.load_acquire(last).is_none_or(|dword| dword >> 16 & 1 == 0) {
            if self.dut.now() >= deadline {
                let seconds = PATIENCE / 1_000_000_000;
                return strange(format!("Identify did not complete within {seconds} s"));
            }
            if self.dut.wait(deadline)? == Progress::Idle {
                self.dut.pass(deadline);
            }
        }
        let mut bytes = [0; Cqe::BYTES];
        let seen = memory.read(cq, &mut bytes);
        let cqe = Cqe::from_bytes(&bytes);
        self.ring(DoorbellKind::CqHead)?;
        if !seen || cqe.cid() != Cid(1) || !cqe.status().is_success() {
            return strange(format!("Identify failed: {}", cqe.status()));
        }
        let mut bytes = [0; 4096];
        if !memory.read(data, &mut bytes) {
            return strange("the arena does not hold its data");
        }
        let controller = IdentifyController(bytes);
        Ok(Who {
            serial: controller.sn().text(),
            model: controller.mn().text(),
            firmware: controller.fr().text(),
        })
    }

    fn ring(&mut self, kind: DoorbellKind) -> Result<(), WhoError> {
        let offset = register::doorbell_offset(kind, 0, self.cap.dstrd());
        Ok(self.dut.ring(self.ctrl, &[Doorbell { offset, value: 1 }])?)
    }
}

#[cfg(test)]
mod tests;
