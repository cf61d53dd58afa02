//! The runtime tables of one controller: queues' slots, what is in flight, transitions under way.

use std::sync::Arc;

use super::queues::{Cq, Sq};
use crate::lives::Counted;
use crate::memory::IntMap;
use crate::ruling::Forces;

/// A transition of CSTS under way: judged when a look begun after `deadline` saw the old state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transition {
    /// When it must be over, on the DUT's clock; `None`: no bound.
    pub deadline: Option<u64>,
    /// It was already reported late.
    pub reported: bool,
}

/// What CSTS.SHST may read as, one bit per value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shst(pub u8);

impl Shst {
    /// Normal operation.
    pub const NORMAL: Shst = Shst(1);
    /// Shutdown in progress.
    pub const OCCURRING: Shst = Shst(2);
    /// Shutdown complete.
    pub const COMPLETE: Shst = Shst(4);

    /// Either.
    pub const fn or(self, other: Shst) -> Shst {
        Shst(self.0 | other.0)
    }

    /// Whether the field may hold `value`.
    pub const fn allows(self, value: u8) -> bool {
        self.0 >> value & 1 != 0
    }
}

/// The runtime tables of one controller.
#[derive(Clone, Debug)]
pub struct Unit {
    /// How every requirement stands, worked out from the claims. Shared by snapshots.
    pub forces: Arc<Forces>,
    /// The claims have changed since.
    pub forces_stale: bool,
    /// Submission queues by identifier.
    pub sqs: Vec<Option<Box<Sq>>>,
    /// Completion queues by identifier.
    pub cqs: Vec<Option<Box<Cq>>>,
    /// The latest command with this (SQID << 16 | CID).
    pub by_cid: IntMap<u32, u32>,
    /// Asynchronous Event Requests in flight.
    pub aers: Vec<u32>,
    /// Aborts in flight.
    pub aborts: Vec<u32>,
    /// Commands in flight with a structural footprint.
    pub structural: Vec<u32>,
    /// The lower half of CAP, read while CAP was not known.
    pub cap_low: Option<u32>,
    /// RDY rising or falling.
    pub rdy: Transition,
    /// What CSTS.SHST may read as.
    pub shst: Shst,
    /// CC.SHN of the shutdown under way or complete.
    pub shutting_down: bool,
    /// The bits of the interrupt mask that INTMC cleared, where nothing else acted on them since.
    pub unmasked: u32,
    /// The bits of the interrupt mask that were 1 when a reset cleared them.
    pub mask_reset: u32,
    /// It has read memory that the host had not opened: nothing keeps it from doing so.
    pub reads_unmapped: bool,
    /// CC before the write that cleared EN: that write carried the other fields too, so each may read as
    /// it said, as here, or as after a reset.
    pub cc_unsure: Option<u32>,
    /// CC.CRIME when CAP was read, if it was known.
    pub cap_crime: Option<bool>,
    /// The last reset by means outside the register file; `None` since CC was written.
    pub reset_kind: Option<log::ResetKind>,
    /// Everything stopped at this time (RDY read as 0, or a reset was over): later CQEs are late.
    pub stopped_at: Option<u64>,
    /// The DUT is idle since this record, and nothing was done since.
    pub idle: bool,
    /// The last time anything of this controller was seen to change.
    pub last_change: u64,
    /// I/O commands: completed with success, and rung.
    pub counted: Counted,
    /// Stopped judging until a controller reset, because of this finding (`None`: no finding).
    pub lost: Option<Option<u32>>,
    /// Since then commands were rung that are not followed: they may read and write anything.
    pub unfollowed: bool,
    /// MSI-X vectors that the host has masked, and since when (their record's end).
    pub masked: Vec<(u16, u64)>,
    /// Vectors of completion queues that are gone. Messages may be delayed without limit.
    pub past_vectors: Vec<u16>,
    /// Per vector: messages seen, and when the last was.
    pub messages: IntMap<u16, (u32, u64)>,
    /// Writes of completion queue entries were seen: the transport shows them all.
    pub shows_postings: bool,
    /// Error events that may be owed or allowed.
    pub events: super::events::EventState,
    /// Events that the host enables.
    pub health: super::health::Health,
    /// The controller runs (CC.EN written 1): commands are taken.
    pub enabled: bool,
    /// A shutdown was seen complete, and it was not restarted since.
    pub was_shut_down: bool,
    /// The last record at which the controller was idle: all that was rung before was fetched.
    pub idle_record: u32,
    /// Commands whose completion had More set, since the last reset: (SQID, CID).
    pub more: Vec<(u16, u16)>,
    /// What could not be decided yet.
    pub open: Vec<super::reconsider::Open>,
    /// Of some queue it is not known whether it is there.
    pub unsure_queues: bool,
    /// I/O Submission Queues that were there when a reset came, and were not created again since.
    pub reset_sqs: Vec<u16>,
    /// The same of I/O Completion Queues.
    pub reset_cqs: Vec<u16>,
    /// What happened before, for requirements that only show afterwards.
    pub special: Special,
}

/// What happened to a controller before, for requirements that only show afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Special {
    /// How often it was reset.
    pub resets: u32,
    /// Nothing has completed since it was enabled.
    pub first_after_ready: bool,
    /// It was enabled with other admin queue sizes than before.
    pub new_admin_queue: bool,
    /// The admin queue sizes of the last enable.
    pub aqa: Option<spec::register::Aqa>,
    /// Another controller of the subsystem was reset while this one ran.
    pub other_was_reset: bool,
    /// Another controller of the subsystem was shut down while this one ran.
    pub other_was_shut_down: bool,
    /// A submission queue was deleted that had commands in flight when its Delete was rung, and whose
    /// entries are posted to this queue.
    pub deleted_busy: Option<u16>,
    /// A Set Features has succeeded.
    pub feature_set: bool,
    /// A Get Features has succeeded.
    pub feature_read: bool,
    /// A log page was read.
    pub log_page_read: bool,
    /// Commands were in flight when it was reset.
    pub dropped: bool,
    /// The admin tail was not 0 when it was reset.
    pub tail_moved: bool,
    /// I/O queues had been created before the last reset.
    pub queues_before: bool,
    /// Completion queues (bit n: identifier n) that were in an even pass (phase tags 0) when a reset took
    /// them.
    pub even_passes: u64,
    /// The last reset was a Controller Reset.
    pub by_controller_reset: bool,
    /// AQA, ASQ or ACQ was written since the last reset.
    pub admin_queue_written: bool,
    /// The enable after it found AQA, ASQ and ACQ as they were programmed before.
    pub admin_queue_kept: bool,
    /// Requests were outstanding when it was reset.
    pub dropped_aers: bool,
    /// Causes of error events that were not reported when it was reset.
    pub dropped_events: u32,
    /// Doorbell writes since the last reset for which an error event may come, less those reported.
    pub event_causes: u32,
}

impl Special {
    /// Whether any of it may concern the next completion.
    pub fn any(&self) -> bool {
        self.first_after_ready || self.other_was_reset || self.other_was_shut_down
    }
}

impl Default for Unit {
    fn default() -> Self {
        Self {
            forces: Arc::default(),
            forces_stale: true,
            sqs: Vec::new(),
            cqs: Vec::new(),
            by_cid: IntMap::default(),
            aers: Vec::new(),
            aborts: Vec::new(),
            structural: Vec::new(),
            cap_low: None,
            rdy: Transition::default(),
            shst: Shst::NORMAL.or(Shst::OCCURRING).or(Shst::COMPLETE),
            shutting_down: false,
            unmasked: 0,
            mask_reset: 0,
            reads_unmapped: false,
            cc_unsure: None,
            cap_crime: None,
            reset_kind: None,
            stopped_at: None,
            idle: false,
            last_change: 0,
            counted: Counted::default(),
            lost: None,
            unfollowed: false,
            masked: Vec::new(),
            past_vectors: Vec::new(),
            messages: IntMap::default(),
            shows_postings: false,
            events: super::events::EventState::default(),
            health: super::health::Health::default(),
            enabled: false,
            was_shut_down: false,
            idle_record: 0,
            more: Vec::new(),
            open: Vec::new(),
            unsure_queues: false,
            reset_sqs: Vec::new(),
            reset_cqs: Vec::new(),
            special: Special::default(),
        }
    }
}

impl Unit {
    /// The submission queue `qid`, if one is there (dead ones too).
    pub fn sq(&mut self, qid: u16) -> Option<&mut Sq> {
        self.sqs.get_mut(usize::from(qid))?.as_deref_mut()
    }

    /// The completion queue `qid`, if one is there (dead ones too).
    pub fn cq(&mut self, qid: u16) -> Option<&mut Cq> {
        self.cqs.get_mut(usize::from(qid))?.as_deref_mut()
    }

    /// Whether commands of a queue that posts to completion queue `cqid` are in flight.
    pub fn posts_to(&self, cqid: u16) -> bool {
        let mut sqs = self.sqs.iter().flatten();
        sqs.any(|sq| sq.cqid == cqid && sq.dead_since.is_none() && !sq.in_flight.is_empty())
    }

    /// Puts a submission queue in place.
    pub fn put_sq(&mut self, qid: u16, sq: Sq) {
        let at = usize::from(qid);
        if self.sqs.len() <= at {
            self.sqs.resize_with(at + 1, || None);
        }
        self.sqs[at] = Some(Box::new(sq));
    }

    /// Remembers the vector of a completion queue that makes room for another.
    fn forget_vector(&mut self, at: usize) {
        if let Some(Some(old)) = self.cqs.get(at)
            && old.ien
            && !self.past_vectors.contains(&old.iv)
        {
            self.past_vectors.push(old.iv);
        }
    }

    /// Takes all queues away.
    pub fn clear_queues(&mut self) {
        for at in 0..self.cqs.len() {
            self.forget_vector(at);
        }
        self.sqs.clear();
        self.cqs.clear();
    }

    /// Puts a completion queue in place.
    pub fn put_cq(&mut self, qid: u16, mut cq: Cq) {
        let at = usize::from(qid);
        cq.again = self.cqs.get(at).is_some_and(Option::is_some);
        self.forget_vector(at);
        if self.cqs.len() <= at {
            self.cqs.resize_with(at + 1, || None);
        }
        self.cqs[at] = Some(Box::new(cq));
    }
}
