//! Rounds of commands: I/O in batches, admin commands, aborts and events.

use log::Perm;
use spec::command::{
    Abort, AsyncEventRequest, Flush, GetFeatures, GetLogPage, Identify, Read, SetFeatures, Write,
};
use spec::opcode::{lookup, vendor_specific};
use spec::register::DoorbellKind;
use spec::{Cid, Cns, Entries, Fid, Lba, Lid, Nsid, Qid, QueueKind, Sqe};

use super::plan::{Look, Plan};
use crate::action::{Action, Block, Condition, Hazard, Links, Patience, Word};
use crate::host::NamespaceFacts;
use crate::layout::Shape;

/// Blocks near the start that most I/O falls on, so that commands meet.
const HOT_BLOCKS: u64 = 24;

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

    fn io_command(&mut self, ctrl: u8, sqid: Qid) {
        if self.options.namespaces.is_empty() {
            return;
        }
        let namespace = *self.random.pick(&self.options.namespaces.clone());
        let id = match self.random.below(10) {
            0 if self.random.one_in(4) && self.options.consent >= Hazard::Irreversible => {
                let sqe = Sqe::new(self.undefined_opcode(QueueKind::Nvm));
                let sqe = sqe.with_nsid(Nsid(namespace.nsid));
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
        ])
    }

    /// A Read or Write with its data.
    fn transfer(
        &mut self,
        ctrl: u8,
        sqid: Qid,
        namespace: NamespaceFacts,
        write: bool,
    ) -> crate::action::CommandId {
        let block = u64::from(namespace.block_bytes);
        let most = (self.options.transfer_bytes_max.min(64 * 1024) / block).max(1);
        let mut fault = self.fault();
        let mut blocks = match self.random.below(8) {
            0..5 => self.random.between(1, 4),
            5 | 6 => self.random.between(1, 20),
            _ => self.random.between(1, most),
        }
        .min(most);
        let page = self.options.page_bytes;
        let mut shape = self.shape(block, (blocks * block).div_ceil(page));
        match fault {
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
        let (perm, sqid_links) =
            (if write { Perm::ToController } else { Perm::FromController }, sqid);
        let (mut links, pieces) = self.data(ctrl, blocks * block, perm, shape);
        self.bend(&mut links, fault);
        if let Block::FromLast(n) = lba {
            links.slba = Some(n);
        }
        let invalid = *self.random.pick(&[0, 0xffff_fffe, u32::MAX]);
        let nsid = Nsid(if fault == Fault::InvalidNsid { invalid } else { namespace.nsid });
        let slba = Lba(if let Block::At(lba) = lba { lba } else { 0 });
        let nlb = Entries(blocks as u32);
        if write {
            self.fill(ctrl, &namespace, &pieces, lba);
        } else if fault == Fault::None {
            let block_bytes = namespace.block_bytes;
            self.looks.push(Look { ctrl, pieces, block_bytes });
        }
        let fua = self.random.one_in(8);
        let sqe = if write {
            Write { nsid, slba, nlb, fua, ..Write::default() }.into()
        } else {
            Read { nsid, slba, nlb, fua, ..Read::default() }.into()
        };
        self.submit(ctrl, sqid_links, sqe, links)
    }

    /// A shape in which no block is cut in two.
    fn shape(&mut self, block: u64, pages: u64) -> Shape {
        let page = self.options.page_bytes;
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

    fn fill(
        &mut self,
        ctrl: u8,
        namespace: &NamespaceFacts,
        pieces: &[(crate::action::Place, u64)],
        lba: Block,
    ) {
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

    /// One admin command that changes no queue.
    pub(super) fn admin_round(&mut self, ctrl: u8) {
        let nn = self.options.namespaces.iter().map(|ns| ns.nsid).max().unwrap_or(0);
        match self.random.below(11) {
            0 => {
                let cns = Cns::IDENTIFY_CONTROLLER;
                self.admin_in(ctrl, Identify { cns, ..Identify::default() }, 4096, true);
            }
            1 => {
                let nsid = Nsid(*self.random.pick(&[1, nn, nn + 1, 0, u32::MAX]));
                let good = (1..=nn).contains(&nsid.0);
                self.admin_in(ctrl, Identify { nsid, ..Identify::default() }, 4096, good);
            }
            2 => {
                let nsid = Nsid(*self.random.pick(&[0, 0, 1, nn, 0xffff_fffe, u32::MAX]));
                let cns = Cns::ACTIVE_NAMESPACE_ID_LIST;
                let good = nsid.0 < 0xffff_fffe;
                self.admin_in(ctrl, Identify { nsid, cns, ..Identify::default() }, 4096, good);
            }
            3 => {
                let sel = self.random.below(4) as u8;
                let fid = *self.random.pick(&[Fid::NUMBER_OF_QUEUES, Fid::VOLATILE_WRITE_CACHE]);
                self.admin(ctrl, GetFeatures { fid, sel, ..Default::default() }, Links::default());
            }
            4 if self.options.volatile_write_cache => {
                let (fid, cdw11) = (Fid::VOLATILE_WRITE_CACHE, self.random.below(2) as u32);
                let set = SetFeatures { fid, cdw11, ..SetFeatures::default() };
                self.admin(ctrl, set, Links::default());
            }
            5 => {
                // Refused once queues exist, granted again before.
                let cdw11 = *self.random.pick(&[0, 0x0003_0003, 0x000f_000f, 0x0000_ffff]);
                let fid = Fid::NUMBER_OF_QUEUES;
                let set = SetFeatures { fid, cdw11, ..SetFeatures::default() };
                if !self.ctrl(ctrl).sqs.is_empty() || !self.ctrl(ctrl).cqs.is_empty() {
                    self.admin(ctrl, set, Links::default());
                }
            }
            6 => {
                let entries = self.random.between(1, 4) as u16;
                let bytes = 64 * u64::from(entries);
                let page = GetLogPage {
                    lid: Lid::ERROR_INFORMATION,
                    numdl_z: 16 * entries - 1,
                    rae: self.random.one_in(2),
                    ..GetLogPage::default()
                };
                self.admin_in(ctrl, page, bytes, true);
            }
            7 => {
                let sqid = Qid(self.random.between(1, u64::from(self.options.io_queues)) as u16);
                let cid = Cid(0xfff0);
                self.admin(ctrl, Abort { sqid, cid }, Links::default());
            }
            8 if self.options.consent >= Hazard::Irreversible => {
                let opcode = self.undefined_opcode(QueueKind::Admin);
                self.admin(ctrl, Sqe::new(opcode), Links::default());
            }
            9 if self.options.volatile_write_cache && self.options.consent >= Hazard::Erasing => {
                // Refused if the value cannot be saved; kept over resets and power cycles if it can.
                let (fid, cdw11) = (Fid::VOLATILE_WRITE_CACHE, self.random.below(2) as u32);
                let set = SetFeatures { fid, cdw11, sv: true, ..SetFeatures::default() };
                self.admin(ctrl, set, Links::default());
            }
            _ => self.read_registers(ctrl),
        }
    }

    /// An opcode that no known revision defines, outside of the vendor's.
    fn undefined_opcode(&mut self, queue: QueueKind) -> u8 {
        // 79h to 7Dh mean something to a zoned namespace, which may be attached.
        let zoned = |opcode| queue == QueueKind::Nvm && (0x79..=0x7d).contains(&opcode);
        let all: Vec<u8> = (0..=u8::MAX)
            .filter(|&opcode| {
                lookup(queue, opcode).is_none() && !vendor_specific(queue, opcode) && !zoned(opcode)
            })
            .collect();
        *self.random.pick(&all)
    }

    fn read_registers(&mut self, ctrl: u8) {
        use spec::register as r;
        let (offset, width) = *self.random.pick(&[
            (r::CAP, 8),
            (r::VS, 4),
            (r::CC, 4),
            (r::CSTS, 4),
            (r::AQA, 4),
            (r::ASQ, 8),
            (r::ACQ, 8),
        ]);
        self.push(Action::ReadReg { ctrl, offset, width });
    }

    /// Aborts of commands that were just submitted.
    pub(super) fn abort_round(&mut self, ctrl: u8) {
        if !self.options.races {
            return;
        }
        self.settle(ctrl);
        let sq = self.ctrl(ctrl).sqs.iter().find(|sq| !sq.errored && Self::has_room(sq));
        let Some(sqid) = sq.map(|sq| sq.qid) else { return };
        self.io_command(ctrl, sqid);
        let Some((target, _)) = self.ctrl(ctrl).in_flight.last().copied() else { return };
        // The Abort may come before its target was fetched, while it runs, or after it.
        let before = self.random.one_in(2);
        if before {
            self.push(Action::Ring { ctrl, sqid });
        }
        let links = Links { target: Some(target), ..Links::default() };
        self.admin(ctrl, Abort::default(), links);
        if !before {
            self.push(Action::Ring { ctrl, sqid });
        }
        // An aborted read has filled nothing, or anything.
        self.looks.retain(|look| look.ctrl != ctrl);
        self.settle(ctrl);
    }

    /// An Asynchronous Event Request, an invalid doorbell value, the log page.
    pub(super) fn event_round(&mut self, ctrl: u8) {
        let limit = self.options.event_limit;
        if self.ctrl(ctrl).events < limit && self.random.one_in(2) {
            self.submit(ctrl, Qid::ADMIN, AsyncEventRequest::default().into(), Links::default());
            self.push(Action::Ring { ctrl, sqid: Qid::ADMIN });
            self.ctrl(ctrl).events += 1;
        }
        let good = self.ctrl(ctrl).sqs.iter().position(|sq| !sq.errored);
        if let Some(at) = good
            && self.random.one_in(2)
        {
            self.settle(ctrl);
            let sq = &mut self.ctrl(ctrl).sqs[at];
            sq.errored = true;
            let (qid, entries) = (sq.qid, sq.entries);
            let value = entries + self.random.below(3) as u32;
            self.push(Action::Doorbell { ctrl, kind: DoorbellKind::SqTail, qid, value });
            let (condition, patience) = (Condition::Idle, Patience::Nanos(20_000_000));
            self.push(Action::Wait { ctrl, condition, patience });
            let page = GetLogPage {
                lid: Lid::ERROR_INFORMATION,
                numdl_z: 15,
                rae: self.random.one_in(3),
                ..GetLogPage::default()
            };
            self.admin_in(ctrl, page, 64, true);
            self.ctrl(ctrl).events = 0;
            self.push(Action::Release { ctrl, cqid: Qid::ADMIN });
        }
    }

    /// Masks, pending bits and looks at interrupts.
    pub(super) fn interrupt_round(&mut self, ctrl: u8) {
        let vectors = self.options.msix_vectors;
        if !self.ctrl(ctrl).msix || vectors == 0 {
            if self.random.one_in(4) {
                self.push(Action::Irq { ctrl });
            } else {
                self.mask_round(ctrl);
            }
            return;
        }
        let vector = self.random.below(u64::from(vectors)) as u16;
        self.push(Action::MsixMask { ctrl, vector, masked: true });
        self.io_round(ctrl);
        self.push(Action::MsixPending { ctrl, vector });
        self.push(Action::MsixMask { ctrl, vector, masked: false });
        self.push(Action::Irq { ctrl });
    }

    /// INTMS and INTMC, which a host may only touch while MSI-X is off. Base-2.3 §3.1.4.3, §3.1.4.4.
    fn mask_round(&mut self, ctrl: u8) {
        use spec::register::{INTMC, INTMS};
        if self.msix_on.remove(&ctrl) {
            self.push(Action::MsixEnable { ctrl, vectors: 0 });
        }
        for _ in 0..self.random.between(1, 3) {
            let offset = *self.random.pick(&[INTMS, INTMC]);
            let value = Word::Raw(self.random.number() & 0xffff_ffff);
            self.push(Action::WriteReg { ctrl, offset, width: 4, value });
            let offset = *self.random.pick(&[INTMS, INTMC]);
            self.push(Action::ReadReg { ctrl, offset, width: 4 });
        }
    }
}
