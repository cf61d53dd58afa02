//! The seams: where a planted defect may make the controller do otherwise. All defaults are
//! identities, so that without a defect the controller is the correct one.

use spec::{Cqe, Qid, Sqe, Status, Version};

use crate::config::Config;

/// A few numbers that a defect may keep: part of the state, so that rewinding takes them back.
pub type Notes = [u64; 8];

/// Where the controller is when it reaches a seam.
pub struct Scene<'a> {
    /// The controller's index.
    pub ctrl: usize,
    /// The time in nanoseconds.
    pub now: u64,
    /// The revision implemented.
    pub version: Version,
    /// The queue of the command at hand (0 where there is no command).
    pub sqid: Qid,
    /// The command at hand (all zeroes where there is none).
    pub sqe: &'a Sqe,
    /// The memory of the defect.
    pub notes: &'a mut Notes,
}

/// A check that a command, or a doorbell, can fail. `Some(status)` in [`Defect::on_check`] is a
/// failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// The opcode is implemented.
    Opcode,
    /// FUSE is 00b.
    Fuse,
    /// PSDT is 00b.
    Psdt,
    /// A command that uses no NSID has NSID 0.
    NsidUnused,
    /// The NSID is within 1 to NN.
    NsidValid,
    /// The NSID is not FFFFFFFFh where that is not allowed.
    NsidBroadcast,
    /// The namespace is attached.
    NsidActive,
    /// The queue identifier is within what was granted.
    QidRange,
    /// The queue identifier is free.
    QidInUse,
    /// The queue exists and is no admin queue.
    QidExists,
    /// The queue size is possible.
    QueueSize,
    /// The entry size was set in CC before a queue is created.
    EntrySize,
    /// The Completion Queue is not the admin queue.
    CqidAdmin,
    /// The Completion Queue identifier is within what was granted.
    CqidRange,
    /// The Completion Queue exists.
    CqidExists,
    /// A queue is physically contiguous where it has to be.
    Contiguous,
    /// The interrupt vector exists.
    Vector,
    /// No Submission Queue is bound to a Completion Queue to be deleted.
    CqInUse,
    /// A PRP entry has a possible offset.
    PrpOffset,
    /// The host memory is there.
    HostMemory,
    /// The transfer is within MDTS.
    Mdts,
    /// The logical blocks are there.
    LbaRange,
    /// The CNS value is implemented.
    Cns,
    /// The Command Set Identifier is that of an implemented command set.
    Csi,
    /// The log page is implemented.
    Lid,
    /// The log page offset is possible.
    LogOffset,
    /// The feature is implemented.
    Fid,
    /// The Select value is no reserved one.
    Select,
    /// The feature can be saved.
    Saveable,
    /// The value of the feature is a possible one.
    FeatureValue,
    /// The feature may be set for this NSID.
    FeatureScope,
    /// The number of queues requested is possible.
    QueueCount,
    /// The number of queues is set before any queue exists.
    QueueCountTime,
    /// The Abort Command Limit is kept.
    AbortLimit,
    /// The Asynchronous Event Request Limit is kept.
    AerLimit,
    /// A Submission Queue tail doorbell value is possible. Fails with a status that is never used.
    TailValue,
    /// A Completion Queue head doorbell value is possible. Fails with a status that is never used.
    HeadValue,
}

/// A number that the controller works with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// Entries of a PRP list in the rest of its memory page, the pointer to the next included.
    ListEntries,
    /// Entries that a Completion Queue can still take.
    CqFree,
    /// The logical block that a Read or Write begins at.
    Slba,
    /// The namespace that a command is for.
    Nsid,
    /// The second PRP entry of a data transfer.
    Prp2,
    /// Logical blocks of the namespace that a Read or Write is for.
    Blocks,
    /// Retain Asynchronous Event (RAE) of Get Log Page: 1 leaves the event alone.
    Retain,
    /// Whether a command that was aborted runs all the same, later: 0.
    VictimRuns,
    /// Units of 512 bytes that a Read or Write adds to the SMART counters.
    DataUnits,
    /// Bytes of a structure that are returned.
    Returned,
    /// The critical warnings whose event the host wants (SHCW).
    EnabledWarnings,
}

/// A data transfer between media and host memory that is about to be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// Whether it writes to host memory (Read, Identify...).
    pub to_host: bool,
    /// How many bytes are moved.
    pub bytes: u64,
    /// Made at all.
    pub done: bool,
    /// Made when the controller is next idle, after the completion was posted.
    pub late: bool,
}

/// A change of media: by a Write, or by a Flush (no blocks) or a shutdown (no command).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaChange {
    /// Durable when the command completes.
    pub durable: bool,
    /// Made at all.
    pub done: bool,
}

/// A CQE on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posting {
    /// The entry, phase tag included.
    pub cqe: Cqe,
    /// How often it is posted: 1.
    pub copies: u32,
}

/// A message on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Irq {
    /// The vector of the Completion Queue.
    pub vector: u16,
    /// Goes out although the vector is masked.
    pub ignore_masks: bool,
    /// Goes out at all.
    pub sent: bool,
}

/// What a reset does to the controller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResetWork {
    /// The kind.
    pub kind: log::ResetKind,
    /// I/O queues are deleted.
    pub deletes_queues: bool,
    /// Commands in flight are dropped.
    pub drops_commands: bool,
    /// Features go back to saved or default values.
    pub restores_features: bool,
    /// Outstanding Asynchronous Event Requests and events are dropped.
    pub drops_events: bool,
    /// The interrupt mask is cleared.
    pub clears_intm: bool,
    /// AQA, ASQ and ACQ are cleared (not by a Controller Reset).
    pub clears_admin_registers: bool,
    /// Saved feature values are forgotten.
    pub forgets_saved_features: bool,
    /// Commands that were in flight run all the same, later.
    pub lets_commands_run: bool,
    /// The other controllers lose their I/O queues as well.
    pub harms_others: bool,
    /// What is in the volatile write cache is lost (true for a loss of power only).
    pub loses_cache: bool,
    /// A loss of power is counted in SMART / Health Information.
    pub counts_power_cycle: bool,
}

/// What a controller does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// CSTS.RDY or CSTS.SHST changes.
    Transition,
    /// A message goes out: index in the list of signals.
    Signal(usize),
    /// A completion is posted: index in the list of executed commands.
    Post(usize),
    /// A command executes: index in the list of fetched commands.
    Execute(usize),
    /// A command is fetched from a queue.
    Fetch(u16),
    /// Nothing.
    Nothing,
}

/// A planted defect. One defect is one file in `defect/`.
pub trait Defect: Sync {
    /// Its name: `accept-any-cqid`.
    fn name(&self) -> &'static str;
    /// The requirements that it breaks, by name. A run that finds a divergence (of a "should", a warning)
    /// naming one of them has killed it, and `suites/tests/proof.rs` holds that each of them is shown.
    fn breaks(&self) -> &'static [&'static str];
    /// The real bug that it is modelled on, or the mistake that it stands for.
    fn story(&self) -> &'static str;
    /// Makes of `config` one where the defect can show.
    fn configure(&self, config: &mut Config) {
        let _ = config;
    }

    /// A command was fetched and is about to be looked at.
    fn on_fetch(&self, scene: &mut Scene, sqe: &mut Sqe) {
        let _ = (scene, sqe);
    }
    /// A check was made: `found` is the status to refuse with, if it failed.
    fn on_check(&self, scene: &mut Scene, check: Check, found: Option<Status>) -> Option<Status> {
        let _ = (scene, check);
        found
    }
    /// The controller is about to use a number.
    fn on_bound(&self, scene: &mut Scene, bound: Bound, value: u64) -> u64 {
        let _ = (scene, bound);
        value
    }
    /// Data is about to be moved.
    fn on_dma(&self, scene: &mut Scene, transfer: &mut Transfer) {
        let _ = (scene, transfer);
    }
    /// Media is about to change, or the cache to be flushed.
    fn on_media(&self, scene: &mut Scene, change: &mut MediaChange) {
        let _ = (scene, change);
    }
    /// A structure (Identify, log page) is about to be returned.
    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        let _ = (scene, data);
    }
    /// A CQE is about to be posted.
    fn on_cqe(&self, scene: &mut Scene, posting: &mut Posting) {
        let _ = (scene, posting);
    }
    /// A message is about to be sent.
    fn on_irq(&self, scene: &mut Scene, irq: &mut Irq) {
        let _ = (scene, irq);
    }
    /// An asynchronous event occurred. Whether its type counts as masked.
    fn on_event(&self, scene: &mut Scene, masked: bool) -> bool {
        let _ = scene;
        masked
    }
    /// A register (4 bytes at `offset`) is about to be read as `value`.
    fn on_reg_read(&self, scene: &mut Scene, offset: u32, value: u32) -> u32 {
        let _ = (scene, offset);
        value
    }
    /// A register (4 bytes at `offset`) is about to be written. `None`: the write is lost.
    fn on_reg_write(&self, scene: &mut Scene, offset: u32, value: u32) -> Option<u32> {
        let _ = (scene, offset);
        Some(value)
    }
    /// A reset is about to be made.
    fn on_reset(&self, scene: &mut Scene, work: &mut ResetWork) {
        let _ = (scene, work);
    }
    /// The controller is about to do a unit of work.
    fn next_work(&self, scene: &mut Scene, unit: Unit) -> Unit {
        let _ = scene;
        unit
    }
}

/// No defect.
pub struct Correct;

impl Defect for Correct {
    fn name(&self) -> &'static str {
        "none"
    }
    fn breaks(&self) -> &'static [&'static str] {
        &[]
    }
    fn story(&self) -> &'static str {
        "the correct controller"
    }
}
