//! Registers: what they say and how they read back. Base-2.3 §3.1.4.

use lab::{Capability, Ctl, Lab, Outcome, Stop, conformance};
use spec::register::{self, Aqa, Cc};
use spec::requirement::create_io_cq;
use spec::{Entries, Lba, Nsid, Qid, Version};

use super::given::{self, AdminQueues, FLUSH};

/// CAP is the same before, while and after the controller is enabled, and does not contradict
/// itself.
#[conformance(reqs = [register::READ_ONLY, register::RESERVED_ZERO, register::MQES,
    register::MPS_ORDER, register::NSSS_NEEDS_NSSRS])]
fn keeps_its_capabilities(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    ctrl.cap()?;
    ctrl.enable()?;
    ctrl.cap()?;
    ctrl.disable()?;
    ctrl.cap()?;
    Ok(())
}

/// VS names a revision, always the same one.
#[conformance(reqs = [register::VS, register::READ_ONLY])]
fn names_its_revision(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    ctrl.vs()?;
    ctrl.enable()?;
    ctrl.vs()?;
    Ok(())
}

/// From 2.0 a controller has ready modes, with times that do not contradict each other.
#[conformance(reqs = [register::CRMS, register::CRWMT])]
fn tells_how_long_it_takes_to_become_ready(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    lab.needs(ctrl.vs()? >= Version::new(2, 0), "VS of at least 2.0")?;
    ctrl.cap()?;
    ctrl.read(register::CRTO, 4)?;
    ctrl.enable()?;
    ctrl.read(register::CRTO, 4)?;
    Ok(())
}

/// The times of both ready modes are told whichever of them is chosen.
#[conformance(req = register::CRTO_CONSTANT)]
fn keeps_its_times_whatever_the_ready_mode(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    lab.needs(ctrl.vs()? >= Version::new(2, 0), "VS of at least 2.0")?;
    let modes = ctrl.cap()?.crms();
    lab.needs(modes == 3, "both ready modes (CAP.CRMS = 11b)")?;
    ctrl.read(register::CRTO, 4)?;
    for crime in [true, false] {
        let mode = Cc::new().with_crime(crime);
        ctrl.write(register::CC, 4, u64::from(u32::from(mode)))?;
        ctrl.read(register::CRTO, 4)?;
    }
    Ok(())
}

/// Writes to CAP and VS change nothing.
#[conformance(req = register::READ_ONLY)]
fn ignores_writes_to_capabilities_and_version(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    let cap = ctrl.read(register::CAP, 8)?;
    let vs = ctrl.read(register::VS, 4)?;
    ctrl.write(register::CAP, 8, !cap)?;
    ctrl.write(register::VS, 4, !vs & 0xffff_ffff)?;
    ctrl.read(register::CAP, 8)?;
    ctrl.read(register::VS, 4)?;
    Ok(())
}

/// A 64-bit register reads the same in two halves.
#[conformance(req = register::ACCESS_HALVES)]
fn shows_its_capabilities_in_halves(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    lab.needs_transport(
        Capability::WideAccess,
        lab.capabilities().wide_access,
        "8-byte register accesses",
    )?;
    ctrl.read(register::CAP, 8)?;
    ctrl.read(register::CAP, 4)?;
    ctrl.read(register::CAP + 4, 4)?;
    Ok(())
}

/// The admin queue addresses may be written in two halves, in either order.
#[conformance(reqs = [register::ASQ, register::ACQ])]
fn takes_queue_addresses_in_halves(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    lab.needs_transport(
        Capability::WideAccess,
        lab.capabilities().wide_access,
        "8-byte register accesses",
    )?;
    let at = ctrl.buffer(4096)?.at.0;
    for (offset, order) in [(register::ASQ, [0, 4]), (register::ACQ, [4, 0])] {
        for half in order {
            ctrl.write(offset + half, 4, at >> (8 * half) & 0xffff_ffff)?;
        }
        ctrl.read(offset, 8)?;
    }
    Ok(())
}

/// CC reads back as it was written, enabled or not.
#[conformance(reqs = [register::CC_READS_BACK, register::CC_RESERVED])]
fn reads_back_its_configuration(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    ctrl.cc()?;
    ctrl.enable()?;
    ctrl.cc()?;
    ctrl.disable()?;
    ctrl.cc()?;
    Ok(())
}

/// AQA, ASQ and ACQ read back as they were written, at the smallest and at the largest sizes.
#[conformance(reqs = [register::ADMIN_QUEUE_PROGRAMMED, register::AQA_RESERVED, register::ASQ,
    register::ACQ])]
fn reads_back_the_admin_queue_registers(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    lab.needs_transport(
        Capability::WideAccess,
        lab.capabilities().wide_access,
        "8-byte register accesses",
    )?;
    for (sqs, cqs, base) in [(1, 0xfff, 0x1000), (0xfff, 1, 0x1234_5678_9000)] {
        let aqa = Aqa::new().with_asqs_z(sqs).with_acqs_z(cqs);
        ctrl.write(register::AQA, 4, u64::from(aqa.into_bits()))?;
        ctrl.write(register::ASQ, 8, base)?;
        ctrl.write(register::ACQ, 8, base + 0x10_0000)?;
        ctrl.read(register::AQA, 4)?;
        ctrl.read(register::ASQ, 8)?;
        ctrl.read(register::ACQ, 8)?;
    }
    Ok(())
}

/// INTMS sets mask bits, INTMC clears them, zeroes leave them alone, and both read as the mask.
#[conformance(reqs = [register::INTMS, register::INTMC])]
fn sets_and_clears_interrupt_masks(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    ctrl.msix_enable(0)?;
    read_masks(&mut ctrl)?;
    for _ in 0..8 {
        let bits = lab.random().number() & 0xffff_ffff;
        ctrl.write(register::INTMS, 4, bits)?;
        read_masks(&mut ctrl)?;
        let bits = lab.random().number() & 0xffff_ffff;
        ctrl.write(register::INTMC, 4, bits)?;
        read_masks(&mut ctrl)?;
    }
    Ok(())
}

fn read_masks(ctrl: &mut Ctl<'_>) -> Result<u64, Stop> {
    ctrl.read(register::INTMS, 4)?;
    ctrl.read(register::INTMC, 4)
}

/// A Controller Reset clears the interrupt masks.
#[conformance(req = reset::INTERRUPT_MASK)]
fn clears_the_interrupt_masks_at_a_reset(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.msix_enable(0)?;
    ctrl.write(register::INTMS, 4, 0xffff_ffff)?;
    ctrl.disable()?;
    read_masks(&mut ctrl)?;
    ctrl.write(register::INTMC, 4, 0xffff_ffff)
}

/// CSTS shows normal operation, whether the controller is disabled, ready or busy.
#[conformance(reqs = [shutdown::SHST_NORMAL, register::RESERVED_ZERO])]
fn shows_normal_operation(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    ctrl.csts()?;
    ctrl.enable()?;
    ctrl.csts()?;
    ctrl.ask_queues(1, 1)?.ruled()?;
    ctrl.io_pair(Qid(1), Entries(8))?;
    ctrl.submit(Qid(1), FLUSH)?;
    ctrl.ring(Qid(1))?;
    ctrl.csts()?;
    ctrl.wait_all()?;
    Ok(())
}

/// The controller works with every memory page size from CAP.MPSMIN to CAP.MPSMAX.
#[conformance(reqs = [register::MPS_EACH, register::CC_READS_BACK, data::LAST_WRITTEN], hazard = erasing)]
fn works_with_each_page_size(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    let cap = ctrl.cap()?;
    lab.needs(cap.mpsmax() > 0, "CAP.MPSMAX above 0")?;
    for mps in cap.mpsmin()..=cap.mpsmax().min(8) {
        given::enable_with_pages(&mut ctrl, mps)?;
        ctrl.cc()?;
        ctrl.identify()?;
        let ns = given::namespace(lab, &ctrl)?;
        ctrl.write_blocks(Nsid(ns.nsid), Lba(0), 8)?.accepted()?;
        ctrl.read_blocks(Nsid(ns.nsid), Lba(0), 8)?.accepted()?;
        ctrl.disable()?;
    }
    Ok(())
}

/// With CC.IOCQES = 0 an I/O Completion Queue cannot be created.
#[conformance(req = create_io_cq::BEFORE_IOCQES)]
fn refuses_io_queues_before_their_entry_size_is_set(lab: &mut Lab<'_>) -> Outcome {
    // Given: a controller that was enabled without entry sizes.
    let mut ctrl = lab.controller(0)?;
    let cap = ctrl.cap()?;
    ctrl.vs()?;
    ctrl.csts()?;
    AdminQueues::new(&mut ctrl, 4096 << cap.mpsmin())?.program(&mut ctrl)?;
    let cc = Cc::new().with_en(true).with_mps(cap.mpsmin());
    ctrl.write(register::CC, 4, u64::from(cc.into_bits()))?;
    if !ctrl.wait_for(register::CSTS, 4, 1, 1)? {
        return Err(Stop::PatienceOver("CSTS.RDY = 1".into()));
    }
    ctrl.ask_queues(1, 1)?.ruled()?;

    // When: the host creates a queue. Then: refused, by this requirement.
    let good = ctrl.io_cq(Qid(1), given::at_most(&ctrl, 16))?;
    ctrl.admin(good)?.refused_by(create_io_cq::BEFORE_IOCQES)?;

    // And: once the sizes are set, the same command succeeds.
    let sized = cc.with_iosqes(6).with_iocqes(4);
    ctrl.write(register::CC, 4, u64::from(sized.into_bits()))?;
    ctrl.admin(good)?.accepted()
}
