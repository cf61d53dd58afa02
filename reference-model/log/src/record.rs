//! The record: a fixed head and a body of 64 bytes, as they stand in memory and in a trace.
//!
//! Typed access goes through [`Body`]: [`Record::body`] projects a record onto it (total: what is not
//! understood is [`Body::Unknown`]), and [`Record::new`] encodes one. Neither allocates.

mod codec;

use spec::{Addr, Cqe, Qid, Sqe};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::content::{BlockTag, Ident};
use crate::store::PayloadRef;

/// One thing that a host did or saw. 96 bytes, little-endian.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    /// What it is: a discriminant of [`Body`].
    pub kind: u8,
    /// The controller it concerns: index in the DUT's list of functions.
    pub ctrl: u8,
    /// The step (action) of the sequence it belongs to, modulo 2^16.
    pub step: u16,
    /// A small operand of the body.
    pub small: u32,
    /// Start of the interval: nanoseconds of the DUT's clock.
    pub not_before: u64,
    /// End of the interval: nanoseconds of the DUT's clock.
    pub seen: u64,
    /// A large operand of the body.
    pub large: u64,
    /// The rest of the body; unused bytes are zero.
    pub bytes: [u8; 64],
}

const _: () = assert!(size_of::<Record>() == 96);

/// When a record's event happened, on the clock of the DUT, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interval {
    /// Not before this time.
    pub not_before: u64,
    /// Seen at this time.
    pub seen: u64,
}

/// How a controller was reset. The order is that of width.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ResetKind {
    /// CC.EN from 1 to 0. Never a `Reset` record: the register write is the reset.
    Controller = 0,
    /// PCIe Function Level Reset.
    FunctionLevel = 1,
    /// Conventional reset (hot, warm or cold reset without loss of main power).
    Conventional = 2,
    /// NVM Subsystem Reset. Never a `Reset` record: the register write is the reset.
    Subsystem = 3,
    /// Main power was lost and came back.
    PowerCycle = 4,
}

impl ResetKind {
    /// From its number.
    pub const fn from_u8(n: u8) -> Option<Self> {
        Some(match n {
            0 => Self::Controller,
            1 => Self::FunctionLevel,
            2 => Self::Conventional,
            3 => Self::Subsystem,
            4 => Self::PowerCycle,
            _ => return None,
        })
    }
}

/// Who may touch a range of host memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Perm {
    /// The controller reads: SQs, PRP lists, data to be written.
    ToController = 1,
    /// The controller writes: CQs, data to be read.
    FromController = 2,
    /// Both.
    Both = 3,
}

impl Perm {
    /// From its number.
    pub const fn from_u8(n: u8) -> Option<Self> {
        Some(match n {
            1 => Self::ToController,
            2 => Self::FromController,
            3 => Self::Both,
            _ => return None,
        })
    }
}

/// Why an empty look was worth a record. The last look before a deadline verdict needs no reason of its own: the
/// deadlines that are judged (RDY, SHST) show in a register, and the last poll is its `RegisterRead`; a CQE
/// has none but the quiet window, whose last look is `GaveUp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum LookReason {
    /// A wait gave up: the patience of the action was over.
    GaveUp = 0,
    /// A sweep after a delete, a reset or an Abort.
    Sweep = 1,
    /// The DUT said that it is idle: nothing will change by itself.
    Idle = 2,
}

impl LookReason {
    /// From its number.
    pub const fn from_u8(n: u8) -> Option<Self> {
        Some(match n {
            0 => Self::GaveUp,
            1 => Self::Sweep,
            2 => Self::Idle,
            _ => return None,
        })
    }
}

/// A command as a claim names it: the n-th record of the segment, which must be its `Submit`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubmitRef(pub u32);

/// A claim of the test, for the judge to hold true or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// The model applied this very requirement to the command, the DUT refused, and the answer was
    /// judged by it.
    RefusedBy(SubmitRef, spec::Req),
    /// No check failed, and the DUT accepted.
    Accepted(SubmitRef),
    /// The command completed, and the judge ruled on it; either answer is fine.
    Ruled(SubmitRef),
    /// The command had been submitted and had not completed when this claim was made: a race that
    /// the test needs was reached.
    InFlight(SubmitRef),
    /// This requirement was judged at least once since the start of the segment (a non-check
    /// requirement: register values, phase, data, silence).
    Judged(spec::Req),
}

/// The projection of a record: what it says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Body {
    /// The first record of a segment. Details are JSON in the payload.
    Origin(Origin),
    /// The host read a register: offset, width in bytes, value.
    RegisterRead(RegisterWrite),
    /// The host wrote a register other than a doorbell, or a doorbell in an unusual width.
    RegisterWrite(RegisterWrite),
    /// The host wrote a doorbell.
    Doorbell(DoorbellWrite),
    /// The host put an SQE into a slot of a submission queue. It is not visible to the controller
    /// before the doorbell.
    Submit {
        /// The submission queue.
        sqid: Qid,
        /// The slot, 0's based index.
        slot: u16,
        /// The entry as written to memory.
        sqe: Sqe,
    },
    /// The host saw a CQE in a slot of a completion queue: its phase tag had changed.
    /// `not_before` is the start of the last look at this slot that saw it unchanged.
    Completion {
        /// The completion queue.
        cqid: Qid,
        /// The slot, 0's based index.
        slot: u16,
        /// The entry, copied once.
        cqe: Cqe,
    },
    /// The host looked at the head slot of a completion queue and it had not changed.
    EmptyLook(EmptyLook),
    /// A slot that had been consumed (or lies ahead) held something else when it was looked at
    /// again: a CQE overwritten or posted twice.
    SlotChanged {
        /// The completion queue.
        cqid: Qid,
        /// The slot, 0's based index.
        slot: u16,
        /// What stands there now.
        cqe: Cqe,
    },
    /// The host wrote tagged blocks into memory: block n is `tag.plus(n)`.
    Fill {
        /// Address of the first block.
        at: Addr,
        /// Bytes per block.
        block_bytes: u32,
        /// How many blocks.
        blocks: u32,
        /// The header of the first block.
        tag: BlockTag,
    },
    /// The host wrote blocks into memory that are not ours to generate (the data of a foreign
    /// driver); block n is recognised as `ident` n of the payload (8 bytes each, little-endian).
    BlocksWritten {
        /// Address of the first block.
        at: Addr,
        /// Bytes per block.
        block_bytes: u32,
        /// One [`Ident`] a block.
        payload: PayloadRef,
    },
    /// The host wrote raw bytes into memory (a PRP list, a range list, an edit of an SQE in its
    /// slot); the bytes are in the payload.
    HostWrite {
        /// Where.
        at: Addr,
        /// The bytes.
        payload: PayloadRef,
    },
    /// The host set `len` bytes of memory to one value.
    HostSet {
        /// Where.
        at: Addr,
        /// How many bytes.
        len: u64,
        /// The value of each.
        value: u8,
    },
    /// The host looked at blocks in memory; block n was recognised as `ident` n of the payload
    /// (8 bytes each, little-endian). Made after the completion of the command that filled them.
    BlocksSeen {
        /// Address of the first block.
        at: Addr,
        /// Bytes per block.
        block_bytes: u32,
        /// One [`Ident`] a block.
        payload: PayloadRef,
    },
    /// As `BlocksSeen` for up to six blocks, without payload.
    FewBlocksSeen {
        /// Address of the first block.
        at: Addr,
        /// Bytes per block.
        block_bytes: u32,
        /// How many of `idents` hold.
        count: u8,
        /// The identities.
        idents: [Ident; 6],
    },
    /// The host looked at bytes in memory (an Identify structure, a log page).
    BytesSeen {
        /// Where.
        at: Addr,
        /// The bytes.
        payload: PayloadRef,
    },
    /// Memory became accessible to the controllers.
    Map {
        /// Where.
        at: Addr,
        /// How many bytes.
        len: u64,
        /// Who may do what.
        perm: Perm,
    },
    /// Memory was taken away from the controllers (0 bytes: all of it).
    Unmap {
        /// Where.
        at: Addr,
        /// How many bytes.
        len: u64,
    },
    /// The controller accessed host memory (transports with exact DMA visibility).
    Dma {
        /// Where.
        at: Addr,
        /// How many bytes.
        len: u32,
        /// Whether the controller wrote.
        write: bool,
        /// Whether the access was refused: the memory is not mapped, or not so.
        fault: bool,
    },
    /// Guard bytes were swept over a range and found as they were left (`changed` 0), or changed.
    Sweep {
        /// Where.
        at: Addr,
        /// How many bytes were looked at.
        len: u64,
        /// How many bytes differed.
        changed: u64,
    },
    /// An interrupt was seen: vector and how many since the last look.
    Interrupt {
        /// The MSI-X vector, or 0 for INTx.
        vector: u16,
        /// How many messages (1 for a level).
        count: u32,
    },
    /// The host turned MSI-X on or off for the function.
    MsixEnable {
        /// Whether it is on now.
        on: bool,
        /// How many vectors the host programmed.
        vectors: u16,
    },
    /// The host masked or unmasked one MSI-X vector.
    MsixMask {
        /// The vector.
        vector: u16,
        /// Whether it is masked now.
        masked: bool,
    },
    /// The host read the pending bit of one MSI-X vector.
    MsixPending {
        /// The vector.
        vector: u16,
        /// The bit.
        pending: bool,
    },
    /// The host reset the function by means outside the register file. `seen` is when it was over.
    Reset {
        /// How.
        kind: ResetKind,
        /// Every function of the subsystem was reset with it.
        all: bool,
    },
    /// The DUT said that it has nothing left to do (emulator), or was quiet for the quiet window.
    Idle,
    /// The DUT is gone: process died, socket closed, device removed. Details in the payload.
    Death {
        /// In words.
        payload: PayloadRef,
    },
    /// The DUT answered an access with an error of the transport. Details in the payload.
    Refusal {
        /// In words.
        payload: PayloadRef,
    },
    /// The test claims something.
    Claim(Claim),
    /// The host wrote a line of story (a Given / When / Then of the test). In the payload.
    Note {
        /// In words.
        payload: PayloadRef,
    },
    /// The test does not apply to this DUT: what it needs is in the payload.
    NotApplicable {
        /// The missing capability, in words.
        payload: PayloadRef,
    },
    /// The harness itself failed. In the payload.
    HarnessError {
        /// In words.
        payload: PayloadRef,
    },
    /// The last record: the test ended. `audited` says whether the audit ran to its end.
    End {
        /// Whether the audit ran to its end.
        audited: bool,
    },
    /// A kind that this version does not know.
    Unknown(u8),
}

/// The origin record's fixed part; the rest (DUT, commit, seed, capabilities) is JSON in the payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Version of the record format: [`crate::trace::FORMAT`].
    pub format: u32,
    /// How many controllers the DUT has.
    pub controllers: u8,
    /// Where the log was taken: false at the host, true inside the device (zero-width intervals).
    pub device_vantage: bool,
    /// Whether every DMA of the DUT is in the log.
    pub exact_dma: bool,
    /// Whether a register read that returned has made earlier DMA of the controller visible.
    pub read_flushes_dma: bool,
    /// JSON.
    pub payload: PayloadRef,
}

/// One access to a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegisterWrite {
    /// Byte offset.
    pub offset: u32,
    /// 1, 2, 4 or 8 bytes.
    pub width: u8,
    /// The value.
    pub value: u64,
}

/// One write to a doorbell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DoorbellWrite {
    /// Submission queue tail or completion queue head.
    pub kind: spec::register::DoorbellKind,
    /// Of this queue.
    pub qid: Qid,
    /// All 32 bits.
    pub value: u32,
}

/// A look at a completion queue that saw no change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EmptyLook {
    /// The completion queue.
    pub cqid: Qid,
    /// The slot, 0's based index.
    pub slot: u16,
    /// Why it was recorded.
    pub reason: LookReason,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}..{} c{}] {:?}", self.not_before, self.seen, self.ctrl, self.body())
    }
}
