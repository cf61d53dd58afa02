//! The record: a fixed head and a body of 64 bytes, as they stand in memory and in a trace.
//!
//! Typed access goes through [`Body`]: [`Record::body`] projects a record onto it (total: what is not
//! understood is [`Body::Unknown`]), and [`Record::new`] encodes one. Neither allocates.

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

/// Why an empty look was worth a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum LookReason {
    /// A wait gave up: the patience of the action was over.
    GaveUp = 0,
    /// A sweep after a delete, a reset or an Abort.
    Sweep = 1,
    /// The DUT said that it is idle: nothing will change by itself.
    Idle = 2,
    /// A last look before a deadline is judged.
    Deadline = 3,
}

impl LookReason {
    /// From its number.
    pub const fn from_u8(n: u8) -> Option<Self> {
        Some(match n {
            0 => Self::GaveUp,
            1 => Self::Sweep,
            2 => Self::Idle,
            3 => Self::Deadline,
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

// Kinds. Append only: traces hold them.
const ORIGIN: u8 = 1;
const REGISTER_READ: u8 = 2;
const REGISTER_WRITE: u8 = 3;
const DOORBELL: u8 = 4;
const SUBMIT: u8 = 5;
const COMPLETION: u8 = 6;
const EMPTY_LOOK: u8 = 7;
const SLOT_CHANGED: u8 = 8;
const FILL: u8 = 9;
const HOST_WRITE: u8 = 10;
const HOST_SET: u8 = 11;
const BLOCKS_SEEN: u8 = 12;
const FEW_BLOCKS_SEEN: u8 = 13;
const BYTES_SEEN: u8 = 14;
const MAP: u8 = 15;
const UNMAP: u8 = 16;
const DMA: u8 = 17;
const SWEEP: u8 = 18;
const INTERRUPT: u8 = 19;
const MSIX_ENABLE: u8 = 20;
const MSIX_MASK: u8 = 21;
const MSIX_PENDING: u8 = 22;
const RESET: u8 = 23;
const IDLE: u8 = 24;
const DEATH: u8 = 25;
const REFUSAL: u8 = 26;
const CLAIM: u8 = 27;
const NOTE: u8 = 28;
const END: u8 = 29;
const NOT_APPLICABLE: u8 = 30;
const HARNESS_ERROR: u8 = 31;

impl Record {
    /// Encodes `body` as seen by controller `ctrl` in step `step`.
    pub fn new(ctrl: u8, step: u16, when: Interval, body: Body) -> Self {
        let mut r = Record {
            kind: 0,
            ctrl,
            step,
            small: 0,
            not_before: when.not_before,
            seen: when.seen,
            large: 0,
            bytes: [0; 64],
        };
        r.encode(body);
        r
    }

    /// When it happened.
    pub const fn when(&self) -> Interval {
        Interval { not_before: self.not_before, seen: self.seen }
    }

    fn put(&mut self, at: usize, value: u64) {
        self.bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn get(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().expect("eight bytes"))
    }

    fn put_payload(&mut self, payload: PayloadRef) {
        self.put(0, payload.offset);
        self.put(8, payload.len);
    }

    fn payload(&self) -> PayloadRef {
        PayloadRef { offset: self.get(0), len: self.get(8) }
    }

    fn encode(&mut self, body: Body) {
        match body {
            Body::Origin(o) => {
                self.kind = ORIGIN;
                self.small = o.format;
                self.put_payload(o.payload);
                self.bytes[16] = o.controllers;
                self.bytes[17] = u8::from(o.device_vantage);
                self.bytes[18] = u8::from(o.exact_dma);
                self.bytes[19] = u8::from(o.read_flushes_dma);
            }
            Body::RegisterRead(w) => self.encode_register(REGISTER_READ, w),
            Body::RegisterWrite(w) => self.encode_register(REGISTER_WRITE, w),
            Body::Doorbell(d) => {
                self.kind = DOORBELL;
                self.small = u32::from(d.qid.0) | (d.kind as u32) << 16;
                self.large = u64::from(d.value);
            }
            Body::Submit { sqid, slot, sqe } => {
                self.kind = SUBMIT;
                self.small = u32::from(sqid.0) | u32::from(slot) << 16;
                self.bytes = sqe.to_bytes();
            }
            Body::Completion { cqid, slot, cqe } => self.encode_cqe(COMPLETION, cqid, slot, cqe),
            Body::SlotChanged { cqid, slot, cqe } => self.encode_cqe(SLOT_CHANGED, cqid, slot, cqe),
            Body::EmptyLook(look) => {
                self.kind = EMPTY_LOOK;
                self.small = u32::from(look.cqid.0) | u32::from(look.slot) << 16;
                self.large = look.reason as u64;
            }
            Body::Fill { at, block_bytes, blocks, tag } => {
                self.kind = FILL;
                self.small = blocks;
                self.large = at.0;
                self.put(0, u64::from(block_bytes));
                self.put(8, u64::from(tag.nsid) | u64::from(tag.writer) << 32);
                self.put(16, tag.lba);
                self.put(24, tag.sequence);
            }
            Body::HostWrite { at, payload } => self.encode_payload_at(HOST_WRITE, at, payload),
            Body::HostSet { at, len, value } => {
                self.kind = HOST_SET;
                self.small = u32::from(value);
                self.large = at.0;
                self.put(0, len);
            }
            Body::BlocksSeen { at, block_bytes, payload } => {
                self.encode_payload_at(BLOCKS_SEEN, at, payload);
                self.small = block_bytes;
            }
            Body::FewBlocksSeen { at, block_bytes, count, idents } => {
                self.kind = FEW_BLOCKS_SEEN;
                self.small = block_bytes;
                self.large = at.0;
                for (n, ident) in idents.iter().enumerate() {
                    self.put(8 * n, ident.0);
                }
                self.bytes[48] = count;
            }
            Body::BytesSeen { at, payload } => self.encode_payload_at(BYTES_SEEN, at, payload),
            Body::Map { at, len, perm } => {
                self.kind = MAP;
                self.small = perm as u32;
                self.large = at.0;
                self.put(0, len);
            }
            Body::Unmap { at, len } => {
                self.kind = UNMAP;
                self.large = at.0;
                self.put(0, len);
            }
            Body::Dma { at, len, write, fault } => {
                self.kind = DMA;
                self.small = len;
                self.large = at.0;
                self.bytes[0] = u8::from(write);
                self.bytes[1] = u8::from(fault);
            }
            Body::Sweep { at, len, changed } => {
                self.kind = SWEEP;
                self.large = at.0;
                self.put(0, len);
                self.put(8, changed);
            }
            Body::Interrupt { vector, count } => {
                self.kind = INTERRUPT;
                self.small = u32::from(vector);
                self.large = u64::from(count);
            }
            Body::MsixEnable { on, vectors } => {
                self.kind = MSIX_ENABLE;
                self.small = u32::from(vectors);
                self.large = u64::from(on);
            }
            Body::MsixMask { vector, masked } => {
                self.kind = MSIX_MASK;
                self.small = u32::from(vector);
                self.large = u64::from(masked);
            }
            Body::MsixPending { vector, pending } => {
                self.kind = MSIX_PENDING;
                self.small = u32::from(vector);
                self.large = u64::from(pending);
            }
            Body::Reset { kind, all } => {
                self.kind = RESET;
                self.small = kind as u32;
                self.large = u64::from(all);
            }
            Body::Idle => self.kind = IDLE,
            Body::Death { payload } => self.encode_payload_at(DEATH, Addr(0), payload),
            Body::Refusal { payload } => self.encode_payload_at(REFUSAL, Addr(0), payload),
            Body::Claim(claim) => self.encode_claim(claim),
            Body::Note { payload } => self.encode_payload_at(NOTE, Addr(0), payload),
            Body::NotApplicable { payload } => {
                self.encode_payload_at(NOT_APPLICABLE, Addr(0), payload);
            }
            Body::HarnessError { payload } => {
                self.encode_payload_at(HARNESS_ERROR, Addr(0), payload);
            }
            Body::End { audited } => {
                self.kind = END;
                self.small = u32::from(audited);
            }
            Body::Unknown(kind) => self.kind = kind,
        }
    }

    fn encode_register(&mut self, kind: u8, w: RegisterWrite) {
        self.kind = kind;
        self.small = w.offset;
        self.large = w.value;
        self.bytes[0] = w.width;
    }

    fn encode_cqe(&mut self, kind: u8, cqid: Qid, slot: u16, cqe: Cqe) {
        self.kind = kind;
        self.small = u32::from(cqid.0) | u32::from(slot) << 16;
        self.bytes[..16].copy_from_slice(&cqe.to_bytes());
    }

    fn encode_payload_at(&mut self, kind: u8, at: Addr, payload: PayloadRef) {
        self.kind = kind;
        self.large = at.0;
        self.put_payload(payload);
    }

    fn encode_claim(&mut self, claim: Claim) {
        self.kind = CLAIM;
        let (what, submit, req) = match claim {
            Claim::RefusedBy(submit, req) => (0, submit.0, req.0),
            Claim::Accepted(submit) => (1, submit.0, 0),
            Claim::Ruled(submit) => (2, submit.0, 0),
            Claim::InFlight(submit) => (3, submit.0, 0),
            Claim::Judged(req) => (4, 0, req.0),
        };
        self.small = what;
        self.large = u64::from(submit) | u64::from(req) << 32;
    }

    /// What the record says.
    #[inline]
    pub fn body(&self) -> Body {
        self.decode().unwrap_or(Body::Unknown(self.kind))
    }

    fn decode(&self) -> Option<Body> {
        let at = Addr(self.large);
        let low = (self.small & 0xffff) as u16;
        let high = (self.small >> 16) as u16;
        Some(match self.kind {
            SUBMIT => {
                Body::Submit { sqid: Qid(low), slot: high, sqe: Sqe::from_bytes(&self.bytes) }
            }
            COMPLETION => Body::Completion { cqid: Qid(low), slot: high, cqe: self.cqe() },
            DOORBELL => Body::Doorbell(DoorbellWrite {
                kind: match high {
                    0 => spec::register::DoorbellKind::SqTail,
                    1 => spec::register::DoorbellKind::CqHead,
                    _ => return None,
                },
                qid: Qid(low),
                value: self.large as u32,
            }),
            ORIGIN => Body::Origin(Origin {
                format: self.small,
                controllers: self.bytes[16],
                device_vantage: self.bytes[17] != 0,
                exact_dma: self.bytes[18] != 0,
                read_flushes_dma: self.bytes[19] != 0,
                payload: self.payload(),
            }),
            REGISTER_READ => Body::RegisterRead(self.register()),
            REGISTER_WRITE => Body::RegisterWrite(self.register()),
            SLOT_CHANGED => Body::SlotChanged { cqid: Qid(low), slot: high, cqe: self.cqe() },
            EMPTY_LOOK => Body::EmptyLook(EmptyLook {
                cqid: Qid(low),
                slot: high,
                reason: LookReason::from_u8(self.large as u8)?,
            }),
            FILL => Body::Fill {
                at,
                block_bytes: self.get(0) as u32,
                blocks: self.small,
                tag: BlockTag {
                    nsid: self.get(8) as u32,
                    writer: (self.get(8) >> 32) as u32,
                    lba: self.get(16),
                    sequence: self.get(24),
                },
            },
            HOST_WRITE => Body::HostWrite { at, payload: self.payload() },
            HOST_SET => Body::HostSet { at, len: self.get(0), value: self.small as u8 },
            BLOCKS_SEEN => {
                Body::BlocksSeen { at, block_bytes: self.small, payload: self.payload() }
            }
            FEW_BLOCKS_SEEN => Body::FewBlocksSeen {
                at,
                block_bytes: self.small,
                count: self.bytes[48].min(6),
                idents: std::array::from_fn(|n| Ident(self.get(8 * n))),
            },
            BYTES_SEEN => Body::BytesSeen { at, payload: self.payload() },
            MAP => Body::Map { at, len: self.get(0), perm: Perm::from_u8(self.small as u8)? },
            UNMAP => Body::Unmap { at, len: self.get(0) },
            DMA => Body::Dma {
                at,
                len: self.small,
                write: self.bytes[0] != 0,
                fault: self.bytes[1] != 0,
            },
            SWEEP => Body::Sweep { at, len: self.get(0), changed: self.get(8) },
            INTERRUPT => Body::Interrupt { vector: low, count: self.large as u32 },
            MSIX_ENABLE => Body::MsixEnable { on: self.large != 0, vectors: low },
            MSIX_MASK => Body::MsixMask { vector: low, masked: self.large != 0 },
            MSIX_PENDING => Body::MsixPending { vector: low, pending: self.large != 0 },
            RESET => {
                Body::Reset { kind: ResetKind::from_u8(self.small as u8)?, all: self.large != 0 }
            }
            IDLE => Body::Idle,
            DEATH => Body::Death { payload: self.payload() },
            REFUSAL => Body::Refusal { payload: self.payload() },
            CLAIM => Body::Claim(self.claim()?),
            NOTE => Body::Note { payload: self.payload() },
            NOT_APPLICABLE => Body::NotApplicable { payload: self.payload() },
            HARNESS_ERROR => Body::HarnessError { payload: self.payload() },
            END => Body::End { audited: self.small != 0 },
            _ => return None,
        })
    }

    fn register(&self) -> RegisterWrite {
        RegisterWrite { offset: self.small, width: self.bytes[0], value: self.large }
    }

    fn cqe(&self) -> Cqe {
        Cqe::from_bytes(self.bytes[..16].try_into().expect("sixteen bytes"))
    }

    fn claim(&self) -> Option<Claim> {
        let submit = SubmitRef(self.large as u32);
        let req = spec::Req((self.large >> 32) as u16);
        if usize::from(req.0) >= spec::requirement::TABLE.len() {
            return None;
        }
        Some(match self.small {
            0 => Claim::RefusedBy(submit, req),
            1 => Claim::Accepted(submit),
            2 => Claim::Ruled(submit),
            3 => Claim::InFlight(submit),
            4 => Claim::Judged(req),
            _ => return None,
        })
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}..{} c{}] {:?}", self.not_before, self.seen, self.ctrl, self.body())
    }
}
