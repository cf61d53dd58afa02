//! Buffers and data laid out by PRPs, as a test wants them.

use log::{Ident, Perm};
use spec::command::{Read, Write};
use spec::{Addr, Entries, Lba, Nsid, Qid, Sqe};

use crate::action::{Action, Block, BufferId, Place, Seen, Word};
use crate::answer::Answer;
use crate::ctl::Ctl;
use crate::layout::{Shape, lay_out, list_actions};
use crate::stop::{Outcome, Stop};

/// A buffer in host memory, with guard bytes around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Buffer {
    /// Its label.
    pub id: BufferId,
    /// Its first byte.
    pub at: Addr,
    /// Its length in bytes.
    pub bytes: u64,
}

impl Buffer {
    /// The place `offset` bytes from its start.
    pub fn place(&self, offset: u64) -> Place {
        Place::In(self.id, offset)
    }
}

/// Data laid out for a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Data {
    /// PRP Entry 1.
    pub prp1: Addr,
    /// PRP Entry 2.
    pub prp2: Addr,
    /// The pieces, in the order of the data: each is contiguous.
    pub pieces: Vec<(Place, u64)>,
    /// Length in bytes.
    pub bytes: u64,
    buffers: Vec<BufferId>,
}

impl Data {
    /// The SQE with these PRPs.
    pub fn at(&self, command: impl Into<Sqe>) -> Sqe {
        command.into().with_prps(self.prp1, self.prp2)
    }
}

impl<'d> Ctl<'d> {
    /// A buffer that the controller may read and write.
    pub fn buffer(&mut self, bytes: u64) -> Result<Buffer, Stop> {
        self.buffer_at(bytes, 0, Perm::Both, 0)
    }

    /// A buffer that the controller may only read.
    pub fn source(&mut self, bytes: u64) -> Result<Buffer, Stop> {
        self.buffer_at(bytes, 0, Perm::ToController, 0)
    }

    /// A buffer that the controller may only write. It starts out full of A5h.
    pub fn destination(&mut self, bytes: u64) -> Result<Buffer, Stop> {
        self.buffer_at(bytes, 0, Perm::FromController, 0xa5)
    }

    /// A buffer that starts `offset` bytes into a page.
    pub fn buffer_at(
        &mut self,
        bytes: u64,
        offset: u32,
        perm: Perm,
        fill: u8,
    ) -> Result<Buffer, Stop> {
        let page = self.page_bytes() as u32;
        self.make_buffer(bytes, (offset, page), perm, fill)
    }

    pub(crate) fn queue_buffer(
        &mut self,
        bytes: u64,
        perm: Perm,
        page: u64,
    ) -> Result<Buffer, Stop> {
        self.make_buffer(bytes, (0, page as u32), perm, 0)
    }

    fn make_buffer(
        &mut self,
        bytes: u64,
        (offset, page): (u32, u32),
        perm: Perm,
        fill: u8,
    ) -> Result<Buffer, Stop> {
        let mut core = self.core.borrow_mut();
        let id = core.next_buffer();
        core.perform(&Action::Buffer { id, bytes, offset, page, perm, fill })?;
        let at = core.place(Place::In(id, 0))?;
        Ok(Buffer { id, at, bytes })
    }

    /// Gives a buffer back; while an unfinished command may touch it, it is quarantined.
    pub fn free(&mut self, buffer: BufferId) -> Outcome {
        self.perform(&Action::Free { id: buffer }).map(|_| ())
    }

    /// Gives the buffers of laid out data back.
    pub fn free_data(&mut self, data: &Data) -> Outcome {
        data.buffers.iter().try_for_each(|id| self.free(*id))
    }

    /// Memory for `bytes` bytes of a command, laid out in a shape, with its PRP list.
    pub fn data(&mut self, bytes: u64, perm: Perm, shape: Shape) -> Result<Data, Stop> {
        let page = self.page_bytes();
        let first = self.core.borrow().next_buffer();
        let layout = lay_out(first, bytes, perm, shape, page);
        let mut core = self.core.borrow_mut();
        for action in &layout.actions {
            core.perform(action)?;
        }
        let (id, offset) = layout.prp1;
        let prp1 = core.place(Place::In(id, offset))?;
        let prp2 = match layout.prp2 {
            Some((id, offset)) => core.place(Place::In(id, offset))?,
            None => Addr(0),
        };
        Ok(Data { prp1, prp2, pieces: layout.pieces, bytes, buffers: layout.buffers })
    }

    /// Writes a PRP list for these entries; `slots` are left in its first page.
    pub fn prp_list(&mut self, entries: &[Word], slots: Option<u32>) -> Result<Buffer, Stop> {
        let page = self.page_bytes();
        let mut core = self.core.borrow_mut();
        let id = core.next_buffer();
        let actions = list_actions(id, entries, slots, page);
        for action in &actions {
            core.perform(action)?;
        }
        let at = core.place(Place::In(id, 0))?;
        let bytes = core.host.memory.get(id).map_or(0, |buffer| buffer.bytes);
        Ok(Buffer { id, at, bytes })
    }

    // ---- blocks

    /// Fills laid out data with tagged blocks for `nsid` from `lba` on.
    pub fn fill(&mut self, data: &Data, nsid: Nsid, lba: Lba) -> Outcome {
        let block_bytes = self.block_bytes(nsid)?;
        let mut lba = lba.0;
        for (place, len) in &data.pieces {
            let blocks = self.whole_blocks(*len, block_bytes)?;
            let ctrl = self.ctrl;
            let at = *place;
            let first = self.relative_lba(nsid, lba);
            let nsid = nsid.0;
            self.perform(&Action::Fill { ctrl, at, block_bytes, blocks, nsid, lba: first })?;
            lba = lba.wrapping_add(u64::from(blocks));
        }
        Ok(())
    }

    fn whole_blocks(&mut self, len: u64, block_bytes: u32) -> Result<u32, Stop> {
        if len.is_multiple_of(u64::from(block_bytes)) {
            return Ok((len / u64::from(block_bytes)) as u32);
        }
        let what = format!("a piece of {len} bytes cuts a block of {block_bytes} bytes in two");
        Err(self.core.borrow_mut().harness(&what))
    }

    fn relative_lba(&self, nsid: Nsid, lba: u64) -> Block {
        let Some(namespace) = self.namespace(nsid) else { return Block::At(lba) };
        let from_last = lba.wrapping_sub(namespace.last()).cast_signed();
        if (-64..=64).contains(&from_last) { Block::FromLast(from_last) } else { Block::At(lba) }
    }

    /// Looks at the blocks of laid out data.
    pub fn see_blocks(&mut self, data: &Data, nsid: Nsid) -> Result<Vec<Ident>, Stop> {
        let block_bytes = self.block_bytes(nsid)?;
        let mut all = Vec::new();
        for (place, len) in &data.pieces {
            let blocks = self.whole_blocks(*len, block_bytes)?;
            let seen = self.perform(&Action::Blocks { at: *place, block_bytes, blocks })?;
            if let Seen::Blocks(record) = seen {
                all.extend(self.core.borrow().idents(record));
            }
        }
        Ok(all)
    }

    fn block_bytes(&mut self, nsid: Nsid) -> Result<u32, Stop> {
        match self.namespace(nsid) {
            Some(namespace) => Ok(namespace.block_bytes),
            None => Err(self.core.borrow_mut().not_applicable(&format!("active namespace {nsid}"))),
        }
    }

    /// The lowest I/O submission queue, or the pair 1 made for it.
    pub fn some_io_queue(&mut self) -> Result<Qid, Stop> {
        let sqids = self.core.borrow().controller(self.ctrl).sqids();
        if let Some(qid) = sqids.into_iter().find(|qid| !qid.is_admin()) {
            return Ok(qid);
        }
        let entries = Entries(self.queue_entries_max().0.min(64));
        self.io_pair(Qid(1), entries)?;
        Ok(Qid(1))
    }

    /// Writes `blocks` tagged blocks from `lba` on, through [`Self::some_io_queue`].
    pub fn write_blocks(&mut self, nsid: Nsid, lba: Lba, blocks: u32) -> Result<Answer<'d>, Stop> {
        self.write_shaped(nsid, lba, blocks, Shape::default())
    }

    /// As [`Self::write_blocks`], with the data in this shape.
    pub fn write_shaped(
        &mut self,
        nsid: Nsid,
        lba: Lba,
        blocks: u32,
        shape: Shape,
    ) -> Result<Answer<'d>, Stop> {
        let qid = self.some_io_queue()?;
        let bytes = u64::from(blocks) * u64::from(self.block_bytes(nsid)?);
        let data = self.data(bytes, Perm::ToController, shape)?;
        self.fill(&data, nsid, lba)?;
        let nlb = Entries(blocks);
        self.io(qid, data.at(Write { nsid, slba: lba, nlb, ..Write::default() }))
    }

    /// Reads `blocks` blocks from `lba` on, through [`Self::some_io_queue`], and looks at them if the
    /// command succeeded.
    pub fn read_blocks(&mut self, nsid: Nsid, lba: Lba, blocks: u32) -> Result<Answer<'d>, Stop> {
        self.read_shaped(nsid, lba, blocks, Shape::default())
    }

    /// As [`Self::read_blocks`], with the data in this shape.
    pub fn read_shaped(
        &mut self,
        nsid: Nsid,
        lba: Lba,
        blocks: u32,
        shape: Shape,
    ) -> Result<Answer<'d>, Stop> {
        let qid = self.some_io_queue()?;
        let bytes = u64::from(blocks) * u64::from(self.block_bytes(nsid)?);
        let data = self.data(bytes, Perm::FromController, shape)?;
        let nlb = Entries(blocks);
        let answer = self.io(qid, data.at(Read { nsid, slba: lba, nlb, ..Read::default() }))?;
        if answer.status().is_success() {
            self.see_blocks(&data, nsid)?;
        }
        Ok(answer)
    }
}
