//! What the host knows: its queues, its commands, and what the controllers have told it.
//!
//! This is bookkeeping of a driver, not judgement: it believes completions as any driver would.

use model::Profile;
use spec::register::{Cap, Cc};
use spec::{Addr, Cid, Cqe, Qid, Sqe};

use crate::action::CommandId;
use crate::memory::{Memory, Table, move_into};
use crate::queue::{Cq, Slots, Sq};

/// What became of a command, as the host sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Submitted; no completion was seen.
    InFlight,
    /// Its completion was seen.
    Completed(Cqe),
    /// Its queue was deleted: no completion will be seen, yet its buffers are not trusted.
    Dropped,
    /// A reset was confirmed: nothing of it is left.
    Lost,
}

/// A command that was submitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command {
    pub ctrl: u8,
    pub sqid: Qid,
    pub slot: u32,
    pub sqe: Sqe,
    /// Index of its `Submit` record.
    pub record: u32,
    pub fate: Fate,
}

impl Command {
    pub fn cid(&self) -> Cid {
        self.sqe.cid()
    }

    /// Whether no completion was seen and one may still come.
    pub fn is_in_flight(&self) -> bool {
        self.fate == Fate::InFlight
    }

    /// An Asynchronous Event Request waits for an event: it owes no completion.
    pub fn owes_completion(&self) -> bool {
        self.fate == Fate::InFlight && !(self.sqid.is_admin() && self.sqe.opcode() == AER)
    }
}

pub(crate) const AER: u8 = 0x0c;

/// What Identify Controller told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ControllerFacts {
    /// Maximum data transfer of one command in bytes, if there is a limit.
    pub transfer_bytes_max: Option<u64>,
    /// Number of Namespaces (NN).
    pub nn: u32,
    /// Abort Command Limit (ACL), as a number of commands.
    pub abort_limit: u32,
    /// Asynchronous Event Request Limit (AERL), as a number of commands.
    pub event_limit: u32,
    /// A volatile write cache is present (VWC bit 0).
    pub volatile_write_cache: bool,
    /// Optional NVM Command Support (ONCS).
    pub oncs: u16,
    /// Optional Admin Command Support (OACS).
    pub oacs: u16,
    /// Controller ID (CNTLID).
    pub cntlid: u16,
}

/// What Identify Namespace told of an active namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NamespaceFacts {
    /// Its identifier.
    pub nsid: u32,
    /// Its size in logical blocks (NSZE).
    pub blocks: u64,
    /// Bytes per logical block, without metadata.
    pub block_bytes: u32,
    /// Metadata bytes per logical block.
    pub metadata_bytes: u16,
}

impl NamespaceFacts {
    /// The last LBA.
    pub fn last(&self) -> u64 {
        self.blocks.saturating_sub(1)
    }
}

/// One controller, as its driver sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Controller {
    pub cap: Option<Cap>,
    pub cc: Cc,
    /// CSTS.RDY as it was last read, or as a reset leaves it.
    pub rdy: Option<bool>,
    pub aqa: u32,
    pub asq: u64,
    pub acq: u64,
    pub sqs: Vec<Option<Sq>>,
    pub cqs: Vec<Option<Cq>>,
    /// Granted I/O SQs and I/O CQs, once Set Features (Number of Queues) was answered.
    pub granted: Option<(u16, u16)>,
    pub facts: Option<ControllerFacts>,
    pub msix: Option<u16>,
    /// Messages seen and not yet waited for, per vector.
    pub interrupts: Vec<u32>,
    /// Logical blocks that the host tried to write: (NSID, first, how many).
    pub touched: Vec<(u32, u64, u32)>,
    /// A shutdown was asked for and no reset came since.
    pub shut_down: bool,
}

impl Controller {
    pub fn sq(&self, qid: Qid) -> Option<&Sq> {
        self.sqs.get(usize::from(qid.0))?.as_ref()
    }

    pub fn sq_mut(&mut self, qid: Qid) -> Option<&mut Sq> {
        self.sqs.get_mut(usize::from(qid.0))?.as_mut()
    }

    pub fn cq(&self, qid: Qid) -> Option<&Cq> {
        self.cqs.get(usize::from(qid.0))?.as_ref()
    }

    pub fn cq_mut(&mut self, qid: Qid) -> Option<&mut Cq> {
        self.cqs.get_mut(usize::from(qid.0))?.as_mut()
    }

    /// Whether a host may ring doorbells: enabled, seen ready, not shut down.
    pub fn is_ready(&self) -> bool {
        self.cc.en() && self.rdy == Some(true) && !self.shut_down
    }

    pub fn put_sq(&mut self, qid: Qid, sq: Sq) {
        put(&mut self.sqs, qid, sq);
    }

    pub fn put_cq(&mut self, qid: Qid, cq: Cq) {
        put(&mut self.cqs, qid, cq);
    }

    /// The identifiers of the completion queues that exist, ascending.
    pub fn cqids(&self) -> Vec<Qid> {
        ids(&self.cqs)
    }

    /// The lowest completion queue that exists with this identifier or a higher one.
    pub fn cqid_from(&self, qid: Qid) -> Option<Qid> {
        let from = usize::from(qid.0);
        let at = self.cqs.get(from..)?.iter().position(Option::is_some)?;
        Some(Qid((from + at) as u16))
    }

    /// The identifiers of the submission queues that exist, ascending.
    pub fn sqids(&self) -> Vec<Qid> {
        ids(&self.sqs)
    }

    /// Memory page size in bytes: the one that is, or will be, set in CC.MPS.
    pub fn page_bytes(&self) -> u64 {
        if self.cc.en() {
            self.cc.page_bytes()
        } else {
            4096 << self.cap.map_or(0, |cap| cap.mpsmin())
        }
    }

    /// The largest number of entries of an I/O queue (CAP.MQES).
    pub fn queue_entries_max(&self) -> u32 {
        self.cap.map_or(2, |cap| u32::from(cap.mqes_z()) + 1)
    }

    /// How long RDY may take to change, in nanoseconds (CAP.TO, in units of 500 ms).
    pub fn ready_timeout(&self) -> u64 {
        u64::from(self.cap.map_or(0xff, |cap| cap.to()).max(1)) * 500_000_000
    }
}

fn put<T>(table: &mut Vec<Option<T>>, qid: Qid, queue: T) {
    let at = usize::from(qid.0);
    if table.len() <= at {
        table.resize_with(at + 1, || None);
    }
    table[at] = Some(queue);
}

fn ids<T>(table: &[Option<T>]) -> Vec<Qid> {
    let present = table.iter().enumerate().filter(|(_, queue)| queue.is_some());
    present.map(|(at, _)| Qid(at as u16)).collect()
}

/// All that the host knows. Cloning it is the host's part of the prelude's snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub controllers: Vec<Controller>,
    pub memory: Memory,
    pub commands: Table<Command>,
    /// The last sequence number of a block tag.
    pub tag_sequence: u64,
    pub namespaces: Vec<NamespaceFacts>,
    /// Identify data structures that wait to be looked at: where, CNS, NSID, controller.
    pub identified: Vec<(Addr, u8, u32, u8)>,
    /// The last time that the host held the media.
    pub hold: Option<Hold>,
}

/// A time in which the host held the media, on the DUT's clock in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hold {
    pub since: u64,
    /// When it ended; none while it lasts.
    pub until: Option<u64>,
}

impl Hold {
    /// One that begins now. Where the last one ended less than a quiet window ago it goes on: what it
    /// delayed may be in flight yet.
    pub fn begun(last: Option<Self>, now: u64, profile: &Profile) -> Self {
        let goes_on = last.filter(|last| !last.is_over(now, profile.quiet_window));
        Self { since: goes_on.map_or(now, |last| last.since), until: None }
    }

    /// Whether it lasts no longer.
    pub fn has_ended(&self) -> bool {
        self.until.is_some()
    }

    /// Whether it had ended a quiet window before `at`, so that what it delayed should be done.
    pub fn is_over(&self, at: u64, quiet_window: u64) -> bool {
        self.until.is_some_and(|until| at >= until.saturating_add(quiet_window))
    }
}

impl Host {
    pub fn new(memory: Memory, controllers: u8) -> Self {
        Self {
            controllers: vec![Controller::default(); usize::from(controllers)],
            memory,
            commands: Table::default(),
            tag_sequence: 0,
            namespaces: Vec::new(),
            identified: Vec::new(),
            hold: None,
        }
    }

    /// Becomes a copy of `snapshot`, in memory that it has already where a test's length decides how much is
    /// needed.
    pub fn go_back_to(&mut self, snapshot: &Host) {
        let mut earlier = std::mem::replace(self, snapshot.clone());
        self.commands.keep_memory_of(&mut earlier.commands);
        for (now, earlier) in self.controllers.iter_mut().zip(&mut earlier.controllers) {
            move_into(&mut now.touched, std::mem::take(&mut earlier.touched));
        }
    }

    pub fn namespace(&self, nsid: u32) -> Option<&NamespaceFacts> {
        self.namespaces.iter().find(|ns| ns.nsid == nsid)
    }

    /// Whether an unfinished command may touch the range.
    pub fn is_busy(&self, at: Addr, bytes: u64) -> bool {
        let inside = |address: Addr| address.0.wrapping_sub(at.0) < bytes;
        self.commands.iter().any(|(_, c)| {
            // A list may name any buffer, so a command with a second PRP entry may touch all of them.
            c.fate != Fate::Lost
                && !matches!(c.fate, Fate::Completed(cqe) if !was_aborted(cqe))
                && (inside(c.sqe.prp1()) || inside(c.sqe.prp2()) || c.sqe.prp2().0 != 0)
        })
    }

    /// Takes the completion of a command into account. Gives back its id, if the host knows it.
    pub fn complete(&mut self, ctrl: u8, cqe: Cqe) -> Option<CommandId> {
        let sq = self.controllers[usize::from(ctrl)].sq_mut(cqe.sqid())?;
        sq.note_head(cqe.sqhd());
        let at = sq.find(cqe.cid())?;
        let (_, id) = sq.in_flight.remove(at);
        self.commands.get_mut(id.0)?.fate = Fate::Completed(cqe);
        Some(id)
    }

    /// The queue was deleted: its commands will not complete any more.
    pub fn drop_sq(&mut self, ctrl: u8, sqid: Qid) {
        let taken = self.controllers[usize::from(ctrl)].sqs.get_mut(usize::from(sqid.0));
        let Some(sq) = taken.and_then(Option::take) else { return };
        for (_, id) in sq.in_flight {
            if let Some(command) = self.commands.get_mut(id.0) {
                command.fate = Fate::Dropped;
            }
        }
    }

    /// The controller was reset: its queues are gone, its settings back at their defaults.
    pub fn forget_queues(&mut self, ctrl: u8) {
        for sqid in self.controllers[usize::from(ctrl)].sqids() {
            self.drop_sq(ctrl, sqid);
        }
        for command in self.commands.values_mut().filter(|c| c.ctrl == ctrl) {
            if command.fate == Fate::Dropped {
                command.fate = Fate::Lost;
            }
        }
        let controller = &mut self.controllers[usize::from(ctrl)];
        controller.cqs.clear();
        controller.granted = None;
        controller.shut_down = false;
        // Quarantined memory may still belong to another controller's unfinished commands.
        let open = |c: &Command| matches!(c.fate, Fate::InFlight | Fate::Dropped);
        if !self.commands.iter().any(|(_, c)| open(c)) {
            self.memory.end_quarantine();
        }
    }

    /// The controller was enabled: the admin queues are where AQA, ASQ and ACQ say.
    pub fn open_admin_queues(&mut self, ctrl: u8, now: u64) {
        let controller = &mut self.controllers[usize::from(ctrl)];
        let aqa = spec::register::Aqa::from(controller.aqa);
        let sq = Slots::Contiguous(controller.asq & !0xfff);
        let cq = Slots::Contiguous(controller.acq & !0xfff);
        controller.put_sq(Qid::ADMIN, Sq::new(sq, u32::from(aqa.asqs_z()) + 1, Qid::ADMIN));
        controller.put_cq(Qid::ADMIN, Cq::new(cq, u32::from(aqa.acqs_z()) + 1, now));
    }
}

/// Completed by an Abort or a queue's deletion: the controller may not have let go of its buffers.
fn was_aborted(cqe: Cqe) -> bool {
    matches!((cqe.status().sct(), cqe.status().sc()), (0, 0x07 | 0x08))
}
