//! How a test starts: a reset, and for most tests a bring-up that is done and judged once.

use std::rc::Rc;

use log::{Body, Interval, Origin, ResetKind};
use spec::Addr;
use spec::register::{self, Csts};

use crate::action::{Action, Condition, Patience, Word};
use crate::core::Core;
use crate::ctl::Ctl;
use crate::lab::Lab;
use crate::sequence::Start;
use crate::snapshot::Snapshot;
use crate::stop::Outcome;

/// A finished bring-up. The DUT's half of the snapshot is its mark.
#[derive(Clone)]
pub(crate) struct Prelude {
    snapshot: Snapshot,
    /// What stood in the host's own queues: the DUT takes back what *it* wrote, the rest is ours.
    copies: Vec<(Addr, Vec<u8>)>,
    /// All the memory that bring-up used, guards included: a test that began with a reset has laid its
    /// own buffers over it.
    whole: (Addr, Vec<u8>),
}

impl Prelude {
    /// Takes everything back that happened since: the DUT what it wrote, the lab what the host wrote up
    /// to `dirty_end` (and below, if it was `overlaid`). A test must not find in memory what another
    /// one left there.
    fn rewind(&self, core: &mut Core<'_>, dirty_end: u64, overlaid: bool) -> Outcome {
        core.dut.rewind().map_err(|fault| core.fault(0, fault))?;
        let from = self.snapshot.host.memory.untouched();
        let cleared = core.arena.set(Addr(from), dirty_end.saturating_sub(from), 0);
        let copies = if overlaid { std::slice::from_ref(&self.whole) } else { &self.copies[..] };
        let restored = copies.iter().all(|(at, bytes)| core.arena.write(*at, bytes));
        if cleared && restored {
            return Ok(());
        }
        Err(core.harness("host memory that lies outside the arena"))
    }
}

/// Puts the DUT and the lab where a test of this start begins.
pub(crate) fn begin(lab: &mut Lab<'_>, start: Start) -> Outcome {
    let rewinds = lab.capabilities().rewind;
    if rewinds
        && start == Start::Enabled
        && let Some(prelude) = &lab.snapshot
    {
        let mut core = lab.core.borrow_mut();
        prelude.rewind(&mut core, lab.dirty_end, lab.overlaid)?;
        core.go_back_to(&prelude.snapshot);
        core.sequence.start = start;
        return Ok(());
    }
    {
        let mut core = lab.core.borrow_mut();
        core.sequence.start = start;
        if rewinds && let Some(prelude) = &lab.snapshot {
            prelude.rewind(&mut core, lab.dirty_end, lab.overlaid)?;
        }
        core.hidden += 1;
        push_origin(&mut core);
        reset_all(&mut core)?;
    }
    if start == Start::Enabled {
        bring_up(lab)?;
        let mut core = lab.core.borrow_mut();
        if rewinds {
            let marked = core.dut.mark();
            marked.map_err(|fault| core.fault(0, fault))?;
            let copies = core.host.memory.copies(&core.arena);
            let whole = core.host.memory.whole(&core.arena);
            lab.snapshot = Some(Rc::new(Prelude { snapshot: core.snapshot(), copies, whole }));
        }
    }
    lab.core.borrow_mut().hidden -= 1;
    Ok(())
}

fn push_origin(core: &mut Core<'_>) {
    let identity = core.dut.identity();
    let origin = crate::trace::origin_json(&identity, &core.caps);
    let payload = core.log.store(origin.as_bytes());
    let body = Body::Origin(Origin {
        format: log::trace::FORMAT,
        controllers: core.caps.controllers,
        device_vantage: false,
        exact_dma: core.caps.dma == dut::DmaVisibility::Exact,
        read_flushes_dma: core.caps.read_flushes_dma,
        payload,
    });
    let now = core.dut.now();
    core.push(0, Interval { not_before: now, seen: now }, body);
}

/// Resets every controller, by the widest means that is not too wide to be quick.
fn reset_all(core: &mut Core<'_>) -> Outcome {
    // A power cycle is quick where the DUT can be rewound, and slow everywhere else.
    let order: &[ResetKind] = if core.caps.rewind {
        &[ResetKind::PowerCycle, ResetKind::Conventional, ResetKind::FunctionLevel]
    } else {
        &[ResetKind::Conventional, ResetKind::FunctionLevel]
    };
    let usable = |kind: &&ResetKind| {
        let action = Action::Reset { ctrl: 0, kind: **kind };
        core.caps.resets.contains(*kind)
            && action.hazard(core.caps.controllers) <= core.settings.consent
    };
    let kind = order.iter().find(usable).copied();
    let mut reached = 0;
    while reached < core.caps.controllers {
        let ctrl = reached;
        reached += 1;
        let Some(kind) = kind else {
            disable(core, ctrl)?;
            continue;
        };
        core.perform(&Action::Reset { ctrl, kind })?;
        let all = core.log.records().iter().rev().find_map(|record| match record.body() {
            Body::Reset { all, .. } => Some(all),
            _ => None,
        });
        if all == Some(true) {
            break;
        }
    }
    Ok(())
}

/// Disables a controller that cannot be reset by other means.
fn disable(core: &mut Core<'_>, ctrl: u8) -> Outcome {
    core.perform(&Action::ReadReg { ctrl, offset: register::CAP, width: 8 })?;
    let cc = core.read_register(ctrl, register::CC, 4)?;
    core.host.controllers[usize::from(ctrl)].cc = register::Cc::from(cc as u32);
    if cc & 1 != 0 {
        let value = Word::Raw(cc & !1);
        core.perform(&Action::WriteReg { ctrl, offset: register::CC, width: 4, value })?;
    }
    let not_ready =
        Condition::Register(register::CSTS, 4, Csts::new().with_rdy(true).into_bits().into(), 0);
    core.perform(&Action::Wait { ctrl, condition: not_ready, patience: Patience::Default })?;
    Ok(())
}

/// Enables controller 0, identifies it and its namespaces, and sets the number of queues.
fn bring_up(lab: &mut Lab<'_>) -> Outcome {
    let mut ctl = Ctl::new(Rc::clone(&lab.core), 0);
    ctl.enable()?;
    ctl.identify()
}
