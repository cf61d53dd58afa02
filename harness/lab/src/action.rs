//! Actions: what a host intends, one small step each, with symbolic references.
//!
//! Everything that a [`crate::Lab`] does to a DUT is an action and goes through one door,
//! `Core::perform`. Actions name queues, buffers and commands, never addresses or times that were
//! seen, so a sequence of them means the same on another DUT.

use std::fmt;

use log::{Perm, ResetKind};
use spec::command::{Command, SetFeatures};
use spec::register::DoorbellKind;
use spec::{Addr, Cid, Fid, Qid, Req, Sqe};

/// Ids from here on belong to the lab itself (bring-up, audit) and never stand in a sequence.
pub(crate) const HIDDEN: u32 = 1 << 24;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }
    };
}
id! {
    /// A buffer in host memory, by its label in the sequence: `b3`.
    BufferId, "b"
}
id! {
    /// A command, by the label of its `submit` in the sequence: `c5`.
    CommandId, "c"
}

/// A place in host memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// An address as it is.
    Raw(Addr),
    /// Bytes from the start of a buffer.
    In(BufferId, u64),
}

/// A logical block address, as it is or counted from the last one of the namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Block {
    /// As it is.
    At(u64),
    /// The last LBA of the namespace plus this.
    FromLast(i64),
}

/// What of an SQE is symbolic: resolved when the entry is put into its slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Links {
    /// PRP Entry 1 points into this buffer.
    pub prp1: Option<(BufferId, u64)>,
    /// PRP Entry 2 points into this buffer.
    pub prp2: Option<(BufferId, u64)>,
    /// Starting LBA, counted from the last LBA of the command's namespace.
    pub slba: Option<i64>,
    /// The command that an Abort names (its SQID and CID).
    pub target: Option<CommandId>,
    /// The command identifier to use; without it the driver gives one.
    pub cid: Option<Cid>,
}

/// An entry of a PRP list, or a word of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// A value as it is.
    Raw(u64),
    /// The address of a place in a buffer.
    At(BufferId, u64),
}

/// What a [`Action::Wait`] waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// This command's completion was seen.
    Completed(CommandId),
    /// Every command of the controller that owes a completion has completed (an Asynchronous Event
    /// Request owes none).
    AllCompleted,
    /// A register, masked, holds a value: offset, width in bytes, mask, value.
    Register(u32, u8, u64, u64),
    /// A message of this vector was seen since the last look at interrupts.
    Interrupt(u16),
    /// The DUT has nothing left to do, or was quiet for the whole patience.
    Idle,
    /// At least so many accesses to the media are held ([`Action::Hold`]).
    Held(u32),
}

/// How long a wait lasts at most, in nanoseconds of the DUT's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Patience {
    /// As long as the profile and the register file say: the quiet window for completions, CAP.TO for RDY.
    #[default]
    Default,
    /// This long.
    Nanos(u64),
}

/// A claim on what the judge made of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimOn {
    /// Refused, judged by this requirement.
    RefusedBy(CommandId, Req),
    /// Accepted, and no check failed.
    Accepted(CommandId),
    /// Completed and ruled on, either way.
    Ruled(CommandId),
    /// Submitted and not completed at this moment.
    InFlight(CommandId),
    /// The requirement was judged since the start.
    Judged(Req),
}

/// One step of a host. `ctrl` is the index of the controller in the DUT's list of functions.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Reads a register.
    ReadReg {
        /// The controller.
        ctrl: u8,
        /// Byte offset in BAR 0.
        offset: u32,
        /// 1, 2, 4 or 8 bytes.
        width: u8,
    },
    /// Writes a register (a doorbell too, if the test wants an odd width).
    WriteReg {
        /// The controller.
        ctrl: u8,
        /// Byte offset in BAR 0.
        offset: u32,
        /// 1, 2, 4 or 8 bytes.
        width: u8,
        /// The value.
        value: Word,
    },
    /// Makes a buffer: allocates it, guards it, sets its bytes and maps it.
    Buffer {
        /// Its label.
        id: BufferId,
        /// How many bytes.
        bytes: u64,
        /// The first byte's offset in its page.
        offset: u32,
        /// The page that it is aligned to, in bytes (a power of two, 4096 at least).
        page: u32,
        /// Who may touch it.
        perm: Perm,
        /// The value of each byte.
        fill: u8,
    },
    /// Gives a buffer back. While a command may still touch it, it is quarantined instead.
    Free {
        /// Which.
        id: BufferId,
    },
    /// Writes tagged blocks into memory.
    Fill {
        /// The writer.
        ctrl: u8,
        /// Where the first block goes.
        at: Place,
        /// Bytes per block.
        block_bytes: u32,
        /// How many blocks.
        blocks: u32,
        /// The namespace they are meant for.
        nsid: u32,
        /// The LBA of the first.
        lba: Block,
    },
    /// Writes bytes into memory.
    HostWrite {
        /// Where.
        at: Place,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Sets bytes of memory to one value.
    HostSet {
        /// Where.
        at: Place,
        /// How many.
        len: u64,
        /// The value.
        value: u8,
    },
    /// Writes a PRP list.
    List {
        /// Where its first entry goes.
        at: Place,
        /// The entries.
        entries: Vec<Word>,
    },
    /// Puts an SQE into the tail slot of a submission queue. The controller sees it with the next ring.
    Submit {
        /// The controller.
        ctrl: u8,
        /// The submission queue.
        sqid: Qid,
        /// The command's label.
        id: CommandId,
        /// The entry, before links are resolved.
        sqe: Sqe,
        /// What of it is symbolic.
        links: Links,
    },
    /// Submit, ring, wait and release in one: a command that is sent alone.
    Send {
        /// The controller.
        ctrl: u8,
        /// The submission queue.
        sqid: Qid,
        /// The command's label.
        id: CommandId,
        /// The entry, before links are resolved.
        sqe: Sqe,
        /// What of it is symbolic.
        links: Links,
    },
    /// Changes one dword of an SQE that stands in its slot.
    Edit {
        /// The command.
        id: CommandId,
        /// Which dword, 0 to 15.
        dword: u8,
        /// Its new value.
        value: u32,
    },
    /// Writes the tail doorbell of a submission queue.
    Ring {
        /// The controller.
        ctrl: u8,
        /// The submission queue.
        sqid: Qid,
    },
    /// Writes the tail doorbell of every submission queue with new entries, in QID order, in one send.
    RingAll {
        /// The controller.
        ctrl: u8,
    },
    /// Writes any value to any doorbell, as it is.
    Doorbell {
        /// The controller.
        ctrl: u8,
        /// Tail or head.
        kind: DoorbellKind,
        /// The queue.
        qid: Qid,
        /// The value.
        value: u32,
    },
    /// One look at the head slot of a completion queue.
    Look {
        /// The controller.
        ctrl: u8,
        /// The completion queue.
        cqid: Qid,
    },
    /// Looks until a condition holds, or until the patience is over.
    Wait {
        /// The controller.
        ctrl: u8,
        /// For what.
        condition: Condition,
        /// How long.
        patience: Patience,
    },
    /// Looks again at the slots that were seen, and gives them back by the head doorbell.
    Release {
        /// The controller.
        ctrl: u8,
        /// The completion queue.
        cqid: Qid,
    },
    /// Looks at blocks in memory.
    Blocks {
        /// Where.
        at: Place,
        /// Bytes per block.
        block_bytes: u32,
        /// How many.
        blocks: u32,
    },
    /// Looks at bytes in memory.
    Bytes {
        /// Where.
        at: Place,
        /// How many.
        len: u64,
    },
    /// Turns MSI-X on with so many vectors, or off (0).
    MsixEnable {
        /// The controller.
        ctrl: u8,
        /// How many vectors.
        vectors: u16,
    },
    /// Masks or unmasks a vector.
    MsixMask {
        /// The controller.
        ctrl: u8,
        /// The vector.
        vector: u16,
        /// Whether it is masked from now on.
        masked: bool,
    },
    /// Reads the pending bit of a vector.
    MsixPending {
        /// The controller.
        ctrl: u8,
        /// The vector.
        vector: u16,
    },
    /// Looks for interrupts (and whatever else the transport shows by itself).
    Irq {
        /// The controller.
        ctrl: u8,
    },
    /// Enables a controller as bring-up does, with admin queues of the lab's own, waits until it is
    /// ready, and sets the number of queues.
    Enable {
        /// The controller.
        ctrl: u8,
    },
    /// Creates I/O CQ and I/O SQ `qid`, bound to each other, in memory of the lab's own.
    Pair {
        /// The controller.
        ctrl: u8,
        /// Both queues.
        qid: Qid,
        /// Entries of each.
        entries: u16,
    },
    /// Resets, by means outside the register file, or by CC.EN = 0 (and the wait for RDY = 0).
    Reset {
        /// The controller.
        ctrl: u8,
        /// How.
        kind: ResetKind,
    },
    /// From here on commands that need the media of a namespace stay in flight.
    Hold,
    /// What is held goes on, and nothing is held any more.
    LetGo,
    /// Sweeps the guard bytes of all buffers.
    Sweep,
    /// Drains, sweeps, reads back touched LBAs and their neighbours, features and Identify.
    Audit,
    /// A line of story.
    Note(String),
    /// A claim of the test.
    Claim(ClaimOn),
}

/// What a performed action showed.
#[derive(Clone, PartialEq, Debug)]
pub enum Seen {
    /// Nothing to say.
    Nothing,
    /// A register's value, or a pending bit.
    Value(u64),
    /// A look found this completion.
    Completion(spec::Cqe),
    /// A wait: whether its condition came true.
    Met(bool),
    /// The bytes looked at.
    Bytes(Vec<u8>),
    /// Blocks were looked at: the record of the log that holds their identities.
    Blocks(u32),
    /// How many guard bytes had changed.
    Changed(u64),
}

/// How much harm an action may do, decided by decode as if the DUT obeyed. Ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Hazard {
    /// Nothing that a power cycle does not mend.
    Harmless,
    /// May change data or saved settings.
    Erasing,
    /// May take other functions or the host down.
    Disruptive,
    /// Cannot be undone, or is not known.
    Irreversible,
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hazard::Harmless => "harmless",
            Hazard::Erasing => "erasing",
            Hazard::Disruptive => "disruptive",
            Hazard::Irreversible => "irreversible",
        })
    }
}

/// The controller of an action, by reference: shared or exclusive as the action is.
macro_rules! controller_of {
    ($action:expr) => {
        match $action {
            Action::ReadReg { ctrl, .. }
            | Action::WriteReg { ctrl, .. }
            | Action::Fill { ctrl, .. }
            | Action::Submit { ctrl, .. }
            | Action::Send { ctrl, .. }
            | Action::Ring { ctrl, .. }
            | Action::RingAll { ctrl }
            | Action::Doorbell { ctrl, .. }
            | Action::Look { ctrl, .. }
            | Action::Wait { ctrl, .. }
            | Action::Release { ctrl, .. }
            | Action::MsixEnable { ctrl, .. }
            | Action::MsixMask { ctrl, .. }
            | Action::MsixPending { ctrl, .. }
            | Action::Irq { ctrl }
            | Action::Enable { ctrl }
            | Action::Pair { ctrl, .. }
            | Action::Reset { ctrl, .. } => Some(ctrl),
            _ => None,
        }
    };
}

impl Action {
    /// The controller that it is about, if it is about one.
    pub fn ctrl(&self) -> Option<u8> {
        controller_of!(self).copied()
    }

    /// The same, to be changed.
    pub(crate) fn ctrl_mut(&mut self) -> Option<&mut u8> {
        controller_of!(self)
    }

    /// The hazard of this action. `controllers` is how many the DUT has.
    pub fn hazard(&self, controllers: u8) -> Hazard {
        match *self {
            Action::Submit { sqid, sqe, .. } | Action::Send { sqid, sqe, .. } => {
                command_hazard(sqid, &sqe)
            }
            // An edited opcode or NSID may turn any command into any other.
            Action::Edit { dword: 0, .. } => Hazard::Irreversible,
            Action::Edit { .. } | Action::HostWrite { .. } => Hazard::Erasing,
            Action::WriteReg { offset, .. } => register_hazard(offset),
            Action::Reset { kind: ResetKind::PowerCycle, .. } => Hazard::Disruptive,
            Action::Reset { kind: ResetKind::Conventional | ResetKind::Subsystem, .. } => {
                if controllers > 1 {
                    Hazard::Disruptive
                } else {
                    Hazard::Harmless
                }
            }
            _ => Hazard::Harmless,
        }
    }
}

fn register_hazard(offset: u32) -> Hazard {
    use spec::register as r;
    const ACQ_LAST: u32 = r::ACQ + 7;
    match offset {
        r::NSSR..r::AQA => Hazard::Disruptive,
        ..=ACQ_LAST | r::DOORBELLS.. => Hazard::Harmless,
        // Boot partitions, memory buffers, subsystem shutdown and what is not known.
        _ => Hazard::Irreversible,
    }
}

fn command_hazard(sqid: Qid, sqe: &Sqe) -> Hazard {
    use spec::opcode::{admin, nvm};
    match (sqid.is_admin(), sqe.opcode()) {
        (
            true,
            admin::DELETE_IO_SUBMISSION_QUEUE
            | admin::CREATE_IO_SUBMISSION_QUEUE
            | admin::GET_LOG_PAGE
            | admin::DELETE_IO_COMPLETION_QUEUE
            | admin::CREATE_IO_COMPLETION_QUEUE
            | admin::IDENTIFY
            | admin::ABORT
            | admin::GET_FEATURES
            | admin::ASYNCHRONOUS_EVENT_REQUEST,
        ) => Hazard::Harmless,
        (true, admin::SET_FEATURES) => feature_hazard(sqe),
        (false, nvm::FLUSH | nvm::READ) => Hazard::Harmless,
        (false, nvm::WRITE) => Hazard::Erasing,
        _ => Hazard::Irreversible,
    }
}

/// Set Features: volatile settings of the slice are harmless, saved ones change the drive.
fn feature_hazard(sqe: &Sqe) -> Hazard {
    let SetFeatures { fid, sv, .. } = SetFeatures::project(sqe);
    match fid {
        Fid::ARBITRATION
        | Fid::POWER_MANAGEMENT
        | Fid::TEMPERATURE_THRESHOLD
        | Fid::ERROR_RECOVERY
        | Fid::VOLATILE_WRITE_CACHE
        | Fid::NUMBER_OF_QUEUES
        | Fid::INTERRUPT_COALESCING
        | Fid::INTERRUPT_VECTOR_CONFIGURATION
        | Fid::WRITE_ATOMICITY_NORMAL
        | Fid::ASYNCHRONOUS_EVENT_CONFIGURATION => {
            if sv {
                Hazard::Erasing
            } else {
                Hazard::Harmless
            }
        }
        _ => Hazard::Irreversible,
    }
}
