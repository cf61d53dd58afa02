//! What many tests are given: a namespace, good commands, admin queues of their own, resets.

use lab::{
    Action, Buffer, Capability, Condition, Ctl, Data, Lab, NamespaceFacts, Outcome, Patience,
    Pending, Shape, Stop, Word,
};
use log::{Perm, ResetKind};
use spec::command::{Flush, Identify, Read, SetFeatures, Write};
use spec::identify::IdentifyController;
use spec::register::{self, Aqa, Cc};
use spec::{Cns, Entries, Fid, Lba, Nsid, Qid};

/// Long enough to see that a controller leaves something undone: 20 ms.
pub const A_WHILE: Patience = Patience::Nanos(20_000_000);

/// Inside a page, and a multiple of 8: a queue that begins there has this one fault.
pub const QUEUE_OFFSET: u64 = 8;

/// A Flush: the cheapest I/O command that every controller has.
pub const FLUSH: Flush = Flush { nsid: Nsid(1) };

/// The first active namespace whose blocks are data alone.
pub fn namespace(lab: &mut Lab<'_>, ctrl: &Ctl<'_>) -> Result<NamespaceFacts, Stop> {
    const WHAT: &str = "an active namespace without metadata, of 64 blocks at least";
    let plain = |ns: &NamespaceFacts| ns.metadata_bytes == 0 && ns.blocks >= 64;
    let first = ctrl.namespaces().into_iter().find(plain);
    lab.needs(first.is_some(), WHAT)?;
    let ns = first.ok_or_else(|| Stop::NotApplicable(WHAT.into()))?;
    let room = transfer_bytes(ctrl, u64::MAX) >= 16 * u64::from(ns.block_bytes);
    lab.needs(room, "MDTS of at least 16 logical blocks")?;
    Ok(ns)
}

/// `entries`, or as many as an I/O queue can have (CAP.MQES).
pub fn at_most(ctrl: &Ctl<'_>, entries: u32) -> Entries {
    ctrl.queue_entries_max().min(Entries(entries))
}

/// The largest transfer of one command in bytes, at most `most`.
pub fn transfer_bytes(ctrl: &Ctl<'_>, most: u64) -> u64 {
    ctrl.facts().and_then(|facts| facts.transfer_bytes_max).unwrap_or(most).min(most)
}

/// A good Write of tagged blocks, and its data.
pub fn good_write(
    ctrl: &mut Ctl<'_>,
    ns: NamespaceFacts,
    lba: u64,
    blocks: u32,
) -> Result<(Write, Data), Stop> {
    let bytes = u64::from(blocks) * u64::from(ns.block_bytes);
    let data = ctrl.data(bytes, Perm::ToController, Shape::default())?;
    let (nsid, slba, nlb) = (Nsid(ns.nsid), Lba(lba), Entries(blocks));
    ctrl.fill(&data, nsid, slba)?;
    let (prp1, prp2) = (data.prp1, data.prp2);
    Ok((Write { nsid, slba, nlb, prp1, prp2, ..Write::default() }, data))
}

/// What the controller says of itself.
pub fn identified(ctrl: &mut Ctl<'_>) -> Result<IdentifyController, Stop> {
    let cns = Cns::IDENTIFY_CONTROLLER;
    ctrl.identify_with(Identify { cns, ..Identify::default() })?.identify_controller()
}

/// A good Read, and where its data goes.
pub fn good_read(
    ctrl: &mut Ctl<'_>,
    ns: NamespaceFacts,
    lba: u64,
    blocks: u32,
) -> Result<(Read, Data), Stop> {
    let bytes = u64::from(blocks) * u64::from(ns.block_bytes);
    let data = ctrl.data(bytes, Perm::FromController, Shape::default())?;
    let (nsid, slba, nlb) = (Nsid(ns.nsid), Lba(lba), Entries(blocks));
    let (prp1, prp2) = (data.prp1, data.prp2);
    Ok((Read { nsid, slba, nlb, prp1, prp2, ..Read::default() }, data))
}

/// Sends `count` Flush commands by one doorbell write and waits for all of them.
pub fn flushes(ctrl: &mut Ctl<'_>, sqid: Qid, cqid: Qid, count: u32) -> Outcome {
    for _ in 0..count {
        ctrl.submit(sqid, FLUSH)?;
    }
    ctrl.ring(sqid)?;
    if !ctrl.wait_all()? {
        return Err(Stop::PatienceOver(format!("completions of {count} Flushes in SQ {sqid}")));
    }
    ctrl.release(cqid)
}

/// An Asynchronous Event Request that the controller has surely fetched: a later command of its queue
/// has completed.
pub fn waiting_request(ctrl: &mut Ctl<'_>) -> Result<Pending, Stop> {
    let event = ctrl.request_event()?;
    ctrl.get_feature(Fid::NUMBER_OF_QUEUES)?.ruled()?;
    Ok(event)
}

/// Waits until an event completes one of two requests, whichever: no text says which one a controller
/// takes. The other one.
pub fn other_than_completed(ctrl: &mut Ctl<'_>, both: [Pending; 2]) -> Result<Pending, Stop> {
    let [one, other] = both;
    if !ctrl.wait(one, A_WHILE)? && ctrl.is_in_flight(other) {
        ctrl.wait(one, Patience::Default)?;
    }
    let (done, left) = if ctrl.is_in_flight(one) { (other, one) } else { (one, other) };
    ctrl.answer(done)?.accepted()?;
    Ok(left)
}

/// Lets time pass without a look at any queue: for `nanos` nanoseconds, as RDY does not fall.
fn pass(ctrl: &mut Ctl<'_>, nanos: u64) -> Outcome {
    let condition = Condition::Register(register::CSTS, 4, 1, 0);
    let (index, patience) = (ctrl.index(), Patience::Nanos(nanos));
    ctrl.perform(&Action::Wait { ctrl: index, condition, patience }).map(|_| ())
}

/// Sees `count` completions of a queue, whichever they are, and keeps their slots. The lab's own
/// waits would make room in a full queue.
pub fn see_completions(ctrl: &mut Ctl<'_>, cqid: Qid, count: u32) -> Outcome {
    let mut left = count;
    for _ in 0..2000 {
        while left != 0 && ctrl.look(cqid)?.is_some() {
            left -= 1;
        }
        if left == 0 {
            return Ok(());
        }
        pass(ctrl, 1_000_000)?;
    }
    Err(Stop::PatienceOver(format!("{count} completions in CQ {cqid}")))
}

/// Every way to reset this controller: by CC.EN, and what the transport has.
pub fn resets(lab: &Lab<'_>) -> Vec<ResetKind> {
    let mut kinds = vec![ResetKind::Controller];
    kinds.extend(&lab.capabilities().resets);
    kinds
}

/// A volatile write cache, which is switched on.
pub fn needs_cache(lab: &mut Lab<'_>, ctrl: &mut Ctl<'_>) -> Outcome {
    let present = ctrl.facts().is_some_and(|facts| facts.volatile_write_cache);
    lab.needs(present, "a volatile write cache (VWC bit 0)")?;
    let fid = Fid::VOLATILE_WRITE_CACHE;
    ctrl.admin(SetFeatures { fid, cdw11: 1, ..SetFeatures::default() })?.accepted()
}

/// Needs a power cycle of the transport.
pub fn needs_power_cycle(lab: &mut Lab<'_>) -> Outcome {
    let can = lab.capabilities().resets.contains(&ResetKind::PowerCycle);
    lab.needs_transport(Capability::Resets, can, "a power cycle")
}

/// Controller 0 with MSI-X on and so many vectors.
pub fn with_vectors<'d>(lab: &mut Lab<'d>, vectors: u16) -> Result<Ctl<'d>, Stop> {
    let mut ctrl = lab.controller(0)?;
    let there = lab.capabilities().msix_vectors >= vectors;
    let words = format!("MSI-X with {vectors} vectors");
    lab.needs_transport(Capability::MsixVectors, there, &words)?;
    ctrl.msix_enable(vectors)?;
    bring_back(&mut ctrl)?;
    Ok(ctrl)
}

/// After a reset: enabled, identified, with its number of queues set.
pub fn bring_back(ctrl: &mut Ctl<'_>) -> Outcome {
    ctrl.enable()?;
    ctrl.identify()
}

/// Admin queues in buffers of the test's own, so that it can use them again.
pub struct AdminQueues {
    sq: (Buffer, u64, Entries),
    cq: (Buffer, u64, Entries),
}

impl AdminQueues {
    /// Of 32 entries each, for memory pages of `page` bytes.
    pub fn new(ctrl: &mut Ctl<'_>, page: u64) -> Result<Self, Stop> {
        let entries = lab::ADMIN_ENTRIES;
        let (sq, sq_at) = aligned(ctrl, u64::from(entries.0) * 64, Perm::ToController, page)?;
        let (cq, cq_at) = aligned(ctrl, u64::from(entries.0) * 16, Perm::FromController, page)?;
        Ok(Self { sq: (sq, sq_at, entries), cq: (cq, cq_at, entries) })
    }

    /// Clears the completion queue and writes AQA, ASQ and ACQ.
    pub fn program(&self, ctrl: &mut Ctl<'_>) -> Outcome {
        self.clear(ctrl)?;
        let (sqs, cqs) = (self.sq.2.0 as u16 - 1, self.cq.2.0 as u16 - 1);
        let aqa = Aqa::new().with_asqs_z(sqs).with_acqs_z(cqs);
        ctrl.write(register::AQA, 4, u64::from(aqa.into_bits()))?;
        for (offset, (buffer, at, _)) in [(register::ASQ, self.sq), (register::ACQ, self.cq)] {
            let (ctrl_index, value) = (ctrl.index(), Word::At(buffer.id, at));
            ctrl.perform(&Action::WriteReg { ctrl: ctrl_index, offset, width: 8, value })?;
        }
        Ok(())
    }

    /// Clears the completion queue: without it, entries of an earlier life look new.
    pub fn clear(&self, ctrl: &mut Ctl<'_>) -> Outcome {
        let (buffer, at, entries) = self.cq;
        let (at, len) = (buffer.place(at), u64::from(entries.0) * 16);
        ctrl.perform(&Action::HostSet { at, len, value: 0 }).map(|_| ())
    }
}

/// A buffer with `bytes` bytes at an address aligned to `page`, and where in it that is.
fn aligned(ctrl: &mut Ctl<'_>, bytes: u64, perm: Perm, page: u64) -> Result<(Buffer, u64), Stop> {
    let buffer = ctrl.buffer_at(bytes + page, 0, perm, 0)?;
    Ok((buffer, buffer.at.0.next_multiple_of(page) - buffer.at.0))
}

/// Sets CC.EN with memory pages of 2^(12 + `mps`) bytes and waits until the controller is ready.
pub fn switch_on(ctrl: &mut Ctl<'_>, mps: u8) -> Outcome {
    let cc = Cc::new().with_en(true).with_mps(mps).with_iosqes(6).with_iocqes(4);
    ctrl.write(register::CC, 4, u64::from(cc.into_bits()))?;
    if ctrl.wait_for(register::CSTS, 4, 1, 1)? {
        return Ok(());
    }
    Err(Stop::PatienceOver("CSTS.RDY = 1".into()))
}

/// Enables a disabled controller with memory pages of 2^(12 + `mps`) bytes.
pub fn enable_with_pages(ctrl: &mut Ctl<'_>, mps: u8) -> Outcome {
    ctrl.cap()?;
    ctrl.vs()?;
    ctrl.csts()?;
    AdminQueues::new(ctrl, 4096 << mps)?.program(ctrl)?;
    switch_on(ctrl, mps)
}
