//! How a [`Body`] lies in a [`Record`]. One table of kinds, one arm each way.

use spec::register::DoorbellKind;
use spec::{Addr, Cqe, Qid, Sqe};

use super::{
    Body, Claim, DoorbellWrite, EmptyLook, Interval, LookReason, Origin, Perm, Record,
    RegisterWrite, ResetKind, SubmitRef,
};
use crate::content::{BlockTag, Ident};
use crate::store::PayloadRef;

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
const BLOCKS_WRITTEN: u8 = 32;

impl Record {
    /// Encodes `body` as seen by controller `ctrl` in step `step`. Whoever calls it knows the kind of body, so
    /// in place it is a few stores.
    #[inline(always)]
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

    fn encode_blocks(&mut self, body: Body) {
        let (kind, at, block_bytes, payload) = match body {
            Body::BlocksSeen { at, block_bytes, payload } => {
                (BLOCKS_SEEN, at, block_bytes, payload)
            }
            Body::BlocksWritten { at, block_bytes, payload } => {
                (BLOCKS_WRITTEN, at, block_bytes, payload)
            }
            _ => return,
        };
        self.encode_payload_at(kind, at, payload);
        self.small = block_bytes;
    }

    fn decode_blocks(&self, at: Addr) -> Body {
        let (block_bytes, payload) = (self.small, self.payload());
        match self.kind {
            BLOCKS_WRITTEN => Body::BlocksWritten { at, block_bytes, payload },
            _ => Body::BlocksSeen { at, block_bytes, payload },
        }
    }

    #[inline(always)]
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
            Body::BlocksSeen { .. } | Body::BlocksWritten { .. } => self.encode_blocks(body),
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
    #[inline(always)]
    pub fn body(&self) -> Body {
        self.decode().unwrap_or(Body::Unknown(self.kind))
    }

    #[inline(always)]
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
                    0 => DoorbellKind::SqTail,
                    1 => DoorbellKind::CqHead,
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
            BLOCKS_SEEN | BLOCKS_WRITTEN => self.decode_blocks(at),
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
