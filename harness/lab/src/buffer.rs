//! Buffers and data laid out by PRPs, as a test wants them.

use log::{Ident, Perm};
use spec::command::{Read, Write};
use spec::{Addr, Entries, Lba, Nsid, Qid, Sqe};

use crate::action::{Action, Block, BufferId, Place, Seen, Word};
use crate::answer::Answer;
use crate::ctl::Ctl;
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

/// How the data of a command lies in memory, and how its PRPs describe it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shape {
    /// Offset of the first byte in its page.
    pub offset: u32,
    /// Pages lie apart and in descending order, instead of one after the other.
    pub scattered: bool,
    /// How many entries fit from the start of the PRP list to the end of its page; `None`: the list
    /// starts with a page. With 1 the first list page holds nothing but the pointer to the next.
    pub list_slots: Option<u32>,
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
        let offset = u64::from(shape.offset) & (page - 1);
        let pages = (offset + bytes).div_ceil(page).max(1);
        let fill = if perm == Perm::FromController { 0xa5 } else { 0 };
        let mut data = if shape.scattered && pages > 1 {
            self.scattered(bytes, offset, pages, perm, fill)?
        } else {
            let buffer = self.buffer_at(bytes, offset as u32, perm, fill)?;
            let pieces = vec![(buffer.place(0), bytes)];
            Data { prp1: buffer.at, prp2: Addr(0), pieces, bytes, buffers: vec![buffer.id] }
        };
        let entries = self.page_entries(&data, page)?;
        match entries.len() {
            0 => {}
            1 => data.prp2 = Addr(self.core.borrow_mut().word(entries[0])?),
            _ => {
                let (list, id) = self.prp_list(&entries, shape.list_slots)?;
                data.prp2 = list;
                data.buffers.push(id);
            }
        }
        Ok(data)
    }

    /// Every second page of a buffer, last one first.
    fn scattered(
        &mut self,
        bytes: u64,
        offset: u64,
        pages: u64,
        perm: Perm,
        fill: u8,
    ) -> Result<Data, Stop> {
        let page = self.page_bytes();
        let buffer = self.buffer_at((2 * pages - 1) * page, 0, perm, fill)?;
        let mut pieces = Vec::new();
        let (mut left, mut skip) = (bytes, offset);
        for n in 0..pages {
            let len = left.min(page - skip);
            pieces.push((buffer.place(2 * (pages - 1 - n) * page + skip), len));
            left -= len;
            skip = 0;
        }
        let prp1 = self.core.borrow_mut().place(pieces[0].0)?;
        Ok(Data { prp1, prp2: Addr(0), pieces, bytes, buffers: vec![buffer.id] })
    }

    /// PRP entries for every page but the first.
    fn page_entries(&mut self, data: &Data, page: u64) -> Result<Vec<Word>, Stop> {
        let mut entries = Vec::new();
        for (place, len) in &data.pieces {
            let at = self.core.borrow_mut().place(*place)?;
            let Place::In(id, start) = *place else { continue };
            let mut offset = 0;
            while offset < *len {
                entries.push(Word::At(id, start + offset));
                offset += page - Addr(at.0 + offset).offset(page);
            }
        }
        entries.remove(0);
        Ok(entries)
    }

    /// Writes a PRP list for these entries; `slots` are left in its first page.
    pub fn prp_list(
        &mut self,
        entries: &[Word],
        slots: Option<u32>,
    ) -> Result<(Addr, BufferId), Stop> {
        let page = self.page_bytes();
        let per_page = page / spec::prp::ENTRY_BYTES;
        let first = u64::from(slots.unwrap_or(per_page as u32)).clamp(1, per_page);
        let start = page - first * spec::prp::ENTRY_BYTES;
        let pages = spec::prp::list_pages(Addr(start), entries.len() as u64, page);
        let bytes = pages * page - start;
        let list = self.buffer_at(bytes, start as u32, Perm::ToController, 0)?;
        let mut words = Vec::new();
        let mut left = entries;
        let mut room = first as usize;
        // The last entry of a list page points to the next one, unless all that is left fits.
        while left.len() > room {
            let (now, later) = left.split_at(room - 1);
            words.extend_from_slice(now);
            words.push(Word::At(list.id, 8 * (words.len() as u64 + 1)));
            left = later;
            room = per_page as usize;
        }
        words.extend_from_slice(left);
        self.perform(&Action::List { at: list.place(0), entries: words })?;
        Ok((list.at, list.id))
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
            if let Seen::Blocks(idents) = seen {
                all.extend(idents);
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
