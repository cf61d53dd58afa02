//! Rounds of I/O commands, in batches.

use log::Perm;
use spec::command::{Flush, Read, Write};
use spec::{Addr, Entries, Lba, Nsid, Qid, QueueKind, Sqe};

use super::plan::{Look, Plan};
use super::tables::undefined_opcodes;
use crate::action::{Action, Block, CommandId, Hazard, Links, Place};
use crate::host::NamespaceFacts;
use crate::layout::Shape;

/// Blocks near the start that most I/O falls on, so that commands meet.
const HOT_BLOCKS: u64 = 24;
/// The largest transfer that is made where the controller allows more.
const MOST_BYTES: u64 = 512 * 1024;

/// What is wrong with an I/O command: one thing at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    None,
    /// A namespace that is not valid.
    InvalidNsid,
    /// The first block lies behind the last.
    BehindEnd,
    /// The last block lies behind the last.
    OverEnd,
    /// PRP Entry 1 is not a multiple of four bytes: it may be refused or the bits ignored.
    Prp1Bits,
    /// PRP Entry 2 points into a page, where it must point to its start.
    Prp2Offset,
    /// More than the largest transfer.
    TooLong,
    /// PRP Entry 1 points to where the controller has no memory.
    Nowhere,
}

impl Plan<'_> {
    /// A batch of I/O commands on one or several queues, mostly waited for.
    pub(super) fn io_round(&mut self, ctrl: u8) {
        let usable: Vec<Qid> = self
            .ctrl(ctrl)
            .sqs
            .iter()
            .filter(|sq| !sq.errored && Self::has_room(sq))
            .map(|sq| sq.qid)
            .collect();
        if usable.is_empty() {
            self.settle(ctrl);
            return;
        }
        let commands = match self.random.below(4) {
            0 | 1 => 1,
            2 => self.random.between(2, 4),
            _ => self.random.between(5, 12),
        };
        let one_queue = self.random.one_in(2);
        let first = *self.random.pick(&usable);
        for _ in 0..commands {
            let sqid = if one_queue { first } else { *self.random.pick(&usable) };
            let room = self.ctrl(ctrl).sqs.iter().any(|sq| sq.qid == sqid && Self::has_room(sq));
            if room {
                self.io_command(ctrl, sqid);
            }
            if self.random.one_in(6) {
                self.push(Action::Ring { ctrl, sqid });
            }
        }
        self.push(Action::RingAll { ctrl });
        if self.options.races && self.random.one_in(6) {
            return;
        }
        self.settle(ctrl);
    }

    pub(super) fn io_command(&mut self, ctrl: u8, sqid: Qid) {
        if self.options.namespaces.is_empty() {
            return;
        }
        let namespace = *self.random.pick(&self.options.namespaces.clone());
        let id = match self.random.below(10) {
            0 if self.random.one_in(4) && self.options.consent >= Hazard::Irreversible => {
                let opcode = *self.random.pick(&undefined_opcodes(QueueKind::Nvm));
                let sqe = Sqe::new(opcode).with_nsid(Nsid(namespace.nsid));
                self.submit(ctrl, sqid, sqe, Links::default())
            }
            0 => {
                let broadcast = self.random.one_in(4);
                let nsid = if broadcast { Nsid::BROADCAST } else { Nsid(namespace.nsid) };
                self.submit(ctrl, sqid, Flush { nsid }.into(), Links::default())
            }
            n => {
                let write = n % 2 == 0 && self.options.consent >= Hazard::Erasing;
                self.transfer(ctrl, sqid, namespace, write)
            }
        };
        self.ctrl(ctrl).in_flight.push((id, sqid));
    }

    fn fault(&mut self) -> Fault {
        if !self.random.one_in(7) {
            return Fault::None;
        }
        *self.random.pick(&[
            Fault::InvalidNsid,
            Fault::BehindEnd,
            Fault::OverEnd,
            Fault::Prp1Bits,
            Fault::Prp2Offset,
            Fault::TooLong,
            Fault::Nowhere,
        ])
    }

    /// A Read or Write with its data.
    fn transfer(
        &mut self,
        ctrl: u8,
        sqid: Qid,
        namespace: NamespaceFacts,
        write: bool,
    ) -> CommandId {
        let block = u64::from(namespace.block_bytes);
        let mut fault = self.fault();
        let mut blocks = self.blocks(block);
        let page = self.page_bytes(ctrl);
        let mut shape = self.shape(block, blocks * block, page);
        match fault {
            Fault::Nowhere if self.options.nowhere.is_none() => fault = Fault::None,
            Fault::TooLong if self.options.transfer_bytes_max <= 1 << 20 => {
                blocks = self.options.transfer_bytes_max / block + 1;
                shape = Shape::default();
            }
            Fault::TooLong => fault = Fault::None,
            Fault::Prp2Offset => {
                // Exactly two pages, so that PRP Entry 2 is a page and not a list.
                blocks = 2 * page / block;
                shape = Shape::default();
            }
            _ => {}
        }
        let lba = self.lba(&namespace, blocks, fault);
        let perm = if write { Perm::ToController } else { Perm::FromController };
        let (mut links, pieces) = self.data(ctrl, blocks * block, perm, shape);
        self.bend(&mut links, fault);
        if let Block::FromLast(n) = lba {
            links.slba = Some(n);
        }
        let nsid =
            if fault == Fault::InvalidNsid { self.no_namespace() } else { Nsid(namespace.nsid) };
        let slba = Lba(if let Block::At(lba) = lba { lba } else { 0 });
        let nlb = Entries(blocks as u32);
        if write {
            self.fill(ctrl, &namespace, &pieces, lba);
        } else if fault == Fault::None {
            let block_bytes = namespace.block_bytes;
            self.looks.push(Look { ctrl, pieces, block_bytes });
        }
        let fua = self.random.one_in(8);
        let nowhere = self.options.nowhere.filter(|_| fault == Fault::Nowhere);
        if nowhere.is_some() {
            links.prp1 = None;
        }
        let prp1 = Addr(nowhere.unwrap_or(0));
        let sqe = if write {
            Write { nsid, slba, nlb, fua, prp1, ..Write::default() }.into()
        } else {
            Read { nsid, slba, nlb, fua, prp1, ..Read::default() }.into()
        };
        self.submit(ctrl, sqid, sqe, links)
    }

    /// How many blocks of so many bytes a transfer moves: mostly few, seldom as many as it may.
    fn blocks(&mut self, block: u64) -> u64 {
        let limit = (self.options.transfer_bytes_max.min(MOST_BYTES) / block).max(1);
        let usual = (64 * 1024 / block).clamp(1, limit);
        match self.random.below(32) {
            0..20 => self.random.between(1, 4),
            20..28 => self.random.between(1, 20),
            28..31 => self.random.between(1, usual),
            _ => limit,
        }
        .min(limit)
    }

    /// An identifier that names no one namespace of the controller, or an inactive one.
    pub(super) fn no_namespace(&mut self) -> Nsid {
        let active = |nsid: &u32| self.options.namespaces.iter().any(|ns| ns.nsid == *nsid);
        let inactive: Vec<u32> =
            (1..=self.options.nn.min(64)).filter(|nsid| !active(nsid)).collect();
        if !inactive.is_empty() && self.random.one_in(2) {
            return Nsid(*self.random.pick(&inactive));
        }
        let above = self.options.nn.saturating_add(1);
        Nsid(*self.random.pick(&[0, above, 0xffff_fffe, u32::MAX]))
    }

    /// A shape in which no block is cut in two.
    pub(super) fn shape(&mut self, block: u64, bytes: u64, page: u64) -> Shape {
        let pages = bytes.div_ceil(page);
        let whole = page.is_multiple_of(block);
        let steps = if whole { page / block } else { 1 };
        Shape {
            offset: if self.random.one_in(3) {
                (self.random.below(steps) * block) as u32
            } else {
                0
            },
            scattered: whole && self.random.one_in(3),
            list_slots: match self.random.below(5) {
                0 => Some(1),
                1 => Some(self.random.between(2, 5) as u32),
                // The list ends with its page, or one entry before or behind.
                2 => Some(self.random.between(pages.saturating_sub(2), pages + 1).max(1) as u32),
                _ => None,
            },
        }
    }

    fn lba(&mut self, namespace: &NamespaceFacts, blocks: u64, fault: Fault) -> Block {
        let blocks = blocks.cast_signed();
        match fault {
            Fault::BehindEnd => Block::FromLast(self.random.between(1, 3).cast_signed()),
            // From the last LBA that the command may not start from, one block on.
            Fault::OverEnd if blocks > 1 => Block::FromLast(2 - blocks),
            Fault::OverEnd => Block::FromLast(1),
            // An invalid namespace has no last block to count from.
            _ if fault != Fault::InvalidNsid && self.random.one_in(8) && blocks <= 64 => {
                Block::FromLast(1 - blocks)
            }
            _ => {
                let room = namespace.blocks.saturating_sub(blocks.cast_unsigned()).min(HOT_BLOCKS);
                Block::At(self.random.below(room + 1))
            }
        }
    }

    fn bend(&mut self, links: &mut Links, fault: Fault) {
        if fault == Fault::Prp1Bits
            && let Some((_, offset)) = &mut links.prp1
        {
            *offset += self.random.between(1, 3);
        }
        if fault == Fault::Prp2Offset
            && let Some((_, offset)) = &mut links.prp2
        {
            *offset += 512;
        }
    }

    fn fill(&mut self, ctrl: u8, namespace: &NamespaceFacts, pieces: &[(Place, u64)], lba: Block) {
        let block_bytes = namespace.block_bytes;
        let mut done = 0;
        for (at, len) in pieces {
            let blocks = (len / u64::from(block_bytes)) as u32;
            let lba = match lba {
                Block::At(lba) => Block::At(lba + done),
                Block::FromLast(n) => Block::FromLast(n + done.cast_signed()),
            };
            let nsid = namespace.nsid;
            self.push(Action::Fill { ctrl, at: *at, block_bytes, blocks, nsid, lba });
            done += u64::from(blocks);
        }
    }
}
