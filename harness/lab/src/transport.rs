//! What a host does beside BAR 0: MSI-X, holds, resets.

use dut::{Capability, Ctrl};
use log::{Body, Interval, ResetKind};
use spec::register;

use crate::action::Seen;
use crate::core::Core;
use crate::host::Hold;
use crate::stop::Stop;

impl Core<'_> {
    pub fn msix_enable(&mut self, ctrl: u8, vectors: u16) -> Result<Seen, Stop> {
        if vectors > self.caps.msix_vectors {
            return Err(self.lacks(Capability::MsixVectors, &format!("{vectors} MSI-X vectors")));
        }
        self.drain();
        self.dut.irq_setup(Ctrl(ctrl), vectors).map_err(|fault| self.fault(ctrl, fault))?;
        let controller = &mut self.host.controllers[usize::from(ctrl)];
        controller.msix = (vectors != 0).then_some(vectors);
        controller.interrupts.clear();
        self.push_now(ctrl, Body::MsixEnable { on: vectors != 0, vectors });
        Ok(Seen::Nothing)
    }

    pub fn msix_mask(&mut self, ctrl: u8, vector: u16, masked: bool) -> Result<Seen, Stop> {
        if !self.caps.msix_table {
            return Err(self.lacks(Capability::MsixTable, "access to the MSI-X table"));
        }
        self.drain();
        let not_before = self.dut.now();
        self.dut.irq_mask(Ctrl(ctrl), vector, masked).map_err(|fault| self.fault(ctrl, fault))?;
        let when = Interval { not_before, seen: self.dut.now() };
        self.push(ctrl, when, Body::MsixMask { vector, masked });
        self.drain();
        Ok(Seen::Nothing)
    }

    pub fn msix_pending(&mut self, ctrl: u8, vector: u16) -> Result<Seen, Stop> {
        if !self.caps.msix_table {
            return Err(self.lacks(Capability::MsixTable, "access to the MSI-X table"));
        }
        let not_before = self.dut.now();
        let pending =
            self.dut.irq_pending(Ctrl(ctrl), vector).map_err(|fault| self.fault(ctrl, fault))?;
        self.drain();
        let when = Interval { not_before, seen: self.dut.now() };
        self.push(ctrl, when, Body::MsixPending { vector, pending });
        Ok(Seen::Value(u64::from(pending)))
    }

    // ---- commands held in flight. The judge needs no record of it: see `record_empty_look`.

    pub fn hold(&mut self) -> Result<Seen, Stop> {
        if !self.caps.holds {
            return Err(self.lacks(Capability::Holds, "commands that can be held in flight"));
        }
        self.push_text(0, "the media are held", |payload| Body::Note { payload });
        self.dut.hold().map_err(|fault| self.fault(0, fault))?;
        self.host.hold = Some(Hold::begun(self.host.hold, self.dut.now(), self.judge.profile()));
        Ok(Seen::Nothing)
    }

    pub fn let_go(&mut self) -> Result<Seen, Stop> {
        self.push_text(0, "the media are let go", |payload| Body::Note { payload });
        self.dut.let_go().map_err(|fault| self.fault(0, fault))?;
        self.end_hold();
        Ok(Seen::Nothing)
    }

    /// What was held goes on from now.
    fn end_hold(&mut self) {
        let now = self.dut.now();
        if let Some(hold) = &mut self.host.hold {
            hold.until.get_or_insert(now);
        }
    }

    pub fn reset(&mut self, ctrl: u8, kind: ResetKind) -> Result<Seen, Stop> {
        if !self.caps.resets.contains(&kind) {
            return Err(self.lacks(Capability::Resets, &format!("a reset of kind {kind:?}")));
        }
        self.drain();
        let not_before = self.dut.now();
        let outcome = self.dut.reset(Ctrl(ctrl), kind).map_err(|fault| self.fault(ctrl, fault))?;
        self.end_hold();
        self.drain();
        let when = Interval { not_before, seen: self.dut.now() };
        self.push(ctrl, when, Body::Reset { kind, all: outcome.all });
        let reached = if outcome.all { 0..self.caps.controllers } else { ctrl..ctrl + 1 };
        for ctrl in reached {
            // Before the sweep: looks at a controller that was reset are no looks during a hold.
            let controller = &mut self.host.controllers[usize::from(ctrl)];
            controller.cc = register::Cc::default();
            controller.rdy = Some(false);
            if outcome.msix_off {
                controller.msix = None;
            }
            for cqid in self.controller(ctrl).cqids() {
                self.sweep_queue(ctrl, cqid)?;
            }
            self.host.forget_queues(ctrl);
        }
        Ok(Seen::Nothing)
    }
}
